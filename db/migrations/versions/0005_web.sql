-- Who may log in to the web client. A trader's name is also the trading account's. "." and ".." cannot stand in a path of a URL.
CREATE TABLE login (
    username text PRIMARY KEY CHECK (username ~ '^[A-Za-z0-9_.-]{1,64}$' AND username NOT IN ('.', '..')),
    password_hash text NOT NULL,            -- argon2id, with its parameters and salt in the text
    role text NOT NULL CHECK (role IN ('trader', 'supervisor')),
    created_ms bigint NOT NULL,
    last_login_ms bigint,
    password_changed_ms bigint NOT NULL,
    disabled boolean NOT NULL DEFAULT false
);

-- The lasting copy of the sessions, which otherwise live in the cache: one that dies logs nobody out.
-- Only the SHA-256 of a session's id is known here: who reads this table can be nobody.
CREATE TABLE web_session (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    username text NOT NULL REFERENCES login ON DELETE CASCADE,
    created_ms bigint NOT NULL,
    seen_ms bigint NOT NULL,                -- at most a minute behind
    expires_ms bigint NOT NULL              -- the absolute limit
);
CREATE INDEX web_session_username ON web_session (username);
CREATE INDEX web_session_expires ON web_session (expires_ms);

-- Symbols that a user wants to see.
CREATE TABLE watch (
    username text NOT NULL REFERENCES login ON DELETE CASCADE,
    symbol text NOT NULL CHECK (symbol ~ '^[A-Z]{1,3}$'),
    added_ms bigint NOT NULL,
    PRIMARY KEY (username, symbol)
);

-- What happens to a user without a command of theirs, in order: few rows of many.
CREATE INDEX audit_told ON audit (username, seq) WHERE kind IN (3, 4);
-- Rows are written nearly in the order of their time, so a few bytes for each 128 blocks say where a time is.
CREATE INDEX audit_time ON audit USING brin (timestamp_ms);
