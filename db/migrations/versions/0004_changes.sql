-- fire_triggers as it was (migration 0002), but it tells of each account that it changed also the version that it made: whoever
-- has read that version, or a newer one, meanwhile need not read the account again. `account_changed`: "user version,...".
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
        RETURNING a.username, a.version
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
