-- What walpiper keeps in the database for POST /events with an Idempotency-Key: the ids of the rows
-- that a key gave, so that the same key gives them again and inserts nothing. It is compiled into the
-- program, which runs it before the first such request; where the table is, it does nothing. A role
-- that may not create a schema needs it done once by one that may:
--
--     psql -f sql/published.sql
--     GRANT USAGE ON SCHEMA walpiper TO walpiper;
--     GRANT SELECT, INSERT, UPDATE, DELETE ON walpiper.published TO walpiper;
--
-- Keys older than a day are removed as new ones come.
DO $$
BEGIN
    IF to_regclass('walpiper.published') IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(8603095177213112); -- one installer at a time
    IF to_regnamespace('walpiper') IS NULL THEN
        CREATE SCHEMA walpiper;
    END IF;
    CREATE TABLE IF NOT EXISTS walpiper.published (
        key  text        NOT NULL,
        item integer     NOT NULL, -- 0: the request itself, 1: its first event, ...
        id   text,                 -- of the row; of the request: a hash of what it asked for
        at   timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (key, item)
    );
    CREATE INDEX IF NOT EXISTS published_at ON walpiper.published (at) WHERE item = 0;
END
$$;
