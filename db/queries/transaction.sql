-- What the transaction servers ask and write.

-- name: commit_batch
-- A whole batch in one statement, which is one transaction and one round trip. Numbers come as arrays, texts as one text
-- whose parts a separator parts (an empty one is NULL); all are unnested side by side, since unnest(a, b, ...) would make a
-- table of each first (one that ends before the others, as row_shares does, is NULL from there on). Accounts are written
-- first, in the order of their names, each only if nobody else changed it since it was read; the rows of an account that
-- somebody did change, or made for a user who had none when we looked, are left out. Returns those accounts' names.
WITH written AS (
    INSERT INTO account AS a (username, version, cash_cents, reserved_cents, timestamp_ms, seq, buys, sells, expired, history)
    SELECT username, version + 1, cash, reserved, timestamp_ms, seq, buys, sells, expired, decode(history, 'hex')
    FROM (
        SELECT
            unnest(string_to_array(%(account_user)s::text, E'\x1f')) AS username,
            unnest(%(account_version)s::bigint[]) AS version,
            unnest(%(account_cash)s::bigint[]) AS cash,
            unnest(%(account_reserved)s::bigint[]) AS reserved,
            unnest(%(account_timestamp)s::bigint[]) AS timestamp_ms,
            unnest(%(account_seq)s::bigint[]) AS seq,
            unnest(string_to_array(%(account_buys)s::text, E'\x1f')) AS buys,
            unnest(string_to_array(%(account_sells)s::text, E'\x1f')) AS sells,
            unnest(%(account_expired)s::bigint[]) AS expired,
            unnest(string_to_array(%(account_history)s::text, E'\x1f')) AS history
    ) AS x
    ON CONFLICT (username) DO UPDATE SET
        version = excluded.version, cash_cents = excluded.cash_cents, reserved_cents = excluded.reserved_cents,
        timestamp_ms = excluded.timestamp_ms, seq = excluded.seq, buys = excluded.buys, sells = excluded.sells,
        expired = excluded.expired, history = excluded.history
    WHERE a.version = excluded.version - 1
    RETURNING a.username
),
conflict AS MATERIALIZED (
    SELECT username FROM unnest(string_to_array(%(account_user)s::text, E'\x1f')) AS x(username)
    EXCEPT SELECT username FROM written
    UNION ALL SELECT username FROM account WHERE username = ANY (string_to_array(%(stranger_user)s::text, E'\x1f'))
),
entry AS MATERIALIZED (
    SELECT * FROM (
        SELECT
            unnest(%(row_timestamp)s::bigint[]) AS timestamp_ms,
            unnest(string_to_array(%(row_user)s::text, E'\x1f', '')) AS username,
            unnest(%(row_seq)s::bigint[]) AS seq,
            unnest(%(row_kind)s::bigint[]) AS kind,
            unnest(%(row_session)s::bigint[]) AS session_id,
            unnest(%(row_number)s::bigint[]) AS number,
            unnest(%(row_command)s::bigint[]) AS command,
            unnest(string_to_array(%(row_symbol)s::text, E'\x1f', '')) AS symbol,
            unnest(string_to_array(%(row_filename)s::text, E'\x1f', '')) AS filename,
            unnest(%(row_funds)s::bigint[]) AS funds,
            unnest(%(row_price)s::bigint[]) AS price,
            unnest(%(row_added)s::bigint[]) AS added,
            unnest(%(row_removed)s::bigint[]) AS removed,
            unnest(string_to_array(%(row_error)s::text, E'\x1f', '')) AS error,
            unnest(%(row_shares)s::bigint[]) AS shares,
            unnest(string_to_array(%(row_body)s::text, E'\x1f', '')) AS body,
            unnest(string_to_array(%(row_reply)s::text, E'\x1f', '')) AS reply
    ) AS x
    WHERE (x.username = ANY (ARRAY(SELECT username FROM conflict))) IS NOT TRUE
),
holdings AS (
    INSERT INTO holding (username, symbol, shares, reserved_shares, cost_cents)
    SELECT x.* FROM (
        SELECT
            unnest(string_to_array(%(holding_user)s::text, E'\x1f')) AS username,
            unnest(string_to_array(%(holding_symbol)s::text, E'\x1f')) AS symbol,
            unnest(%(holding_free)s::bigint[]) AS free,
            unnest(%(holding_reserved)s::bigint[]) AS reserved,
            unnest(%(holding_cost)s::bigint[]) AS cost
    ) AS x
    WHERE (x.username = ANY (ARRAY(SELECT username FROM conflict))) IS NOT TRUE
    ON CONFLICT (username, symbol) DO UPDATE SET
        shares = excluded.shares, reserved_shares = excluded.reserved_shares, cost_cents = excluded.cost_cents
),
orders AS MATERIALIZED (
    SELECT * FROM (
        SELECT
            unnest(string_to_array(%(trigger_user)s::text, E'\x1f')) AS username,
            unnest(string_to_array(%(trigger_symbol)s::text, E'\x1f')) AS symbol,
            unnest(%(trigger_side)s::bigint[]) AS side,
            unnest(%(trigger_amount)s::bigint[]) AS amount,
            unnest(%(trigger_price)s::bigint[]) AS price,
            unnest(%(trigger_shares)s::bigint[]) AS shares,
            unnest(%(trigger_session)s::bigint[]) AS session_id,
            unnest(%(trigger_number)s::bigint[]) AS number,
            unnest(%(trigger_armed)s::bigint[]) AS armed_ms
    ) AS x
    WHERE (x.username = ANY (ARRAY(SELECT username FROM conflict))) IS NOT TRUE
),
triggers_set AS (
    INSERT INTO trigger_order (username, symbol, side, amount_cents, price_cents, shares, session_id, number, armed_ms)
    SELECT username, symbol, side, amount, price, shares, session_id, number, armed_ms FROM orders WHERE amount IS NOT NULL
    ON CONFLICT (username, symbol, side) DO UPDATE SET
        amount_cents = excluded.amount_cents, price_cents = excluded.price_cents, shares = excluded.shares,
        session_id = excluded.session_id, number = excluded.number, armed_ms = excluded.armed_ms,
        written_by = excluded.written_by
),
triggers_gone AS (
    -- A look-up for each, whatever the planner believes of the table: joined, it went through all triggers for each order while
    -- the statistics said that there were none. (Nobody moves a row meanwhile: who writes one holds its account.)
    DELETE FROM trigger_order WHERE ctid = ANY (ARRAY(
        SELECT (
            SELECT t.ctid FROM trigger_order AS t
            WHERE t.username = o.username AND t.symbol = o.symbol AND t.side = o.side
        )
        FROM orders AS o WHERE o.amount IS NULL
    ))
),
commands AS (
    INSERT INTO command (session_id, number, body, reply)
    SELECT session_id, number, body, reply FROM entry WHERE kind = 1
),
events AS (
    INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, filename,
                       funds_cents, price_cents, added_cents, removed_cents, error, shares)
    SELECT timestamp_ms, username, seq, kind, session_id, number, %(server)s::text, command, symbol, filename,
           funds, price, nullif(added, 0), nullif(removed, 0), error, nullif(shares, 0)
    FROM entry
)
SELECT username FROM conflict;

-- name: load_accounts
-- Accounts with their holdings and trigger orders as JSON arrays, all of one snapshot.
SELECT username, version, cash_cents, reserved_cents, timestamp_ms, seq, buys, sells, expired, history,
       (SELECT json_agg(json_build_array(symbol, shares, reserved_shares, cost_cents))::text
        FROM holding AS h WHERE h.username = a.username) AS holdings,
       (SELECT json_agg(json_build_array(symbol, side, amount_cents, price_cents, shares, session_id, number, armed_ms))::text
        FROM trigger_order AS t WHERE t.username = a.username) AS triggers
FROM account AS a
WHERE username = ANY (%(users)s::text[]);

-- name: lock_accounts
-- Before load_accounts where the accounts must not change any more: a statement of its own, so that the load that follows
-- has a snapshot taken after the lock was granted. Sorted, as every writer does, so that no two can wait for each other.
SELECT username FROM account WHERE username = ANY (%(users)s::text[]) ORDER BY username COLLATE "C" FOR UPDATE;

-- name: stored_replies
-- Requests that are in the database already, with the replies that their repeats get.
-- (Looked up one by one: OFFSET 0 keeps the planner from going through the table instead while it believes it empty.)
SELECT k.session_id, k.number, c.body, c.reply
FROM unnest(%(sessions)s::bigint[], %(numbers)s::bigint[]) AS k(session_id, number)
CROSS JOIN LATERAL (
    SELECT body, reply FROM command WHERE session_id = k.session_id AND number = k.number OFFSET 0
) AS c;

-- name: add_sessions
-- New sessions get their numbers.
INSERT INTO session (name) SELECT unnest(%(names)s::text[]) ON CONFLICT (name) DO NOTHING;

-- name: sessions
-- Each session's number and the highest request number it has used (0 for none).
SELECT name, session_id, coalesce((SELECT max(number) FROM command AS c WHERE c.session_id = s.session_id), 0)
FROM session AS s WHERE name = ANY (%(names)s::text[]);

-- name: pendings
-- Every account with a pending buy or sell: read once, when a transaction server starts.
SELECT username, least((buys::json -> 0 ->> 3)::bigint, (sells::json -> 0 ->> 3)::bigint)
FROM account WHERE buys <> '[]' OR sells <> '[]';
