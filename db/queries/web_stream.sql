-- What the web client's streams of events look at, four times a second for everybody who watches (ARCHITECTURE, "One look for
-- everybody"). Columns come as texts with commas: psycopg makes an array of thousands of values several times as slowly.
-- OFFSET 0 keeps apart what is then looked up row by row, and worked out once, whatever the planner believes of the tables.

-- name: accounts
-- Of these users, those whose account has changed since the version that is known: its sequence; a digest of all that
-- DISPLAY_SUMMARY shows but its history (which DISPLAY_SUMMARY itself changes); where that is new, also the stocks that the
-- account is about; and the fires and expiries after the last one that was told (index audit_told). One statement, so one
-- snapshot: whatever made this version of an account has all of its events here.
SELECT a.username, a.version, a.seq, d.digest,
    CASE WHEN d.digest IS DISTINCT FROM w.digest THEN ARRAY(
        SELECT symbol FROM holding WHERE username = a.username AND shares + reserved_shares > 0
        UNION SELECT symbol FROM trigger_order WHERE username = a.username
        UNION SELECT p ->> 0 FROM json_array_elements(a.buys::json) AS p
        UNION SELECT p ->> 0 FROM json_array_elements(a.sells::json) AS p
        ORDER BY symbol LIMIT %(most_symbols)s
    ) END AS symbols,
    ARRAY(
        SELECT json_build_array(seq, kind, command, symbol, price_cents, shares, added_cents, timestamp_ms, number)::text
        FROM audit WHERE username = a.username AND seq > w.told AND kind IN (3, 4)
        ORDER BY audit.seq LIMIT %(most_events)s
    ) AS events
FROM (
    SELECT
        unnest(string_to_array(%(users)s::text, ',')) AS username,
        unnest(string_to_array(%(versions)s::text, ',')::bigint[]) AS version,
        unnest(string_to_array(%(digests)s::text, ',')) AS digest,
        unnest(string_to_array(%(told)s::text, ',')::bigint[]) AS told
) AS w
CROSS JOIN LATERAL (
    SELECT * FROM account WHERE username = w.username AND version <> w.version OFFSET 0
) AS a
CROSS JOIN LATERAL (
    SELECT md5(concat_ws(
        '|', a.cash_cents, a.reserved_cents, a.buys, a.sells,
        coalesce((
            SELECT string_agg(concat_ws(' ', symbol, shares, reserved_shares, cost_cents), ',' ORDER BY symbol)
            FROM holding WHERE username = a.username AND shares + reserved_shares > 0
        ), ''),
        coalesce((
            SELECT string_agg(concat_ws(' ', symbol, side, amount_cents, coalesce(price_cents, 0), shares), ',' ORDER BY symbol, side)
            FROM trigger_order WHERE username = a.username
        ), '')
    )) AS digest
    OFFSET 0
) AS d;

-- name: watched
-- Of these users, those whose watch list is not as it is known: how many there are, when the newest was added, and which.
SELECT w.username, l.length, l.newest_ms, l.symbols
FROM (
    SELECT
        unnest(string_to_array(%(users)s::text, ',')) AS username,
        unnest(string_to_array(%(lengths)s::text, ',')::bigint[]) AS length,
        unnest(string_to_array(%(newest)s::text, ',')::bigint[]) AS newest_ms
) AS w
CROSS JOIN LATERAL (
    SELECT count(*) AS length, coalesce(max(added_ms), 0) AS newest_ms, coalesce(array_agg(symbol), '{}') AS symbols
    FROM watch WHERE username = w.username
) AS l
WHERE (l.length, l.newest_ms) <> (w.length, w.newest_ms);

-- name: quotes
-- Of these symbols, those whose newest quote is not the one that is known.
SELECT q.symbol, q.price_cents, q.quote_time_ms
FROM (
    SELECT
        unnest(string_to_array(%(symbols)s::text, ',')) AS symbol,
        unnest(string_to_array(%(prices)s::text, ',')::bigint[]) AS price_cents,
        unnest(string_to_array(%(times)s::text, ',')::bigint[]) AS quote_time_ms
) AS k
CROSS JOIN LATERAL (
    SELECT * FROM quote
    WHERE symbol = k.symbol AND (quote_time_ms, price_cents) <> (k.quote_time_ms, k.price_cents)
    OFFSET 0
) AS q;

-- name: sessions
-- Of these sessions, those that have not ended. The copy of a session's last request is up to a minute old (web_accounts.sql).
SELECT s.token_hash FROM web_session AS s JOIN login AS l USING (username)
WHERE s.token_hash = ANY (%(tokens)b::bytea[]) AND s.expires_ms > %(now)s AND s.seen_ms > %(idle)s AND NOT l.disabled;
