-- What the shares held (free and reserved) cost in total: what was bought adds what was paid for it, what is sold takes its part
-- of the cost, rounded down. So the last share takes the rest, and there is a cost if and only if there are shares.
ALTER TABLE holding ADD COLUMN cost_cents bigint NOT NULL DEFAULT 0 CHECK (cost_cents >= 0);

-- 3, 4: the shares that a fire bought or sold, or that an expiry gave up (buy) or returned (sell).
ALTER TABLE audit ADD COLUMN shares bigint;

-- Both follow from the log and the replies that are stored for repeats, so what is there gets what it would have, had these
-- columns always been there. A holding that the log does not explain (there is none, but by hand) keeps the cost 0.
UPDATE audit AS e SET shares = (substr(c.reply, 4)::json ->> 'shares')::bigint
FROM command AS c
WHERE e.kind = 3 AND c.session_id = e.session_id AND c.number = e.number AND starts_with(c.reply, 'OK {');

-- A sell trigger's fire adds what its shares bring; a buy trigger's spends the amount that was set last.
UPDATE audit SET shares = added_cents / price_cents WHERE kind = 4 AND command = 13;
UPDATE audit AS e SET shares = f.amount_cents / e.price_cents
FROM (
    SELECT username, seq, kind, first_value(funds_cents) OVER (PARTITION BY username, symbol, amounts ORDER BY seq) AS amount_cents
    FROM (
        SELECT *, count(*) FILTER (WHERE kind = 1) OVER (PARTITION BY username, symbol ORDER BY seq) AS amounts
        FROM audit WHERE error IS NULL AND (kind = 1 AND command = 9 OR kind = 4 AND command = 11)
    ) AS counted
) AS f
WHERE e.kind = 4 AND f.kind = 4 AND e.username = f.username AND e.seq = f.seq AND e.command = 11;

-- Shares and cost after each trade, as the tiers count them (core.limits.MAX_COST_CENTS).
CREATE FUNCTION pg_temp.after_trade(held numeric[], bought bigint, cents numeric) RETURNS numeric[] LANGUAGE sql AS $$
    SELECT CASE
        WHEN bought > 0 THEN ARRAY[held[1] + bought, least(held[2] + cents, 4000000000000000000)]
        ELSE ARRAY[held[1] + bought, held[2] + div(held[2] * bought, nullif(held[1], 0))]
    END
$$;
CREATE AGGREGATE pg_temp.after_trades(bigint, numeric) (sfunc = pg_temp.after_trade, stype = numeric[], initcond = '{0, 0}');

UPDATE holding AS h SET cost_cents = t.held[2]
FROM (
    SELECT username, symbol, pg_temp.after_trades(bought, cents ORDER BY seq) AS held
    FROM (
        SELECT e.username, e.seq, r.told ->> 'symbol' AS symbol,
               (r.told ->> 'shares')::bigint * CASE e.command WHEN 4 THEN 1 ELSE -1 END AS bought,
               (r.told ->> 'shares')::numeric * (r.told ->> 'price')::numeric * 100 AS cents
        FROM audit AS e
        JOIN command AS c USING (session_id, number)
        CROSS JOIN LATERAL (SELECT substr(c.reply, 4)::json AS told WHERE starts_with(c.reply, 'OK {')) AS r
        WHERE e.kind = 1 AND e.command IN (4, 7) AND e.error IS NULL
        UNION ALL
        SELECT username, seq, symbol, shares * CASE command WHEN 11 THEN 1 ELSE -1 END, shares::numeric * price_cents
        FROM audit WHERE kind = 4
    ) AS trade
    WHERE bought IS NOT NULL
    GROUP BY username, symbol
) AS t
WHERE h.username = t.username AND h.symbol = t.symbol AND t.held[1] = h.shares + h.reserved_shares AND t.held[2] > 0;
DROP AGGREGATE pg_temp.after_trades(bigint, numeric);
DROP FUNCTION pg_temp.after_trade(numeric[], bigint, numeric);

-- fire_triggers as it was (migration 0004), but it keeps the holdings' costs, up to p_max_cash, and tells the shares. Of one
-- symbol a buy comes before a sell: what is left of its amount is less than a share's price.
CREATE OR REPLACE FUNCTION fire_triggers(
    p_users text[], p_symbols text[], p_sides smallint[], p_prices bigint[], p_quote_times bigint[],
    p_now_ms bigint, p_life_ms bigint, p_max_cash bigint, p_max_shares bigint, p_server text, p_wait boolean
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_locked text[] := lock_accounts(p_users, p_wait);
    v_fired integer;
    v_changed text[];
    v_broken bigint;
BEGIN
    WITH candidate AS MATERIALIZED (
        SELECT t.username, t.symbol, t.side, t.amount_cents, t.session_id, t.number, q.price_cents,
               a.cash_cents, a.seq, greatest(p_now_ms, a.timestamp_ms) AS timestamp_ms, h.shares AS held_shares,
               h.shares + h.reserved_shares AS all_shares, h.cost_cents,
               CASE t.side WHEN 1 THEN t.amount_cents / q.price_cents ELSE t.shares END AS shares,
               CASE t.side WHEN 1 THEN t.amount_cents % q.price_cents ELSE t.shares::numeric * q.price_cents END AS added
        FROM unnest(p_users, p_symbols, p_sides, p_prices, p_quote_times)
             AS c (username, symbol, side, price_cents, quote_time_ms)
        JOIN unnest(v_locked) AS l (username) ON l.username = c.username
        JOIN account AS a ON a.username = c.username
        JOIN trigger_order AS t ON t.username = c.username AND t.symbol = c.symbol AND t.side = c.side
        JOIN quote AS q
          ON q.symbol = c.symbol AND q.price_cents = c.price_cents AND q.quote_time_ms = c.quote_time_ms
        LEFT JOIN holding AS h ON h.username = c.username AND h.symbol = c.symbol
        WHERE CASE t.side WHEN 1 THEN t.reach_cents >= q.price_cents ELSE t.reach_cents <= q.price_cents END
          AND greatest(p_now_ms, a.timestamp_ms) - q.quote_time_ms <= p_life_ms
    ), bounded AS (
        SELECT c.*, cash_cents + sum(added) OVER (PARTITION BY username ORDER BY added, symbol, side) AS cash_after
        FROM candidate AS c
        WHERE side = 2 OR coalesce(held_shares, 0) <= p_max_shares - shares
    ), ripe AS (
        SELECT b.*, seq + row_number() OVER (PARTITION BY username ORDER BY added, symbol, side) AS fire_seq
        FROM bounded AS b
        WHERE cash_after <= p_max_cash
    ), fired AS (
        DELETE FROM trigger_order AS t USING ripe AS r
        WHERE t.username = r.username AND t.symbol = r.symbol AND t.side = r.side
          AND t.session_id = r.session_id AND t.number = r.number AND t.amount_cents = r.amount_cents
        RETURNING r.username, r.symbol, r.side, r.amount_cents, r.session_id, r.number, r.timestamp_ms, r.fire_seq,
                  r.price_cents, r.shares, r.added::bigint AS added_cents, r.held_shares, r.all_shares, r.cost_cents
    ), by_account AS (
        SELECT username, sum(added_cents)::bigint AS added_cents, max(fire_seq) AS seq, max(timestamp_ms) AS timestamp_ms,
               coalesce(sum(amount_cents) FILTER (WHERE side = 1), 0)::bigint AS released_cents
        FROM fired GROUP BY username
    ), settled AS (
        UPDATE account AS a
        SET version = a.version + 1, cash_cents = a.cash_cents + b.added_cents,
            reserved_cents = a.reserved_cents - b.released_cents, timestamp_ms = b.timestamp_ms, seq = b.seq
        FROM by_account AS b WHERE a.username = b.username
        RETURNING a.username, a.version
    ), by_holding AS (
        SELECT username, symbol, coalesce(sum(shares) FILTER (WHERE side = 1), 0)::bigint AS bought,
               coalesce(sum(shares) FILTER (WHERE side = 2), 0)::bigint AS sold, coalesce(max(all_shares), 0) AS held,
               coalesce(max(cost_cents), 0) + coalesce(sum(amount_cents - added_cents) FILTER (WHERE side = 1), 0) AS paid
        FROM fired GROUP BY username, symbol
    ), costing AS (
        SELECT username, symbol, bought, sold, (cost - div(cost * sold, nullif(held + bought, 0)))::bigint AS cost_cents
        FROM (SELECT *, least(paid, p_max_cash) AS cost FROM by_holding) AS b
    ), bought AS (
        INSERT INTO holding AS h (username, symbol, shares, reserved_shares, cost_cents)
        SELECT username, symbol, bought, sold, cost_cents FROM costing WHERE bought > 0
        ON CONFLICT (username, symbol) DO UPDATE
        SET shares = h.shares + excluded.shares, reserved_shares = h.reserved_shares - excluded.reserved_shares,
            cost_cents = excluded.cost_cents
    ), sold AS (
        UPDATE holding AS h SET reserved_shares = h.reserved_shares - b.sold, cost_cents = b.cost_cents
        FROM costing AS b WHERE h.username = b.username AND h.symbol = b.symbol AND b.bought = 0
    ), events AS (
        INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, price_cents, added_cents,
                           shares)
        SELECT timestamp_ms, username, fire_seq, 4, session_id, number, p_server, CASE side WHEN 1 THEN 11 ELSE 13 END,
               symbol, price_cents, nullif(added_cents, 0), shares
        FROM fired
    )
    SELECT (SELECT count(*) FROM fired), (SELECT array_agg(username || ' ' || version) FROM settled),
           (SELECT count(*) FROM fired WHERE side = 2 AND held_shares IS NULL)
    INTO v_fired, v_changed, v_broken;
    IF v_broken <> 0 THEN
        RAISE EXCEPTION 'a sell trigger without a holding' USING ERRCODE = 'assert_failure';
    END IF;
    -- A payload must be under 8,000 bytes: 90 names of 64 characters, with versions of 19 digits, are 7,649.
    PERFORM pg_notify('account_changed', string_agg(u.changed, ','))
    FROM unnest(v_changed) WITH ORDINALITY AS u (changed, place) GROUP BY (u.place - 1) / 90;
    RETURN v_fired;
END
$$;
