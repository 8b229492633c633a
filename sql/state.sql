-- What walpiper keeps in the database for its operators. It is compiled into the program, which runs
-- it as one transaction when the comment on the schema (last line) is not the one it knows. Safe to
-- run again. A role that may not create a schema needs it done once by one that may:
--
--     psql -1 -f sql/state.sql
--     GRANT USAGE ON SCHEMA walpiper TO walpiper;
--     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA walpiper TO walpiper;
--
-- Nothing here may be published: a checkpoint is no event.

-- One installer at a time: CREATE OR REPLACE fails when two sessions do it at once.
SELECT pg_advisory_xact_lock(8603095177213112);

CREATE SCHEMA IF NOT EXISTS walpiper;

-- Where each operator stands. The position is that of the last event whose effect is in the read
-- model; generation fences off a process that was replaced.
CREATE TABLE IF NOT EXISTS walpiper.checkpoint (
    operator      text        PRIMARY KEY,
    generation    bigint      NOT NULL,
    epoch         text        NOT NULL DEFAULT '',  -- of the journal; empty: never ran
    lsn           pg_lsn      NOT NULL DEFAULT '0/0',
    ordinal       bigint      NOT NULL DEFAULT 0,
    rebuild_step  integer,                          -- null: no rebuild is under way
    rebuild_after text,                             -- the last id done in this step; null: none yet
    updated_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);

-- Ids whose query failed for good. They are tried again at next_try.
CREATE TABLE IF NOT EXISTS walpiper.parked (
    operator     text        NOT NULL,
    id           text        NOT NULL,
    wants_delete boolean     NOT NULL,  -- the target row is deleted before the query runs
    error        text        NOT NULL,
    sqlstate     text        NOT NULL,
    attempts     integer     NOT NULL DEFAULT 0,
    next_try     timestamptz NOT NULL,
    since        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator, id)
);

-- Takes an operator over: whoever held it before fails with WPF01 from now on.
CREATE OR REPLACE FUNCTION walpiper.claim(operator_name text) RETURNS walpiper.checkpoint
LANGUAGE sql AS $$
    INSERT INTO walpiper.checkpoint AS c (operator, generation)
    VALUES (operator_name, 1)
    ON CONFLICT (operator) DO UPDATE SET generation = c.generation + 1, updated_at = now()
    RETURNING c.*;
$$;

-- Locks the checkpoint for the rest of the transaction: two processes cannot work at once, and the
-- statements behind it see all that the other one committed.
CREATE OR REPLACE FUNCTION walpiper.fence(operator_name text, held bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM walpiper.checkpoint c
    WHERE c.operator = operator_name AND c.generation = held
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operator % was taken over by another process', operator_name
            USING ERRCODE = 'WPF01';
    END IF;
END
$$;

-- Moves the checkpoint to the event at (lsn, ordinal), fencing as above.
CREATE OR REPLACE FUNCTION walpiper.advance(
    operator_name text, held bigint, new_epoch text, new_lsn pg_lsn, new_ordinal bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.fence(operator_name, held);
    UPDATE walpiper.checkpoint c
    SET epoch = new_epoch, lsn = new_lsn, ordinal = new_ordinal, updated_at = now()
    WHERE c.operator = operator_name;
END
$$;

-- Moves the checkpoint and starts computing every id anew.
CREATE OR REPLACE FUNCTION walpiper.rebuild_begin(
    operator_name text, held bigint, new_epoch text, new_lsn pg_lsn, new_ordinal bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.advance(operator_name, held, new_epoch, new_lsn, new_ordinal);
    UPDATE walpiper.checkpoint c SET rebuild_step = 0, rebuild_after = NULL
    WHERE c.operator = operator_name;
END
$$;

-- Notes how far the rebuild is; a null step ends it.
CREATE OR REPLACE FUNCTION walpiper.rebuild_advance(
    operator_name text, held bigint, step integer, after text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.fence(operator_name, held);
    UPDATE walpiper.checkpoint c
    SET rebuild_step = step, rebuild_after = after, updated_at = now()
    WHERE c.operator = operator_name;
END
$$;

-- Fails with WPV01 unless this snapshot sees the end of all these transactions: a commit is in the
-- log, and decoded, before other sessions see it. The log has the low 32 bits of an xid; the full one
-- is the nearest to the snapshot's xmax, at most 2^30 ahead of it, else behind. One that would lie
-- before the first xid of the cluster is not of this cluster's making and long past.
CREATE OR REPLACE FUNCTION walpiper.require_visible(xids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    seen pg_snapshot := pg_current_snapshot();
    xmax bigint := pg_snapshot_xmax(seen)::text::bigint;
    unseen bigint;
BEGIN
    SELECT x.xid INTO unseen
    FROM unnest(xids) AS x (xid)
    CROSS JOIN LATERAL (
        SELECT (x.xid - xmax % 4294967296 + 4294967296) % 4294967296) AS d (ahead)
    CROSS JOIN LATERAL (
        SELECT xmax + CASE WHEN d.ahead < 1073741824 THEN d.ahead ELSE d.ahead - 4294967296 END
    ) AS f (full_xid)
    WHERE f.full_xid > 0 AND NOT pg_visible_in_snapshot(f.full_xid::text::xid8, seen)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is not visible yet', unseen USING ERRCODE = 'WPV01';
    END IF;
END
$$;

-- The transactions that are writing to these tables, by virtual transaction id. A transaction keeps
-- its locks until other sessions see it, so once these are gone, all they wrote is visible.
CREATE OR REPLACE FUNCTION walpiper.writers(relations oid[]) RETURNS text[]
LANGUAGE sql AS $$
    SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}')
    FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'relation'
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                        WHERE d.datname = current_database())
      AND (l.relation = ANY (relations)
           OR l.relation IN (SELECT t.relid::oid
                             FROM unnest(relations) AS r (root), pg_partition_tree(r.root) AS t))
      AND l.granted
      AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                     'AccessExclusiveLock')
      AND l.pid IS DISTINCT FROM pg_backend_pid();
$$;

-- Sets an id aside; each failure doubles the wait before the next try, up to an hour.
CREATE OR REPLACE FUNCTION walpiper.park(
    operator_name text, parked_id text, deletes boolean, why text, code text, delay_ms bigint)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO walpiper.parked AS p
        (operator, id, wants_delete, error, sqlstate, attempts, next_try)
    VALUES (operator_name, parked_id, deletes, why, code, 1,
            now() + delay_ms * interval '1 millisecond')
    ON CONFLICT (operator, id) DO UPDATE SET
        wants_delete = p.wants_delete OR excluded.wants_delete,
        error = excluded.error,
        sqlstate = excluded.sqlstate,
        attempts = p.attempts + 1,
        next_try = now() + least(interval '1 hour',
            delay_ms * power(2, least(p.attempts, 20)) * interval '1 millisecond');
$$;

-- An event has touched a parked id: what it wants is added, and it is due at once, as the event may
-- have mended what failed.
CREATE OR REPLACE FUNCTION walpiper.touch_parked(
    operator_name text, parked_id text, deletes boolean)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO walpiper.parked AS p (operator, id, wants_delete, error, sqlstate, next_try)
    VALUES (operator_name, parked_id, deletes, 'touched while it was parked', '', now())
    ON CONFLICT (operator, id) DO UPDATE SET
        wants_delete = p.wants_delete OR excluded.wants_delete,
        next_try = now();
$$;

COMMENT ON SCHEMA walpiper IS 'walpiper operator state, version 1';
