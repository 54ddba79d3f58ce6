-- What the trigger server asks and does. Quotes and candidates are given as columns (arrays of equal length).

-- name: armed_since
-- What was armed, or changed while armed, by transactions that the snapshot behind the marker did not see ('0': everything):
-- for each symbol the highest reach of its buys and the lowest of its sells, beside the marker for the next time. One row
-- with a null symbol when there is nothing. A row may come again, none is left out.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text, armed.symbol, armed.buy_cents, armed.sell_cents
FROM (VALUES (1)) AS always
LEFT JOIN (
    SELECT symbol, max(reach_cents) FILTER (WHERE side = 1) AS buy_cents, min(reach_cents) FILTER (WHERE side = 2) AS sell_cents
    FROM trigger_order
    WHERE reach_cents IS NOT NULL AND written_by >= %(marker)s::xid8
    GROUP BY symbol
) AS armed ON true;

-- name: reaches
-- The same for some symbols, with everything that is armed on them now; both null for a symbol on which nothing is.
SELECT wanted.symbol,
       (SELECT max(reach_cents) FROM trigger_order AS t WHERE t.symbol = wanted.symbol AND t.side = 1 AND reach_cents IS NOT NULL),
       (SELECT min(reach_cents) FROM trigger_order AS t WHERE t.symbol = wanted.symbol AND t.side = 2 AND reach_cents IS NOT NULL)
FROM unnest(%(symbols)b::text[]) AS wanted (symbol);

-- name: longest_armed
-- The trigger that has been armed on each symbol for the longest time, on whose behalf a quote is asked for. Nothing for a
-- symbol on which none is armed.
SELECT wanted.symbol, first.username, first.session_id, first.number
FROM unnest(%(symbols)b::text[]) AS wanted (symbol)
CROSS JOIN LATERAL (
    SELECT username, session_id, number FROM trigger_order AS t
    WHERE t.symbol = wanted.symbol AND reach_cents IS NOT NULL
    ORDER BY armed_ms, session_id, number LIMIT 1
) AS first;

-- name: candidates
-- Armed triggers that the quotes reach, as far as one can tell without a lock.
SELECT t.username, t.symbol, t.side
FROM unnest(%(symbols)b::text[], %(prices)b::bigint[], %(quote_times)b::bigint[]) AS q (symbol, price_cents, quote_time_ms)
CROSS JOIN LATERAL (
    SELECT username, symbol, side FROM trigger_order
    WHERE symbol = q.symbol AND side = 1 AND reach_cents >= q.price_cents
    UNION ALL
    SELECT username, symbol, side FROM trigger_order
    WHERE symbol = q.symbol AND side = 2 AND reach_cents <= q.price_cents
) AS t
CROSS JOIN LATERAL (SELECT timestamp_ms FROM account WHERE username = t.username OFFSET 0) AS a
WHERE greatest(%(now_ms)s, a.timestamp_ms) - q.quote_time_ms <= %(life_ms)s
LIMIT %(most)s;

-- name: fire
-- Fires what of the candidates is still to be fired (migrations 0002 and 0006): one transaction, one round trip.
SELECT fire_triggers(
    %(users)b::text[], %(symbols)b::text[], %(sides)b::smallint[], %(prices)b::bigint[], %(quote_times)b::bigint[],
    %(now_ms)s, %(life_ms)s, %(max_cash)s, %(max_shares)s, %(server)s, %(wait)s
);
