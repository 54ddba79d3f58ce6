INSERT INTO session (name) VALUES ('a'), ('b');
INSERT INTO command VALUES (1, 1, 'ADD,alice,100.00', 'OK {}'), (1, 2, 'DISPLAY_SUMMARY,alice', NULL);
INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, funds_cents, added_cents)
VALUES (1795000000000, 'alice', 1, 1, 1, 1, 'transaction-0', 1, 10000, 10000);
INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, price_cents, quote_time_ms, cryptokey)
VALUES (1795000000100, 'alice', 0, 2, 1, 3, 'transaction-0', 0, 'ABC', 1000, 1795000000090, 'key');
INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, price_cents, added_cents, shares)
VALUES (1795000000100, 'alice', 5, 4, 1, 2, 'trigger-0', 11, 'ABC', 1000, 1, 3);
INSERT INTO account VALUES
    ('alice', 3, 8000, 2000, 1795000000100, 5, '[["ABC", 1, 1000, 1795000000100, 1, 3]]', '[]', 1, '\x9290');
INSERT INTO holding VALUES ('alice', 'ABC', 3, 2, 4999);
INSERT INTO trigger_order (username, symbol, side, amount_cents, price_cents, shares, session_id, number, armed_ms)
VALUES ('alice', 'ABC', 1, 1000, 900, 0, 1, 4, 1795000000100),
       ('alice', 'ABC', 2, 2000, 950, 2, 1, 5, 1795000000100),
       ('alice', 'XYZ', 2, 2000, NULL, 0, 1, 6, NULL);
INSERT INTO quote VALUES ('ABC', 1000, 'alice', 1795000000090, 'key', 1, 3);
INSERT INTO login VALUES ('alice', '$argon2id$', 'trader', 1795000000000, 1795000000100, 1795000000000, false, 1795086400000);
INSERT INTO web_session VALUES (decode(repeat('ab', 32), 'hex'), 'alice', 1795000000100, 1795000000100, 1795043200100);
INSERT INTO watch VALUES ('alice', 'ABC', 1795000000100);
