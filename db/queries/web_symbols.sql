-- What the web client shows of stocks: only quotes that somebody paid for already; nothing here costs a hit.

-- name: by_prefix
-- The newest quotes of symbols that begin so, in their order. Symbols are one to three capital letters, so a range of the
-- primary key is enough, whatever the database's collation.
SELECT symbol, price_cents, quote_time_ms FROM quote
WHERE symbol >= %(prefix)s::text AND symbol <= %(prefix)s::text || 'ZZZ'
ORDER BY symbol LIMIT %(most)s;

-- name: prices
-- The newest recorded hits of one symbol, newest first (index audit_hit).
SELECT price_cents, quote_time_ms FROM audit
WHERE kind = 2 AND symbol = %(symbol)s
ORDER BY quote_time_ms DESC, cryptokey DESC LIMIT %(most)s;

-- name: watched
-- A user's watch list in the order in which it was made, with the newest quotes that there are, and the price before: the last
-- of the newest hits that was another one (index audit_hit).
SELECT w.symbol, q.price_cents, q.quote_time_ms, (
    SELECT h.price_cents FROM (
        SELECT price_cents, quote_time_ms FROM audit
        WHERE kind = 2 AND symbol = w.symbol AND quote_time_ms < q.quote_time_ms
        ORDER BY quote_time_ms DESC LIMIT %(look_back)s
    ) AS h
    WHERE h.price_cents <> q.price_cents
    ORDER BY h.quote_time_ms DESC LIMIT 1
) AS before_cents
FROM watch AS w LEFT JOIN quote AS q USING (symbol)
WHERE w.username = %(user)s
ORDER BY w.added_ms, w.symbol;

-- name: lock_list
-- Before a symbol is added: two additions of one user at once would each count without the other.
SELECT FROM login WHERE username = %(user)s FOR NO KEY UPDATE;

-- name: watch
-- Returns whether the symbol is on the list now: it was already, or there was room.
WITH already AS (
    SELECT symbol FROM watch WHERE username = %(user)s
), added AS (
    INSERT INTO watch (username, symbol, added_ms)
    SELECT %(user)s, %(symbol)s, %(now)s
    WHERE (SELECT count(*) FROM already) < %(most)s
    ON CONFLICT DO NOTHING
    RETURNING symbol
)
SELECT EXISTS (SELECT FROM added) OR EXISTS (SELECT FROM already WHERE symbol = %(symbol)s);

-- name: unwatch
-- Nothing happens when it is not on the list.
DELETE FROM watch WHERE username = %(user)s AND symbol = %(symbol)s;
