-- What the web client tells of the audit log: a window of time, newest first (ARCHITECTURE, "History is read backwards in windows").

-- name: window
-- One user's (or, user NULL, everybody's) commands, expiries and fires with since <= timestamp_ms <= at, that come before the
-- cursor (at, before_user, before_seq, before_session, before_number), newest first; the last four make the order total.
-- Rows are found by the time (BRIN index audit_time), filtered, sorted, cut; only what is left is dressed: with the name
-- of its session, where a command used its own newest hit with that hit's price, and where it settled a pending order with its
-- reply, which tells what that was: their rows do not repeat either.
SELECT
    r.timestamp_ms, coalesce(r.username, '') AS username, r.seq, r.session_id, r.number, r.kind, r.command, r.symbol,
    r.funds_cents,
    CASE
        WHEN r.kind = 1 AND r.price_cents IS NULL AND r.error IS NULL AND r.command = ANY (%(priced)s::smallint[]) THEN (
            SELECT h.price_cents FROM audit AS h
            WHERE h.kind = 2 AND h.symbol = r.symbol AND h.session_id = r.session_id AND h.number = r.number
              AND h.quote_time_ms BETWEEN r.timestamp_ms - 60000 AND r.timestamp_ms
            ORDER BY h.quote_time_ms DESC LIMIT 1
        )
        ELSE r.price_cents
    END AS price_cents,
    r.shares, r.added_cents, r.removed_cents, split_part(r.error, ':', 1) AS refusal,
    (SELECT s.name FROM session AS s WHERE s.session_id = r.session_id) AS session, r.server,
    CASE
        WHEN r.kind = 1 AND r.error IS NULL AND r.command = ANY (%(settling)s::smallint[])
        THEN (SELECT c.reply FROM command AS c WHERE c.session_id = r.session_id AND c.number = r.number)
    END AS reply
FROM (
    SELECT a.* FROM audit AS a
    WHERE a.timestamp_ms >= %(since)s::bigint AND a.timestamp_ms <= %(at)s::bigint
      AND a.kind IN (1, 3, 4)
      AND (%(user)s::text IS NULL OR a.username = %(user)s::text)
      AND (%(command)s::smallint IS NULL OR a.command = %(command)s::smallint)
      AND (
          %(symbol)s::text IS NULL OR a.symbol = %(symbol)s::text
          OR a.kind = 1 AND a.error IS NULL AND a.command = ANY (%(settling)s::smallint[]) AND EXISTS (
              SELECT FROM command AS c
              WHERE c.session_id = a.session_id AND c.number = a.number
                AND strpos(c.reply, '"symbol":"' || %(symbol)s::text || '"') > 0
          )
      )
      AND (%(outcome)s::text IS NULL OR coalesce(split_part(a.error, ':', 1), 'OK') = %(outcome)s::text)
      AND (%(hidden)s::smallint[] IS NULL OR a.command <> ALL (%(hidden)s::smallint[]) OR a.kind <> 1)
      AND (a.timestamp_ms, coalesce(a.username, '') COLLATE "C", a.seq, a.session_id, a.number)
        < (%(at)s::bigint, %(before_user)s::text, %(before_seq)s::bigint, %(before_session)s::bigint, %(before_number)s::bigint)
    ORDER BY a.timestamp_ms DESC, coalesce(a.username, '') COLLATE "C" DESC, a.seq DESC, a.session_id DESC, a.number DESC
    LIMIT %(most)s
) AS r
ORDER BY r.timestamp_ms DESC, coalesce(r.username, '') COLLATE "C" DESC, r.seq DESC, r.session_id DESC, r.number DESC;

-- name: care
-- For one transaction: no query of it takes longer than this, or more than one processor.
SELECT
    set_config('statement_timeout', %(timeout_ms)s::text, true),
    set_config('max_parallel_workers_per_gather', '0', true);

-- name: ends
-- Between which times to look. `oldest`, `newest`: about when the log begins and ends (NULL when it is empty), by its first and
-- its last blocks: rows are only ever added, and nearly in the order of their time. For one user: `last`, the time of the
-- account's newest event, and `registered`, when the name was registered.
SELECT
    (SELECT min(timestamp_ms) FROM audit WHERE ctid < '(1,0)'::tid) AS oldest,
    (
        SELECT max(timestamp_ms) FROM audit
        WHERE ctid >= (
            SELECT format('(%%s,0)', greatest(0, pg_relation_size('audit') / current_setting('block_size')::bigint - 32))::tid
        )
    ) AS newest,
    (SELECT timestamp_ms FROM account WHERE username = %(user)s::text) AS last,
    (SELECT created_ms FROM login WHERE username = %(user)s::text AND role = 'trader') AS registered;
