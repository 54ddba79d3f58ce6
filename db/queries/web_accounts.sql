-- Log-ins and sessions of the web client. Times are milliseconds since 1970.

-- name: find
-- Who logs in: (password_hash, role, disabled, initial_until_ms).
SELECT password_hash, role, disabled, initial_until_ms FROM login WHERE username = %(user)s;

-- name: register
-- A new trader; no row when the name is taken, be it by a log-in or by a trading account that somebody opened through the load balancer.
INSERT INTO login (username, password_hash, role, created_ms, password_changed_ms)
SELECT %(user)s, %(hash)s, 'trader', %(now)s, %(now)s
WHERE NOT EXISTS (SELECT FROM account WHERE username = %(user)s)
ON CONFLICT (username) DO NOTHING
RETURNING username;

-- name: put_supervisor
-- A supervisor by this password, new or again; no row when the name is a trader's.
INSERT INTO login (username, password_hash, role, created_ms, password_changed_ms, initial_until_ms)
SELECT %(user)s, %(hash)s, 'supervisor', %(now)s, %(now)s, %(initial_until)s
WHERE NOT EXISTS (SELECT FROM account WHERE username = %(user)s)
ON CONFLICT (username) DO UPDATE
SET password_hash = excluded.password_hash, password_changed_ms = excluded.password_changed_ms, disabled = false,
    initial_until_ms = excluded.initial_until_ms
WHERE login.role = 'supervisor'
RETURNING username;

-- name: set_password
-- Only over the hash that was verified: of two changes at once, one wins and the other is told.
UPDATE login SET password_hash = %(hash)s, password_changed_ms = %(now)s, initial_until_ms = NULL
WHERE username = %(user)s AND password_hash = %(old)s
RETURNING username;

-- name: set_rehashed
-- The same password, hashed by today's parameters.
UPDATE login SET password_hash = %(hash)s WHERE username = %(user)s AND password_hash = %(old)s;

-- name: set_disabled
-- Whether nobody may log in by that name; no row when there is no such log-in.
UPDATE login SET disabled = %(disabled)s WHERE username = %(user)s RETURNING username;

-- name: session_started
-- With the time of the log-in. Sessions of that user that have ended leave, and some of others who never came back.
WITH ended AS (
    DELETE FROM web_session WHERE username = %(user)s AND (expires_ms <= %(now)s OR seen_ms <= %(idle)s)
), swept AS (
    DELETE FROM web_session WHERE username <> %(user)s AND token_hash IN (
        SELECT token_hash FROM web_session WHERE expires_ms <= %(now)s ORDER BY expires_ms LIMIT 100 FOR UPDATE SKIP LOCKED
    )
), logged_in AS (
    UPDATE login SET last_login_ms = %(now)s WHERE username = %(user)s AND NOT disabled AND password_hash = %(hash)s
    RETURNING username
)
INSERT INTO web_session (token_hash, username, created_ms, seen_ms, expires_ms)
SELECT %(token)s, username, %(now)s, %(now)s, %(expires)s FROM logged_in
RETURNING username;

-- name: session_find
-- (username, role, expires_ms, seen_ms) of a session that has not ended.
SELECT s.username, l.role, s.expires_ms, s.seen_ms
FROM web_session AS s JOIN login AS l USING (username)
WHERE s.token_hash = %(token)s AND s.expires_ms > %(now)s AND s.seen_ms > %(idle)s AND NOT l.disabled;

-- name: session_seen
-- No row when the session has ended meanwhile.
UPDATE web_session AS s SET seen_ms = greatest(s.seen_ms, %(now)s)
FROM login AS l
WHERE s.token_hash = %(token)s AND l.username = s.username AND NOT l.disabled
RETURNING s.username;

-- name: session_ended
-- One session, at log-out.
DELETE FROM web_session WHERE token_hash = %(token)s;

-- name: sessions_ended
-- All sessions of a user but one (none, when it is empty); their token hashes.
DELETE FROM web_session WHERE username = %(user)s AND token_hash <> %(but)s RETURNING token_hash;
