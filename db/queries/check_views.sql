-- What the queries of check.sql stand on: the log told as the lives of accounts, pendings and triggers. Run in this order, in the
-- transaction and snapshot of the check.

-- name: prepare_settings
-- For this transaction only: it sorts millions of rows. What the caller knows is found by the queries under `check.`.
SELECT
    set_config('work_mem', '128MB', true),
    set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true),
    set_config('cursor_tuple_fraction', '1', true),
    set_config('jit', 'off', true),
    set_config('check.quote_life_ms', %(quote_life_ms)s::text, true),
    set_config('check.pending_life_ms', %(pending_life_ms)s::text, true),
    set_config('check.fire_within_ms', %(fire_within_ms)s::text, true),
    set_config('check.clock_step_ms', %(clock_step_ms)s::text, true),
    set_config('check.max_cost_cents', %(max_cost_cents)s::text, true);

-- name: prepare_event
-- The audit log without the quote hits, with names for numbers (core.commands.CODES).
CREATE TEMPORARY VIEW event AS
SELECT
    timestamp_ms, username, seq, session_id, number, symbol, funds_cents, price_cents, shares AS told_shares, error,
    coalesce(added_cents, 0) AS added_cents,
    coalesce(removed_cents, 0) AS removed_cents,
    (ARRAY['command', 'hit', 'expiry', 'fire'])[kind] AS kind,
    (ARRAY[
        'ADD', 'QUOTE', 'BUY', 'COMMIT_BUY', 'CANCEL_BUY', 'SELL', 'COMMIT_SELL', 'CANCEL_SELL', 'SET_BUY_AMOUNT',
        'CANCEL_SET_BUY', 'SET_BUY_TRIGGER', 'SET_SELL_AMOUNT', 'SET_SELL_TRIGGER', 'CANCEL_SET_SELL', 'DUMPLOG',
        'DISPLAY_SUMMARY'
    ])[command] AS command
FROM audit
WHERE kind <> 2;

-- name: prepare_hit
-- The quote hits: few.
CREATE TEMPORARY TABLE hit ON COMMIT DROP AS
SELECT timestamp_ms, username, seq, session_id, number, command, symbol, price_cents, quote_time_ms, cryptokey
FROM audit WHERE kind = 2;

-- name: prepare_hit_statistics
ANALYZE hit;

-- name: prepare_used_price
-- The price that each accepted QUOTE, BUY and SELL used: the one its event names, else that of its own newest hit. Of the
-- refused ones those that name a price.
CREATE TEMPORARY TABLE used_price ON COMMIT DROP AS
SELECT
    e.username, e.command, e.session_id, e.number, e.timestamp_ms, e.symbol,
    coalesce(e.price_cents, own.price_cents) AS price_cents
FROM event AS e
LEFT JOIN (
    SELECT DISTINCT ON (session_id, number, username, symbol) session_id, number, username, symbol, price_cents
    FROM hit ORDER BY session_id, number, username, symbol, quote_time_ms DESC
) AS own USING (session_id, number, username, symbol)
WHERE e.kind = 'command' AND e.command IN ('QUOTE', 'BUY', 'SELL')
  AND (e.error IS NULL OR e.price_cents IS NOT NULL);

-- name: prepare_used_price_statistics
ANALYZE used_price;

-- name: prepare_pending_step
-- Every step in the life of a pending buy or sell, with the BUY or SELL that opened it. A COMMIT or CANCEL takes the newest,
-- an expiry the oldest: with the stack drawn upright (the expired stay as its foundation), BUY puts on level `height`, COMMIT
-- takes from there, and the n-th expiry takes level n. On one level, opening and ending take turns.
CREATE TEMPORARY TABLE pending_step ON COMMIT DROP AS
WITH step AS (
    SELECT
        username, seq, timestamp_ms, session_id, number, kind, command, symbol, funds_cents, added_cents, removed_cents, told_shares,
        CASE WHEN command IN ('BUY', 'COMMIT_BUY', 'CANCEL_BUY') THEN 'buy' ELSE 'sell' END AS side,
        command IN ('BUY', 'SELL') AS opens,
        kind = 'expiry' AS expires
    FROM event
    WHERE kind <> 'fire' AND error IS NULL
      AND command IN ('BUY', 'COMMIT_BUY', 'CANCEL_BUY', 'SELL', 'COMMIT_SELL', 'CANCEL_SELL')
), counted AS (
    SELECT
        *,
        sum(CASE WHEN opens THEN 1 WHEN expires THEN 0 ELSE -1 END) OVER stack AS height,
        count(*) FILTER (WHERE expires) OVER stack AS expired
    FROM step
    WINDOW stack AS (PARTITION BY username, side ORDER BY seq)
), placed AS (
    SELECT *, CASE WHEN expires THEN expired WHEN opens THEN height ELSE height + 1 END AS level FROM counted
), matched AS (
    SELECT
        *,
        lead(seq) OVER level_by_level IS NULL AS is_last,
        CASE WHEN opens THEN session_id WHEN lag(opens) OVER level_by_level THEN lag(session_id) OVER level_by_level END
            AS opened_session,
        CASE WHEN opens THEN number WHEN lag(opens) OVER level_by_level THEN lag(number) OVER level_by_level END
            AS opened_number,
        CASE WHEN opens THEN timestamp_ms ELSE lag(timestamp_ms) OVER level_by_level END AS opened_ms,
        CASE WHEN opens THEN funds_cents ELSE lag(funds_cents) OVER level_by_level END AS opened_funds_cents
    FROM placed
    WINDOW level_by_level AS (PARTITION BY username, side, level ORDER BY seq)
)
SELECT
    m.*, u.symbol AS opened_symbol, u.price_cents, m.opened_funds_cents / nullif(u.price_cents, 0) AS shares,
    m.opened_funds_cents / nullif(u.price_cents, 0) * u.price_cents AS value_cents
FROM matched AS m
LEFT JOIN used_price AS u ON u.session_id = m.opened_session AND u.number = m.opened_number;

-- name: prepare_trigger_step
-- Every step in the life of a trigger, with what stood for that user, symbol and side: the amount set, the amount that it
-- replaced, the price armed with and the SET_*_TRIGGER that did it. What ends one (CANCEL_SET_*, a fire) sees what it ended.
-- `life` counts the ends before; the first row of a group by `amounts` (or `arms`) is the SET that began it, if one did. A new
-- amount disarms a sell and leaves a buy armed.
CREATE TEMPORARY TABLE trigger_step ON COMMIT DROP AS
WITH step AS (
    SELECT
        username, symbol, seq, timestamp_ms, session_id, number, kind, command, funds_cents, price_cents, added_cents, told_shares,
        CASE WHEN command IN ('SET_BUY_AMOUNT', 'SET_BUY_TRIGGER', 'CANCEL_SET_BUY') THEN 'buy' ELSE 'sell' END AS side,
        command IN ('SET_BUY_AMOUNT', 'SET_SELL_AMOUNT') AS sets,
        kind = 'command' AND command IN ('SET_BUY_TRIGGER', 'SET_SELL_TRIGGER') AS arms,
        kind = 'fire' OR command IN ('CANCEL_SET_BUY', 'CANCEL_SET_SELL') AS ends
    FROM event
    WHERE kind <> 'expiry' AND error IS NULL
      AND command IN ('SET_BUY_AMOUNT', 'SET_BUY_TRIGGER', 'CANCEL_SET_BUY', 'SET_SELL_AMOUNT', 'SET_SELL_TRIGGER', 'CANCEL_SET_SELL')
), counted AS (
    SELECT
        *,
        count(*) FILTER (WHERE ends) OVER (before ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS life,
        count(*) FILTER (WHERE sets) OVER before AS amounts,
        count(*) FILTER (WHERE arms) OVER before AS armings,
        lead(timestamp_ms) OVER before AS next_ms,
        lead(seq) OVER before IS NULL AS is_last
    FROM step
    WINDOW before AS (PARTITION BY username, symbol, side ORDER BY seq)
), standing AS (
    SELECT
        *,
        CASE WHEN first_value(sets) OVER by_amount THEN first_value(funds_cents) OVER by_amount END AS amount_cents,
        CASE WHEN first_value(sets) OVER by_amount THEN first_value(session_id) OVER by_amount END AS amount_session,
        CASE WHEN first_value(sets) OVER by_amount THEN first_value(number) OVER by_amount END AS amount_number,
        CASE WHEN first_value(arms) OVER by_arming THEN first_value(funds_cents) OVER by_arming END AS armed_cents,
        CASE WHEN first_value(arms) OVER by_arming THEN first_value(session_id) OVER by_arming END AS armed_session,
        CASE WHEN first_value(arms) OVER by_arming THEN first_value(number) OVER by_arming END AS armed_number,
        CASE WHEN first_value(arms) OVER by_arming THEN first_value(timestamp_ms) OVER by_arming END AS armed_ms
    FROM counted
    WINDOW
        by_amount AS (PARTITION BY username, symbol, side, life, amounts ORDER BY seq),
        by_arming AS (
            PARTITION BY username, symbol, side, life, CASE side WHEN 'sell' THEN amounts END, armings ORDER BY seq
        )
)
SELECT
    *,
    lag(amount_cents) OVER (PARTITION BY username, symbol, side, life ORDER BY seq) AS replaced_cents,
    CASE
        WHEN kind <> 'fire' THEN NULL
        WHEN side = 'buy' THEN amount_cents / nullif(price_cents, 0)
        ELSE amount_cents / nullif(armed_cents, 0)
    END AS fired_shares
FROM standing;

-- name: prepare_trade
-- Every trade: shares bought (sold: less than none), and what was paid for those bought.
CREATE TEMPORARY VIEW trade AS
SELECT username, opened_symbol AS symbol, seq, CASE side WHEN 'buy' THEN shares ELSE -shares END AS bought, value_cents AS cents
FROM pending_step WHERE command IN ('COMMIT_BUY', 'COMMIT_SELL')
UNION ALL
SELECT username, symbol, seq, CASE side WHEN 'buy' THEN fired_shares ELSE -fired_shares END, fired_shares::numeric * price_cents
FROM trigger_step WHERE kind = 'fire';

-- name: prepare_after_trade
-- Shares and cost after a trade: of what is sold the shares that stay keep their part of the cost, rounded up to a cent.
CREATE FUNCTION pg_temp.after_trade(held numeric[], bought numeric, cents numeric) RETURNS numeric[] LANGUAGE sql AS $$
    SELECT ARRAY[held[1] + bought, CASE
        WHEN bought > 0 THEN least(held[2] + cents, current_setting('check.max_cost_cents')::numeric)
        ELSE div(held[2] * (held[1] + bought) + held[1] - 1, nullif(held[1], 0))
    END]
$$;

-- name: prepare_after_trades
-- The same after all trades in their order.
CREATE AGGREGATE pg_temp.after_trades(numeric, numeric) (sfunc = pg_temp.after_trade, stype = numeric[], initcond = '{0, 0}');

-- name: prepare_account_step
-- Each account's events in their order, from the ADD that created it. (What a user asked before that stands in no account:
-- its numbers begin again when a server does.)
CREATE TEMPORARY TABLE account_step ON COMMIT DROP AS
WITH born AS (
    SELECT DISTINCT ON (username) username, timestamp_ms, seq
    FROM event WHERE command = 'ADD' AND error IS NULL ORDER BY username, timestamp_ms, seq
)
SELECT
    e.username, e.seq, e.timestamp_ms, lag(e.seq) OVER own AS previous_seq, lag(e.timestamp_ms) OVER own AS previous_ms,
    lead(e.seq) OVER own IS NULL AS is_last
FROM event AS e JOIN born AS b USING (username)
WHERE (e.timestamp_ms, e.seq) >= (b.timestamp_ms, b.seq)
WINDOW own AS (PARTITION BY e.username ORDER BY e.seq);
