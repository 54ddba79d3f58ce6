-- Who may do what in the database: all of it, put in place anew after every migration.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO daytrade_owner, daytrade_transaction, daytrade_trigger, daytrade_audit, daytrade_web',
        current_database()
    );
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO daytrade_audit', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, daytrade_transaction, daytrade_trigger, daytrade_audit, daytrade_web;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, daytrade_transaction, daytrade_trigger, daytrade_audit, daytrade_web;
GRANT USAGE ON SCHEMA public TO daytrade_transaction, daytrade_trigger, daytrade_audit, daytrade_web;

-- The transaction servers. What is written once (sessions, requests, events) can neither be changed nor removed.
GRANT SELECT, INSERT ON session, command, audit TO daytrade_transaction;
GRANT SELECT, INSERT, UPDATE ON account, holding, quote TO daytrade_transaction;
GRANT SELECT, INSERT, UPDATE, DELETE ON trigger_order TO daytrade_transaction;

-- The trigger server: takes a trigger away and moves the cash and the shares of an account that is there.
GRANT SELECT, UPDATE ON account TO daytrade_trigger;
GRANT SELECT, INSERT, UPDATE ON holding, quote TO daytrade_trigger;
GRANT SELECT, DELETE ON trigger_order TO daytrade_trigger;
GRANT INSERT ON audit TO daytrade_trigger;
GRANT SELECT ON session TO daytrade_trigger;   -- for the keys in its log
GRANT EXECUTE ON FUNCTION lock_accounts, fire_triggers TO daytrade_trigger;

-- Dumps and checks (whose intermediate results are temporary tables).
GRANT SELECT ON session, command, audit, account, holding, trigger_order, quote TO daytrade_audit;

-- The web client: it trades through the load balancer like everybody, so of trading it may only read.
GRANT SELECT ON session, audit, account, holding, trigger_order, quote TO daytrade_web;
GRANT SELECT (session_id, number, reply) ON command TO daytrade_web;
GRANT SELECT, INSERT, UPDATE ON login TO daytrade_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON web_session, watch TO daytrade_web;
