-- The keys of commands, for logs.

-- name: session_names
-- Sessions by their numbers.
SELECT session_id, name FROM session WHERE session_id = ANY (%(sessions)b::bigint[]);

-- name: armed_keys
-- Which of these triggers are armed, each with the session and number of the command that armed it.
SELECT t.username, t.symbol, t.side, s.name, t.number
FROM unnest(%(users)b::text[], %(symbols)b::text[], %(sides)b::smallint[]) AS wanted (username, symbol, side)
JOIN trigger_order AS t ON (t.username, t.symbol, t.side) = (wanted.username, wanted.symbol, wanted.side)
JOIN session AS s ON s.session_id = t.session_id
WHERE t.price_cents IS NOT NULL;
