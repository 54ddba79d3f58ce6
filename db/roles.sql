-- The roles of the system, for the whole Postgres server. They own and may do nothing yet: see grants.sql.
-- A role can log in once it is given a password (migrate.py). Run again at every start, so each statement may be repeated.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['daytrade_owner', 'daytrade_transaction', 'daytrade_trigger', 'daytrade_audit', 'daytrade_web'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
    END LOOP;
    -- A superuser may act as the owner anyway; any other administrator has to be a member.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT daytrade_owner TO %I', current_user);
    END IF;
END
$$;

-- A process that is stopped while it holds account rows loses them after 10 s; whoever waits for a row outlasts that.
ALTER ROLE daytrade_transaction SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE daytrade_transaction SET lock_timeout = '15s';
ALTER ROLE daytrade_transaction SET statement_timeout = '30s';
ALTER ROLE daytrade_transaction SET client_connection_check_interval = '2s';

ALTER ROLE daytrade_trigger SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE daytrade_trigger SET lock_timeout = '15s';
ALTER ROLE daytrade_trigger SET statement_timeout = '30s';
ALTER ROLE daytrade_trigger SET client_connection_check_interval = '2s';

-- The web client waits for nobody for long: it answers that the database is busy.
ALTER ROLE daytrade_web SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE daytrade_web SET lock_timeout = '5s';
ALTER ROLE daytrade_web SET statement_timeout = '20s';
ALTER ROLE daytrade_web SET client_connection_check_interval = '2s';

ALTER ROLE daytrade_audit SET default_transaction_read_only = on;
ALTER ROLE daytrade_audit SET idle_in_transaction_session_timeout = '10min';
ALTER ROLE daytrade_audit SET client_connection_check_interval = '2s';
