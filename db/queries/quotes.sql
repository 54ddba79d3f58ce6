-- name: record_hits
-- One statement, so one transaction: the quoteServer events, and for each symbol its newest quote. A hit that is there
-- already changes nothing (index audit_hit; without a conflict target, for that would ask for the right to read audit).
-- Rows of quote are locked in the order of their symbols, so that two processes never wait for each other.
WITH hit AS (
    SELECT * FROM unnest(
        %(symbols)b::text[], %(prices)b::bigint[], %(users)b::text[], %(times)b::bigint[], %(keys)b::text[],
        %(sessions)b::bigint[], %(numbers)b::bigint[], %(answered)b::bigint[]
    ) AS hit (symbol, price_cents, username, quote_time_ms, cryptokey, session_id, number, timestamp_ms)
), event AS (
    INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, price_cents,
                       quote_time_ms, cryptokey)
    SELECT timestamp_ms, username, 0, 2, session_id, number, %(server)s, 0, symbol, price_cents, quote_time_ms, cryptokey
    FROM hit
    ON CONFLICT DO NOTHING
)
INSERT INTO quote (symbol, price_cents, username, quote_time_ms, cryptokey, session_id, number)
SELECT DISTINCT ON (symbol) symbol, price_cents, username, quote_time_ms, cryptokey, session_id, number
FROM hit
ORDER BY symbol, quote_time_ms DESC, cryptokey COLLATE "C" DESC
ON CONFLICT (symbol) DO UPDATE
SET price_cents = excluded.price_cents, username = excluded.username, quote_time_ms = excluded.quote_time_ms,
    cryptokey = excluded.cryptokey, session_id = excluded.session_id, number = excluded.number
WHERE (quote.quote_time_ms, quote.cryptokey COLLATE "C") < (excluded.quote_time_ms, excluded.cryptokey COLLATE "C");

-- name: newest_quotes
-- Of these symbols, the quotes that may still be used.
SELECT symbol, price_cents, username, quote_time_ms, cryptokey, session_id, number
FROM quote
WHERE symbol = ANY (%(symbols)b::text[]) AND quote_time_ms >= %(not_before_ms)s::bigint;
