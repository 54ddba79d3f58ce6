-- Sessions of clients; the bigint stands for the name in the two large tables (a text id costs 98 bytes a row more in the index).
CREATE TABLE session (
    session_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$')
);

-- Every accepted request by its idempotency key, with the reply that a repeat gets. reply is null for commands that are done again.
CREATE TABLE command (
    session_id bigint NOT NULL,
    number bigint NOT NULL CHECK (number BETWEEN 1 AND 9007199254740992),
    body text NOT NULL,
    reply text,
    PRIMARY KEY (session_id, number)
);

-- One row for each command, quote hit, expiry and fire; the dump spells each out as its events (audit-log.md).
CREATE TABLE audit (
    timestamp_ms bigint NOT NULL,
    username text,
    seq bigint NOT NULL,            -- the account's own sequence, from 1; 0 for a quote hit
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),   -- 1 command, 2 quote hit, 3 expiry, 4 fire
    session_id bigint NOT NULL,
    number bigint NOT NULL,
    server text NOT NULL,
    command smallint NOT NULL CHECK (command BETWEEN 0 AND 16),   -- core.commands.CODES; 0 for a quote hit
    symbol text,
    filename text,
    funds_cents bigint,             -- the amount or trigger price the command had
    price_cents bigint,             -- 1: price used that was not its own newest hit; 2: price of the hit; 4: price it fired at
    added_cents bigint,             -- cash that came
    removed_cents bigint,           -- cash that left (after what came)
    error text,                     -- errorMessage of a refused command
    quote_time_ms bigint,           -- 2: quoteServerTime
    cryptokey text                  -- 2
);
-- A hit is recorded once, also when the answer to its COMMIT was lost and it is recorded again. Few rows: the hits only.
CREATE UNIQUE INDEX audit_hit ON audit (symbol, quote_time_ms, cryptokey) WHERE kind = 2;

CREATE TABLE account (
    username text PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    cash_cents bigint NOT NULL CHECK (cash_cents >= 0),
    reserved_cents bigint NOT NULL CHECK (reserved_cents >= 0),
    timestamp_ms bigint NOT NULL,   -- of the newest event
    seq bigint NOT NULL,            -- of the newest event
    buys jsonb NOT NULL,            -- pending buys, oldest first: [[symbol, shares, price_cents, timestamp_ms, session_id, number], ...]
    sells jsonb NOT NULL,           -- pending sells, the same
    expired smallint NOT NULL,      -- bit 1: the last pending buy to leave expired; bit 2: the last pending sell
    history bytea NOT NULL          -- msgpack: counts by command and outcome, newest commands (transaction.account)
) WITH (fillfactor = 50);

CREATE TABLE holding (
    username text NOT NULL,
    symbol text NOT NULL,
    shares bigint NOT NULL CHECK (shares >= 0),              -- free
    reserved_shares bigint NOT NULL CHECK (reserved_shares >= 0),   -- by pending sells and armed sell triggers
    PRIMARY KEY (username, symbol)
) WITH (fillfactor = 70);

-- SET_BUY_AMOUNT and SET_SELL_AMOUNT, armed once price_cents is set. A buy's amount_cents is reserved from the start,
-- a sell's shares when it is armed (shares is 0 for buys and for sells not armed).
CREATE TABLE trigger_order (
    username text NOT NULL,
    symbol text NOT NULL,
    side smallint NOT NULL CHECK (side IN (1, 2)),           -- 1 buy, 2 sell
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    price_cents bigint CHECK (price_cents > 0),
    shares bigint NOT NULL CHECK (shares >= 0),
    session_id bigint NOT NULL,     -- of the SET_*_TRIGGER that armed it, else of the SET_*_AMOUNT
    number bigint NOT NULL,
    armed_ms bigint,                -- timestamp of the SET_*_TRIGGER that set its price
    PRIMARY KEY (username, symbol, side)
) WITH (fillfactor = 70);
CREATE INDEX trigger_order_armed ON trigger_order (symbol, side, price_cents) WHERE price_cents IS NOT NULL;

-- The newest quote of each symbol, written with its hit: what outlives the cache, so that a lost cache costs no second hit.
CREATE TABLE quote (
    symbol text PRIMARY KEY,
    price_cents bigint NOT NULL CHECK (price_cents > 0),
    username text NOT NULL,
    quote_time_ms bigint NOT NULL,
    cryptokey text NOT NULL,
    session_id bigint NOT NULL,     -- whose hit it was
    number bigint NOT NULL
) WITH (fillfactor = 70);
