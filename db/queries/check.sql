-- What must always hold, as queries that return one sentence for each thing that breaks it. A query's name begins with
-- the number of its invariant. All run in one transaction and one snapshot, after those of check_views.sql.

-- name: i1_cash
-- Cash is what came less what left.
SELECT format('%s has %s cents in cash, the events give %s', username, coalesce(cash_cents, 0), coalesce(cents, 0))
FROM account
FULL JOIN (
    SELECT username, sum(added_cents - removed_cents) AS cents FROM event WHERE username IS NOT NULL GROUP BY username
) AS moved USING (username)
WHERE coalesce(cash_cents, 0) <> coalesce(cents, 0);

-- name: i1_shares
-- Shares are those bought less those sold, by commits and by fires: none arises, none is lost.
SELECT format('%s has %s shares of %s, the events give %s', username, coalesce(held, 0), symbol, coalesce(traded, 0))
FROM (SELECT username, symbol, shares::numeric + reserved_shares AS held FROM holding) AS h
FULL JOIN (
    SELECT username, symbol, sum(bought) AS traded FROM trade WHERE symbol IS NOT NULL GROUP BY username, symbol
) AS t USING (username, symbol)
WHERE coalesce(held, 0) <> coalesce(traded, 0);

-- name: i1_cost
-- What the shares held cost is what was paid for them (so there is a cost exactly while there are shares).
SELECT format('the shares of %s that %s holds cost %s cents, the events give %s', symbol, username, coalesce(cost_cents, 0), coalesce(cents, 0))
FROM holding
FULL JOIN (
    SELECT username, symbol, (pg_temp.after_trades(bought, cents ORDER BY seq))[2] AS cents
    FROM trade WHERE symbol IS NOT NULL AND bought IS NOT NULL GROUP BY username, symbol
) AS t USING (username, symbol)
WHERE coalesce(cost_cents, 0) <> coalesce(cents, 0);

-- name: i2_negative
-- Nothing is negative.
SELECT format('%s has %s cents in cash and %s reserved', username, cash_cents, reserved_cents)
FROM account WHERE cash_cents < 0 OR reserved_cents < 0
UNION ALL
SELECT format('%s has %s free and %s reserved shares of %s', username, shares, reserved_shares, symbol)
FROM holding WHERE shares < 0 OR reserved_shares < 0
UNION ALL
SELECT format('the trigger order of %s for %s has amount %s, price %s and %s shares', username, symbol, amount_cents, price_cents, shares)
FROM trigger_order WHERE amount_cents <= 0 OR price_cents <= 0 OR shares < 0;

-- name: i2_reserved_cash
-- Reserved cash is what pending buys and buy triggers hold.
SELECT format('%s has %s cents reserved, pending buys and triggers hold %s', username, coalesce(reserved_cents, 0), coalesce(held, 0))
FROM account
FULL JOIN (
    SELECT username, sum(cents) AS held
    FROM (
        SELECT username, (buy ->> 1)::numeric * (buy ->> 2)::numeric AS cents
        FROM account CROSS JOIN LATERAL jsonb_array_elements(buys::jsonb) AS buy
        UNION ALL
        SELECT username, amount_cents FROM trigger_order WHERE side = 1
    ) AS holder
    GROUP BY username
) AS h USING (username)
WHERE coalesce(reserved_cents, 0) <> coalesce(held, 0);

-- name: i2_reserved_shares
-- Reserved shares are what pending sells and armed sell triggers hold.
SELECT format('%s has %s shares of %s reserved, pending sells and triggers hold %s', username, coalesce(reserved_shares, 0), symbol, coalesce(held, 0))
FROM holding
FULL JOIN (
    SELECT username, symbol, sum(shares) AS held
    FROM (
        SELECT username, sell ->> 0 AS symbol, (sell ->> 1)::numeric AS shares
        FROM account CROSS JOIN LATERAL jsonb_array_elements(sells::jsonb) AS sell
        UNION ALL
        SELECT username, symbol, shares FROM trigger_order WHERE side = 2
    ) AS holder
    GROUP BY username, symbol
) AS h USING (username, symbol)
WHERE coalesce(reserved_shares, 0) <> coalesce(held, 0);

-- name: i2_pendings
-- The account's pendings, oldest first, are those that the log has opened and not ended, as they were opened.
SELECT format(
    'pending %s %s of %s %s', side, place, username,
    CASE
        WHEN a.symbol IS NULL THEN format('is open in the log (session %s, number %s) and not in the account', l.session_id, l.number)
        WHEN l.symbol IS NULL THEN format('is in the account (session %s, number %s) and not open in the log', a.session_id, a.number)
        ELSE format(
            'is %s in the account, %s in the log',
            (a.symbol, a.shares, a.price_cents, a.opened_ms, a.session_id, a.number),
            (l.symbol, l.shares, l.price_cents, l.opened_ms, l.session_id, l.number)
        )
    END
)
FROM (
    SELECT
        username, side, place, pending ->> 0 AS symbol, (pending ->> 1)::bigint AS shares, (pending ->> 2)::bigint AS price_cents,
        (pending ->> 3)::bigint AS opened_ms, (pending ->> 4)::bigint AS session_id, (pending ->> 5)::bigint AS number
    FROM account
    CROSS JOIN LATERAL (VALUES ('buy', buys::jsonb), ('sell', sells::jsonb)) AS stack (side, pendings)
    CROSS JOIN LATERAL jsonb_array_elements(pendings) WITH ORDINALITY AS one (pending, place)
) AS a
FULL JOIN (
    SELECT
        username, side, row_number() OVER (PARTITION BY username, side ORDER BY seq) AS place,
        opened_symbol AS symbol, shares, price_cents, opened_ms, session_id, number
    FROM pending_step WHERE opens AND is_last
) AS l USING (username, side, place)
WHERE (a.symbol, a.shares, a.price_cents, a.opened_ms, a.session_id, a.number)
    IS DISTINCT FROM (l.symbol, l.shares, l.price_cents, l.opened_ms, l.session_id, l.number);

-- name: i2_trigger_orders
-- The trigger orders are those that the log has set and not ended; a sell's shares are reserved exactly while it is armed.
SELECT format(
    'the %s trigger of %s for %s %s', side, username, symbol,
    CASE
        WHEN t.amount_cents IS NULL THEN 'stands in the log and is not there'
        WHEN l.amount_cents IS NULL THEN 'is there and does not stand in the log'
        ELSE format(
            'is %s, the log gives %s',
            (t.amount_cents, t.price_cents, t.shares, t.session_id, t.number, t.armed_ms),
            (l.amount_cents, l.price_cents, l.shares, l.session_id, l.number, l.armed_ms)
        )
    END
)
FROM (
    SELECT
        username, symbol, CASE side WHEN 1 THEN 'buy' ELSE 'sell' END AS side,
        amount_cents, price_cents, shares, session_id, number, armed_ms
    FROM trigger_order
) AS t
FULL JOIN (
    SELECT
        username, symbol, side, amount_cents, armed_cents AS price_cents,
        CASE WHEN side = 'sell' AND armed_cents IS NOT NULL THEN amount_cents / nullif(armed_cents, 0) ELSE 0 END AS shares,
        coalesce(armed_session, amount_session) AS session_id,
        coalesce(armed_number, amount_number) AS number,
        armed_ms
    FROM trigger_step WHERE is_last AND NOT ends
) AS l USING (username, symbol, side)
WHERE (t.amount_cents, t.price_cents, t.shares, t.session_id, t.number, t.armed_ms)
    IS DISTINCT FROM (l.amount_cents, l.price_cents, l.shares, l.session_id, l.number, l.armed_ms);

-- name: i3_requests
-- Every request stands once, with exactly one userCommand, under a session that exists.
SELECT format(
    'request %s of session %s %s', number, session_id,
    CASE
        WHEN c.known IS NULL THEN 'has an event and is not stored'
        WHEN e.events IS NULL THEN 'is stored and has no event'
        WHEN s.session_id IS NULL THEN 'belongs to no session'
        ELSE format('has %s events', e.events)
    END
)
FROM (SELECT session_id, number, true AS known FROM command) AS c
FULL JOIN (
    SELECT session_id, number, count(*) AS events FROM audit WHERE kind = 1 GROUP BY session_id, number
) AS e USING (session_id, number)
LEFT JOIN session AS s USING (session_id)
WHERE c.known IS NULL OR e.events IS DISTINCT FROM 1 OR s.session_id IS NULL;

-- name: i3_replies
-- A repeat gets the reply that tells what the log tells; only commands that are done again have none stored.
SELECT format('request %s of session %s (%s of %s) has the reply %s and %s', number, session_id, e.command, e.username,
              coalesce(c.reply, 'of doing it again'), coalesce('the error ' || e.error, 'no error'))
FROM command AS c
JOIN event AS e USING (session_id, number)
WHERE e.kind = 'command'
  AND CASE
      WHEN e.command IN ('DISPLAY_SUMMARY', 'DUMPLOG') AND e.error IS NULL THEN c.reply IS NOT NULL
      WHEN e.error IS NULL THEN NOT coalesce(starts_with(c.reply, 'OK {'), false)
      ELSE NOT coalesce(starts_with(c.reply, 'ERR {"code":"' || split_part(e.error, ':', 1) || '"'), false)
  END;

-- name: i4_refusals
-- What was refused changed nothing, and used a price only where the price was the reason.
SELECT format('%s of %s (session %s, number %s) was refused (%s), but added %s, removed %s, price %s', command, username,
              session_id, number, error, added_cents, removed_cents, price_cents)
FROM event
WHERE error IS NOT NULL AND (
    kind <> 'command' OR added_cents <> 0 OR removed_cents <> 0
    OR (price_cents IS NOT NULL AND NOT (
        command IN ('BUY', 'SELL') AND split_part(error, ':', 1) IN ('TOO_SMALL', 'INSUFFICIENT_SHARES')
    ))
);

-- name: i4_moves
-- Cash moves by the commands that move it, in their direction, and by the amount named where they name one; expiries and fires
-- tell the shares that they moved, and nothing else does. (What a pending
-- or a trigger returns is held against its beginning by i6_pendings and i5_triggers.)
SELECT format('%s %s of %s (session %s, number %s) with funds %s added %s and removed %s', kind, command, username, session_id,
              number, funds_cents, added_cents, removed_cents)
FROM event
WHERE error IS NULL AND NOT coalesce(
    CASE
        WHEN added_cents < 0 OR removed_cents < 0 OR (username IS NULL AND added_cents + removed_cents > 0) THEN false
        WHEN (kind = 'command') <> (told_shares IS NULL) THEN false
        WHEN kind = 'command' THEN CASE command
            WHEN 'ADD' THEN added_cents = funds_cents AND removed_cents = 0
            WHEN 'BUY' THEN added_cents = 0 AND removed_cents BETWEEN 1 AND funds_cents
            WHEN 'SET_BUY_AMOUNT' THEN removed_cents = funds_cents
            WHEN 'CANCEL_BUY' THEN added_cents > 0 AND removed_cents = 0
            WHEN 'COMMIT_SELL' THEN added_cents > 0 AND removed_cents = 0
            WHEN 'CANCEL_SET_BUY' THEN added_cents > 0 AND removed_cents = 0
            ELSE added_cents = 0 AND removed_cents = 0
        END
        WHEN kind = 'expiry' THEN
            removed_cents = 0 AND (command = 'CANCEL_BUY' AND added_cents > 0 OR command = 'CANCEL_SELL' AND added_cents = 0)
        ELSE removed_cents = 0 AND price_cents > 0 AND (command = 'SET_BUY_TRIGGER' OR command = 'SET_SELL_TRIGGER' AND added_cents > 0)
    END, false);

-- name: i4_sequence
-- An account's events are numbered without a gap and without a double, and time never goes back.
SELECT format('event %s of %s at %s ms follows event %s at %s ms', seq, username, timestamp_ms, previous_seq, previous_ms)
FROM account_step
WHERE seq <> previous_seq + 1 OR timestamp_ms < previous_ms;

-- name: i4_accounts
-- An account stands where its newest event left it, and there is one exactly for whoever had an ADD accepted.
SELECT format(
    'the account of %s stands at event %s, %s ms; its newest event is %s, %s ms', username,
    coalesce(a.seq::text, '(none)'), a.timestamp_ms, coalesce(e.seq::text, '(none)'), e.timestamp_ms
)
FROM account AS a
FULL JOIN (SELECT username, seq, timestamp_ms FROM account_step WHERE is_last) AS e USING (username)
WHERE (a.seq, a.timestamp_ms) IS DISTINCT FROM (e.seq, e.timestamp_ms);

-- name: i5_once
-- A trigger fires once, and a pending expires once: neither number is ever used again.
SELECT format('%s fires of %s by %s (session %s, number %s)', count(*), command, min(username), session_id, number)
FROM event WHERE kind = 'fire'
GROUP BY command, session_id, number HAVING count(*) > 1
UNION ALL
SELECT format('%s expiries %s of %s (session %s, number %s)', count(*), command, min(username), session_id, number)
FROM event WHERE kind = 'expiry'
GROUP BY command, session_id, number HAVING count(*) > 1;

-- name: i5_triggers
-- Amounts return whole; only what has an amount is armed; only what is armed fires, under the number that armed it, never
-- beyond its price, for at least one share, and what it adds is to the cent what the rules give.
SELECT format(
    '%s %s of %s for %s (session %s, number %s) at price %s added %s: amount %s, replaced %s, armed by number %s at %s', kind,
    command, username, symbol, session_id, number, coalesce(price_cents, funds_cents), added_cents, amount_cents,
    replaced_cents, armed_number, armed_cents
)
FROM trigger_step
WHERE NOT coalesce(
    CASE
        WHEN command = 'SET_BUY_AMOUNT' THEN added_cents = coalesce(replaced_cents, 0)
        WHEN sets THEN true
        WHEN arms THEN amount_cents IS NOT NULL AND (side = 'buy' OR amount_cents >= funds_cents)
        WHEN command = 'CANCEL_SET_BUY' THEN added_cents = amount_cents
        WHEN command = 'CANCEL_SET_SELL' THEN amount_cents IS NOT NULL
        ELSE (session_id, number) = (armed_session, armed_number) AND fired_shares >= 1 AND told_shares = fired_shares AND CASE side
            WHEN 'buy' THEN price_cents <= armed_cents AND added_cents = amount_cents % nullif(price_cents, 0)
            ELSE price_cents >= armed_cents AND added_cents = fired_shares::numeric * price_cents
        END
    END, false);

-- name: i5_late_fires
-- Optional (it needs a trigger server that runs, and processes that are not stopped): between the moment it was armed and its
-- end, or the log's, no quote that reaches a trigger was in the cache for longer than fire_within_ms.
WITH cached AS (
    SELECT
        symbol, price_cents, timestamp_ms AS from_ms,
        least(quote_time_ms + current_setting('check.quote_life_ms')::bigint, lead(timestamp_ms) OVER (PARTITION BY symbol ORDER BY quote_time_ms)) AS until_ms
    FROM hit
), armed AS (
    SELECT
        username, symbol, side, armed_session, armed_number, timestamp_ms AS from_ms,
        CASE side WHEN 'buy' THEN least(armed_cents, amount_cents) ELSE armed_cents END AS reach_cents,
        coalesce(next_ms, (SELECT max(timestamp_ms) FROM audit)) AS until_ms
    FROM trigger_step
    WHERE NOT ends AND armed_cents IS NOT NULL
)
SELECT format(
    'the %s trigger of %s for %s (session %s, number %s) at %s did not fire in %s ms at price %s', a.side, a.username, a.symbol,
    a.armed_session, a.armed_number, a.reach_cents, least(a.until_ms, c.until_ms) - greatest(a.from_ms, c.from_ms), c.price_cents
)
FROM armed AS a
JOIN cached AS c USING (symbol)
WHERE least(a.until_ms, c.until_ms) - greatest(a.from_ms, c.from_ms) > current_setting('check.fire_within_ms')::bigint
  AND CASE a.side WHEN 'buy' THEN c.price_cents <= a.reach_cents ELSE c.price_cents >= a.reach_cents END;

-- name: i6_pendings
-- What is committed or cancelled is pending, is the newest and has not outlived its life; what expires has, and is named by
-- its own number. Each moves exactly its shares at its price.
SELECT format(
    '%s %s of %s (session %s, number %s) after %s ms added %s and removed %s: number %s opened %s shares at %s', kind, command,
    username, session_id, number, timestamp_ms - opened_ms, added_cents, removed_cents, opened_number, shares, price_cents
)
FROM pending_step
WHERE NOT coalesce(
    opened_number IS NOT NULL AND shares >= 1
    AND CASE command
        WHEN 'BUY' THEN removed_cents = value_cents
        WHEN 'CANCEL_BUY' THEN added_cents = value_cents
        WHEN 'COMMIT_SELL' THEN added_cents = value_cents
        ELSE true
    END
    AND CASE
        WHEN expires THEN
            timestamp_ms - opened_ms > current_setting('check.pending_life_ms')::bigint
            AND (session_id, number, symbol, told_shares) = (opened_session, opened_number, opened_symbol, shares)
        ELSE timestamp_ms - opened_ms <= current_setting('check.pending_life_ms')::bigint
    END, false);

-- name: i6_prices
-- A price used is one that the quote server gave for that symbol: at most quote_life_ms before by its own stamp, and recorded
-- before it was used (give or take clock_step_ms, where a test steps the clock back).
SELECT format('%s of %s (session %s, number %s) at %s ms used the price %s of %s, which no quote of that time gives', command,
              username, session_id, number, timestamp_ms, coalesce(price_cents::text, '(unknown)'), symbol)
FROM (
    SELECT username, command, session_id, number, timestamp_ms, symbol, price_cents FROM used_price
    UNION ALL
    SELECT username, 'fire ' || command, session_id, number, timestamp_ms, symbol, price_cents FROM event WHERE kind = 'fire'
) AS used
WHERE NOT EXISTS (
    SELECT FROM hit
    WHERE hit.symbol = used.symbol AND hit.price_cents = used.price_cents
      AND used.timestamp_ms - hit.quote_time_ms <= current_setting('check.quote_life_ms')::bigint
      AND hit.timestamp_ms <= used.timestamp_ms + current_setting('check.clock_step_ms')::bigint
);

-- name: i7_hits
-- A quoteServer event has all that the quote server returned, and no key twice.
SELECT format('a hit on %s for %s at %s ms is not complete', symbol, username, timestamp_ms)
FROM hit
WHERE symbol IS NULL OR username IS NULL OR quote_time_ms IS NULL OR cryptokey IS NULL OR price_cents IS NULL OR price_cents <= 0
   OR seq <> 0 OR command <> 0
UNION ALL
SELECT format('%s hits have the key %s', count(*), cryptokey)
FROM hit GROUP BY cryptokey HAVING count(*) > 1;

-- name: i7_newest_quotes
-- The quote kept for a symbol is its newest hit.
SELECT format('the quote kept for %s is %s of %s ms, its newest hit %s of %s ms', symbol, q.price_cents, q.quote_time_ms,
              h.price_cents, h.quote_time_ms)
FROM quote AS q
FULL JOIN (
    SELECT DISTINCT ON (symbol) symbol, price_cents, username, quote_time_ms, cryptokey, session_id, number
    FROM hit WHERE symbol IS NOT NULL ORDER BY symbol, quote_time_ms DESC, cryptokey COLLATE "C" DESC
) AS h USING (symbol)
WHERE (q.price_cents, q.username, q.quote_time_ms, q.cryptokey, q.session_id, q.number)
    IS DISTINCT FROM (h.price_cents, h.username, h.quote_time_ms, h.cryptokey, h.session_id, h.number);
