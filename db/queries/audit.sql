-- The audit log as the elements of audit-log.md, spelled out by the database itself: several times faster than Python.

-- name: dump
-- Each row's elements, one a line, oldest first; one user's or (user NULL) all. From inside out: the rows in their
-- order; the parts that a row's elements share, NULL where the value is absent; the elements. OFFSET 0 keeps the three
-- apart, so that rows are sorted while they are small and each part is built once. cents * 0.01 has two places, exactly.
SELECT concat(
    CASE WHEN kind = 1 THEN
        '<userCommand>' || head || command || concat(account, stock, file, funds) || E'</userCommand>\n'
    END,
    CASE WHEN kind = 2 THEN
        '<quoteServer>' || head || '<price>' || price_cents * 0.01 || '</price>' || stock || account
        || '<quoteServerTime>' || quote_time_ms || '</quoteServerTime><cryptokey>'
        || replace(replace(replace(cryptokey, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') || E'</cryptokey></quoteServer>\n'
    END,
    CASE WHEN kind IN (3, 4) OR kind = 1 AND price_cents IS NOT NULL THEN
        '<systemEvent>' || head || command || concat(account, stock, '<funds>' || price_cents * 0.01 || '</funds>')
        || E'</systemEvent>\n'
    END,
    '<accountTransaction>' || head || '<action>add</action>' || account
        || '<funds>' || nullif(added_cents, 0) * 0.01 || E'</funds></accountTransaction>\n',
    '<accountTransaction>' || head || '<action>remove</action>' || account
        || '<funds>' || nullif(removed_cents, 0) * 0.01 || E'</funds></accountTransaction>\n',
    '<errorEvent>' || head || command || concat(account, stock, file, funds) || '<errorMessage>'
        || replace(replace(replace(
            regexp_replace(error, '[\x01-\x1f\ufffe\uffff]', ' ', 'g'), '&', '&amp;'), '<', '&lt;'), '>', '&gt;')
        || E'</errorMessage></errorEvent>\n'
) AS elements
FROM (
    SELECT
        kind, price_cents, added_cents, removed_cents, error, quote_time_ms, cryptokey,
        concat(
            '<timestamp>', timestamp_ms, '</timestamp><server>',
            replace(replace(replace(server, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'),
            '</server><transactionNum>', number, '</transactionNum>'
        ) AS head,
        '<command>' || (%(commands)s::text[])[command] || '</command>' AS command,
        '<username>' || nullif(username, '') || '</username>' AS account,
        '<stockSymbol>' || nullif(symbol, '') || '</stockSymbol>' AS stock,
        '<filename>' || nullif(filename, '') || '</filename>' AS file,
        '<funds>' || funds_cents * 0.01 || '</funds>' AS funds
    FROM (
        SELECT * FROM audit
        WHERE %(username)s::text IS NULL OR username = %(username)s
        ORDER BY timestamp_ms, username COLLATE "C" NULLS FIRST, seq
        OFFSET 0
    ) AS ordered
    OFFSET 0
) AS part;

-- name: dump_session
-- For the dump's own transaction: it may take minutes, and its sort may use memory before it goes to disk.
SELECT
    set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '60s', true),
    set_config('work_mem', '64MB', true),
    set_config('cursor_tuple_fraction', '1', true),
    set_config('jit', 'off', true);
