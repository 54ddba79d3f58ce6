-- The price that fires an armed trigger: a buy at this price or below (its reserve must buy a whole share, so the amount
-- bounds it too), a sell at this price or above. Null while it is not armed.
ALTER TABLE trigger_order ADD COLUMN reach_cents bigint GENERATED ALWAYS AS (
    CASE WHEN side = 2 THEN price_cents WHEN price_cents IS NOT NULL THEN least(price_cents, amount_cents) END
) STORED;
DROP INDEX trigger_order_armed;
CREATE INDEX trigger_order_reach ON trigger_order (symbol, side, reach_cents) WHERE reach_cents IS NOT NULL;

-- The transaction that wrote the row last. Whoever read everything up to a snapshot asks for what was written by
-- transactions that this snapshot did not see: exact without a clock, however late a transaction commits. A writer sets it
-- itself (`written_by = excluded.written_by`); for one that does not, the trigger does, at 2 us a row.
ALTER TABLE trigger_order ADD COLUMN written_by xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX trigger_order_written ON trigger_order (written_by) WHERE reach_cents IS NOT NULL;

CREATE FUNCTION stamp_trigger_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.written_by := pg_current_xact_id();
    RETURN new;
END
$$;
CREATE TRIGGER stamp BEFORE UPDATE ON trigger_order FOR EACH ROW
    WHEN (new.written_by = old.written_by) EXECUTE FUNCTION stamp_trigger_order();

-- Locks accounts in the order in which every writer does. Returns those that were locked: without p_wait the ones that
-- nobody else holds; with it all of them, or error 55P03 (lock_not_available) when one is held for too long.
CREATE FUNCTION lock_accounts(p_users text[], p_wait boolean) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    v_locked text[];
BEGIN
    IF p_wait THEN
        PERFORM set_config('lock_timeout', '300ms', true);
        SELECT array_agg(l.username) INTO v_locked FROM (
            SELECT username FROM account WHERE username = ANY (p_users) ORDER BY username COLLATE "C" FOR UPDATE
        ) AS l;
    ELSE
        SELECT array_agg(l.username) INTO v_locked FROM (
            SELECT username FROM account WHERE username = ANY (p_users) ORDER BY username COLLATE "C"
            FOR UPDATE SKIP LOCKED
        ) AS l;
    END IF;
    RETURN v_locked;
END
$$;

-- Fires triggers: all of it in the caller's transaction, and nothing of it for a trigger that is not (any more) to be
-- fired. Candidates come as columns: the trigger's key and the quote that was seen for its symbol. Returns how many fired.
--
-- Every writer of a trigger order or a holding holds its account row. So once the accounts are locked, the second
-- statement, whose snapshot is taken after that, sees what is and what stays. It decides all over again: the trigger
-- is armed, with whatever price and number it has now; the quote seen is the symbol's newest durable one, reaches that
-- price and is not older than p_life_ms at the fire's own timestamp, which is never less than the account's last; and
-- the account can hold what it gets. Several fires of one account get consecutive sequence numbers, the smallest
-- sums first.
CREATE FUNCTION fire_triggers(
    p_users text[], p_symbols text[], p_sides smallint[], p_prices bigint[], p_quote_times bigint[],
    p_now_ms bigint, p_life_ms bigint, p_max_cash bigint, p_max_shares bigint, p_server text, p_wait boolean
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_locked text[] := lock_accounts(p_users, p_wait);
    v_fired integer;
    v_users text[];
    v_broken bigint;
BEGIN
    WITH candidate AS MATERIALIZED (
        SELECT t.username, t.symbol, t.side, t.amount_cents, t.session_id, t.number, q.price_cents,
               a.cash_cents, a.seq, greatest(p_now_ms, a.timestamp_ms) AS timestamp_ms, h.shares AS held_shares,
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
                  r.price_cents, r.shares, r.added::bigint AS added_cents, r.held_shares
    ), by_account AS (
        SELECT username, sum(added_cents)::bigint AS added_cents, max(fire_seq) AS seq, max(timestamp_ms) AS timestamp_ms,
               coalesce(sum(amount_cents) FILTER (WHERE side = 1), 0)::bigint AS released_cents
        FROM fired GROUP BY username
    ), settled AS (
        UPDATE account AS a
        SET version = a.version + 1, cash_cents = a.cash_cents + b.added_cents,
            reserved_cents = a.reserved_cents - b.released_cents, timestamp_ms = b.timestamp_ms, seq = b.seq
        FROM by_account AS b WHERE a.username = b.username
        RETURNING a.username
    ), by_holding AS (
        SELECT username, symbol, coalesce(sum(shares) FILTER (WHERE side = 1), 0)::bigint AS bought,
               coalesce(sum(shares) FILTER (WHERE side = 2), 0)::bigint AS sold
        FROM fired GROUP BY username, symbol
    ), bought AS (
        INSERT INTO holding AS h (username, symbol, shares, reserved_shares)
        SELECT username, symbol, bought, sold FROM by_holding WHERE bought > 0
        ON CONFLICT (username, symbol) DO UPDATE
        SET shares = h.shares + excluded.shares, reserved_shares = h.reserved_shares - excluded.reserved_shares
    ), sold AS (
        UPDATE holding AS h SET reserved_shares = h.reserved_shares - b.sold
        FROM by_holding AS b WHERE h.username = b.username AND h.symbol = b.symbol AND b.bought = 0
    ), events AS (
        INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, price_cents, added_cents)
        SELECT timestamp_ms, username, fire_seq, 4, session_id, number, p_server, CASE side WHEN 1 THEN 11 ELSE 13 END,
               symbol, price_cents, nullif(added_cents, 0)
        FROM fired
    )
    SELECT (SELECT count(*) FROM fired), (SELECT array_agg(username) FROM settled),
           (SELECT count(*) FROM fired WHERE side = 2 AND held_shares IS NULL)
    INTO v_fired, v_users, v_broken;
    IF v_broken <> 0 THEN
        RAISE EXCEPTION 'a sell trigger without a holding' USING ERRCODE = 'assert_failure';
    END IF;
    -- A payload must be under 8,000 bytes: 100 names of 64 characters with their commas are 6,499.
    PERFORM pg_notify('account_changed', string_agg(u.username, ','))
    FROM unnest(v_users) WITH ORDINALITY AS u (username, place) GROUP BY (u.place - 1) / 100;
    RETURN v_fired;
END
$$;
