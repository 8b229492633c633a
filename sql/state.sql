-- What walpiper keeps in the database for its operators. With state_swap.sql, which follows, it is
-- compiled into the program, which runs both as one transaction when the comment on the schema (last line
-- of all) is not the one it knows. Safe to run again, also over earlier versions. A role that may not
-- create a schema needs it done once by one that may:
--
--     psql -1 -f sql/state.sql -f sql/state_swap.sql
--     GRANT USAGE ON SCHEMA walpiper TO walpiper;
--     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA walpiper TO walpiper;
--
-- Nothing here may be published: a checkpoint is no event.

-- One installer at a time: CREATE OR REPLACE fails when two sessions do it at once.
SELECT pg_advisory_xact_lock(8603095177213112);

CREATE SCHEMA IF NOT EXISTS walpiper;

-- One row an operator: which process has it, and what was asked of it.
CREATE TABLE IF NOT EXISTS walpiper.operator (
    name       text    PRIMARY KEY,
    lanes      integer NOT NULL,                -- ids are spread over so many connections
    generation bigint  NOT NULL,                -- fences off a process that was replaced
    process    text    NOT NULL,                -- who took it over last,
    slot       text,                            -- and the slot that it reads; null: not known
    paused     boolean NOT NULL DEFAULT false,  -- until resume()
    halted     text,                            -- why it does not go on until resume(); null: it does
    commands   bigint  NOT NULL DEFAULT 0       -- how many were given: a new one is noticed by it
);

-- Where each lane of an operator stands. The position is that of the last event whose effect is in
-- the read model.
CREATE TABLE IF NOT EXISTS walpiper.checkpoint (
    operator      text        NOT NULL,
    lane          integer     NOT NULL,
    generation    bigint      NOT NULL,
    epoch         text        NOT NULL DEFAULT '',  -- of the journal; empty: never ran
    lsn           pg_lsn      NOT NULL DEFAULT '0/0',
    ordinal       bigint      NOT NULL DEFAULT 0,
    rebuild       bigint      NOT NULL DEFAULT 0,   -- counts those that were asked for
    rebuild_step  integer,                          -- null: no rebuild is under way
    rebuild_after text,                             -- the last id done in this step; null: none yet
    rebuild_where text,                             -- a condition on id; null: every id
    rebuild_swap  boolean     NOT NULL DEFAULT false, -- into a new table; only with a rebuild_step
    pid           integer     NOT NULL DEFAULT 0,   -- the server's process that works for it
    pid_since     timestamptz,                      -- when that began: pids come again
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator, lane)
) WITH (fillfactor = 10);

-- By which an id belongs to a lane: FNV-1a, 32 bits.
CREATE OR REPLACE FUNCTION walpiper.hash(id text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    bytes bytea := convert_to(id, 'UTF8');
    hash bigint := 2166136261;
BEGIN
    FOR i IN 0 .. length(bytes) - 1 LOOP
        hash := ((hash # get_byte(bytes, i)) * 16777619) & 4294967295;
    END LOOP;
    RETURN hash;
END
$$;

-- Ids whose query failed. They are tried again at next_try.
CREATE TABLE IF NOT EXISTS walpiper.parked (
    operator     text        NOT NULL,
    id           text        NOT NULL,
    wants_delete boolean     NOT NULL,  -- the target row is deleted before the query runs
    error        text        NOT NULL,
    sqlstate     text        NOT NULL,
    attempts     integer     NOT NULL DEFAULT 0,  -- that failed
    next_try     timestamptz NOT NULL,
    since        timestamptz NOT NULL DEFAULT now(),
    event        text,                  -- its JSON, for an operator that calls a function; else null
    PRIMARY KEY (operator, id)
);

-- The new table that an operator is rebuilt into. Unlogged as that is: what a crash of the server
-- empties is known to be empty.
CREATE UNLOGGED TABLE IF NOT EXISTS walpiper.swap (
    operator text   PRIMARY KEY,
    rebuild  bigint NOT NULL,  -- for which it was made
    shadow   text   NOT NULL,  -- the schema of the new table; its name is that of the target
    target   oid    NOT NULL
);

-- From earlier versions, in place.
ALTER TABLE walpiper.operator ADD COLUMN IF NOT EXISTS slot text;
ALTER TABLE walpiper.checkpoint
    ADD COLUMN IF NOT EXISTS lane integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS rebuild bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS rebuild_where text,
    ADD COLUMN IF NOT EXISTS rebuild_swap boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS pid integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS pid_since timestamptz,
    DROP CONSTRAINT IF EXISTS checkpoint_pkey,
    ADD PRIMARY KEY (operator, lane);
ALTER TABLE walpiper.parked
    ADD COLUMN IF NOT EXISTS hash bigint GENERATED ALWAYS AS (walpiper.hash(id)) STORED,
    ADD COLUMN IF NOT EXISTS event text;
INSERT INTO walpiper.operator (name, lanes, generation, process)
SELECT c.operator, count(*), max(c.generation), '' FROM walpiper.checkpoint c GROUP BY c.operator
ON CONFLICT (name) DO NOTHING;
DROP FUNCTION IF EXISTS
    walpiper.claim(text),
    walpiper.claim(text, integer, integer, text, bigint),
    walpiper.fence(text, bigint),
    walpiper.advance(text, bigint, text, pg_lsn, bigint),
    walpiper.rebuild_begin(text, bigint, text, pg_lsn, bigint),
    walpiper.rebuild_advance(text, bigint, integer, text),
    walpiper.park(text, text, boolean, text, text, bigint),
    walpiper.writers(oid[]);

CREATE INDEX IF NOT EXISTS parked_next_try ON walpiper.parked (operator, next_try);

-- Gives an operator to a new process, whose lanes may be another number than before. They begin
-- then where the last one stood, and a rebuild under way begins again.
CREATE OR REPLACE FUNCTION walpiper.take_over(
    operator_name text, lane_count integer, process_name text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    op walpiper.operator;
    before integer;
    last walpiper.checkpoint;
BEGIN
    UPDATE walpiper.operator o
    SET generation = o.generation + 1, process = process_name, lanes = lane_count
    WHERE o.name = operator_name
    RETURNING o.* INTO op;
    -- Waits for the transactions of the former process.
    UPDATE walpiper.checkpoint c SET generation = op.generation WHERE c.operator = operator_name;
    GET DIAGNOSTICS before = ROW_COUNT;
    IF before = lane_count THEN
        RETURN;
    END IF;
    SELECT CASE WHEN count(DISTINCT c.epoch) = 1 THEN min(c.epoch) ELSE '' END,
           coalesce((array_agg(c.lsn ORDER BY c.lsn, c.ordinal))[1], '0/0'),
           coalesce((array_agg(c.ordinal ORDER BY c.lsn, c.ordinal))[1], 0),
           CASE WHEN bool_or(c.rebuild_step IS NOT NULL) THEN 0 END,
           CASE WHEN NOT bool_or(c.rebuild_step IS NOT NULL AND c.rebuild_where IS NULL)
                     AND count(DISTINCT c.rebuild_where) = 1 THEN min(c.rebuild_where) END,
           coalesce(bool_or(c.rebuild_swap), false)
    INTO last.epoch, last.lsn, last.ordinal, last.rebuild_step, last.rebuild_where,
         last.rebuild_swap
    FROM walpiper.checkpoint c WHERE c.operator = operator_name;
    DELETE FROM walpiper.checkpoint c WHERE c.operator = operator_name;
    DELETE FROM walpiper.swap s WHERE s.operator = operator_name;
    INSERT INTO walpiper.checkpoint
        (operator, lane, generation, epoch, lsn, ordinal, rebuild_step, rebuild_where, rebuild_swap)
    SELECT operator_name, n.lane, op.generation, last.epoch, last.lsn, last.ordinal,
           last.rebuild_step, last.rebuild_where, last.rebuild_swap
    FROM generate_series(0, lane_count - 1) AS n (lane);
END
$$;

-- Ends the sessions of those who had the lane, or the operator, before. One whose client was frozen, or
-- cut off, in the middle of a transaction would hold its locks for as long as that lasts. What may
-- not be ended is waited for.
CREATE OR REPLACE FUNCTION walpiper.end_sessions(
    operator_name text, lane_number integer, process_name text, held bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(a.pid)
    FROM walpiper.operator o
    JOIN walpiper.checkpoint c ON c.operator = o.name
    JOIN pg_catalog.pg_stat_activity a ON a.pid = c.pid AND a.backend_start = c.pid_since
    WHERE o.name = operator_name
      AND (held IS NULL OR held = o.generation)
      AND (o.process <> process_name OR c.lane = lane_number)
      AND a.pid <> pg_backend_pid();
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END
$$;

-- This session works for the lane from now on.
CREATE OR REPLACE FUNCTION walpiper.hold(
    operator_name text, lane_number integer, process_name text, held bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.end_sessions(operator_name, lane_number, process_name, held);
    UPDATE walpiper.checkpoint c
    SET pid = a.pid, pid_since = a.backend_start
    FROM pg_catalog.pg_stat_activity a
    WHERE c.operator = operator_name AND c.lane = lane_number AND c.generation = held
      AND a.pid = pg_backend_pid();
END
$$;

-- Fails with WPR01 when the slot is read by another process of the server than READER.
CREATE OR REPLACE FUNCTION walpiper.require_slot(slot text, reader integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    other integer;
BEGIN
    SELECT s.active_pid INTO other FROM pg_catalog.pg_replication_slots s
    WHERE s.slot_name = slot AND s.active_pid <> reader;
    IF FOUND THEN
        RAISE EXCEPTION 'slot % is read for another walpiper (PID %); this one waits for it', slot, other
            USING ERRCODE = 'WPR01';
    END IF;
END
$$;

-- The row of a lane. The first lane of a process takes the operator over with all its lanes:
-- whoever held it before fails with WPF01 from now on. HELD is the generation that a lane of the
-- same process was given already; null: none was.
--
-- A process that has lost its slot to another one must not come last, as one may that was frozen
-- before this call: the slot that it knows to be read by READER must not be read by another. That
-- is looked at again under the lock, behind which those wait who get the slot later. Both are null
-- where the slot is on another server.
CREATE OR REPLACE FUNCTION walpiper.claim(
    operator_name text, lane_number integer, lane_count integer, process_name text, held bigint,
    slot text DEFAULT NULL, reader integer DEFAULT NULL)
RETURNS walpiper.checkpoint LANGUAGE plpgsql AS $$
DECLARE
    op walpiper.operator;
    lane_row walpiper.checkpoint;
BEGIN
    PERFORM walpiper.require_slot(slot, reader);
    PERFORM walpiper.end_sessions(operator_name, lane_number, process_name, held);
    INSERT INTO walpiper.operator AS o (name, lanes, generation, process)
    VALUES (operator_name, lane_count, 0, '')
    ON CONFLICT (name) DO UPDATE SET name = o.name  -- locks it
    RETURNING o.* INTO op;
    PERFORM walpiper.require_slot(slot, reader);
    IF held IS NOT NULL AND held <> op.generation THEN
        RAISE EXCEPTION 'operator % was taken over by another process', operator_name
            USING ERRCODE = 'WPF01';
    ELSIF op.process <> process_name THEN
        PERFORM walpiper.take_over(operator_name, lane_count, process_name);
        UPDATE walpiper.operator o SET slot = claim.slot WHERE o.name = operator_name;
    END IF;
    SELECT c.* INTO STRICT lane_row FROM walpiper.checkpoint c
    WHERE c.operator = operator_name AND c.lane = lane_number;
    PERFORM walpiper.hold(operator_name, lane_number, process_name, lane_row.generation);
    RETURN lane_row;
END
$$;

-- Locks the checkpoint for the rest of the transaction: two processes cannot work at once, and the
-- statements behind it see all that the other one committed.
CREATE OR REPLACE FUNCTION walpiper.fence(operator_name text, lane_number integer, held bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM walpiper.checkpoint c
    WHERE c.operator = operator_name AND c.lane = lane_number AND c.generation = held
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operator % was taken over by another process', operator_name
            USING ERRCODE = 'WPF01';
    END IF;
END
$$;

-- Moves the checkpoint to the event at (lsn, ordinal), fencing as above.
CREATE OR REPLACE FUNCTION walpiper.advance(
    operator_name text, lane_number integer, held bigint,
    new_epoch text, new_lsn pg_lsn, new_ordinal bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.fence(operator_name, lane_number, held);
    UPDATE walpiper.checkpoint c
    SET epoch = new_epoch, lsn = new_lsn, ordinal = new_ordinal, updated_at = now()
    WHERE c.operator = operator_name AND c.lane = lane_number;
END
$$;

-- A rebuild begins again, in all lanes.
CREATE OR REPLACE FUNCTION walpiper.rebuild_again(operator_name text) RETURNS void
LANGUAGE sql AS $$
    UPDATE walpiper.checkpoint c
    SET rebuild = c.rebuild + 1, rebuild_step = 0, rebuild_after = NULL
    WHERE c.operator = operator_name;
$$;

-- Moves the checkpoint and starts computing every id anew. The new table of a swap has rows that no
-- id leads to any more: it is thrown away.
CREATE OR REPLACE FUNCTION walpiper.rebuild_begin(
    operator_name text, lane_number integer, held bigint,
    new_epoch text, new_lsn pg_lsn, new_ordinal bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Who locks several lanes has locked this first.
    PERFORM FROM walpiper.operator o WHERE o.name = operator_name FOR UPDATE;
    PERFORM walpiper.advance(
        operator_name, lane_number, held, new_epoch, new_lsn, new_ordinal);
    UPDATE walpiper.checkpoint c
    SET rebuild_step = 0, rebuild_after = NULL, rebuild_where = NULL
    WHERE c.operator = operator_name AND c.lane = lane_number;
    IF EXISTS (SELECT FROM walpiper.checkpoint c
               WHERE c.operator = operator_name AND c.rebuild_swap) THEN
        PERFORM walpiper.rebuild_again(operator_name);
    END IF;
END
$$;

-- Notes how far the rebuild is; a null step ends it. One that was asked for since is left alone.
CREATE OR REPLACE FUNCTION walpiper.rebuild_advance(
    operator_name text, lane_number integer, held bigint,
    known bigint, step integer, after text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.fence(operator_name, lane_number, held);
    UPDATE walpiper.checkpoint c
    SET rebuild_step = step, rebuild_after = after, updated_at = now(),
        rebuild_where = CASE WHEN step IS NOT NULL THEN c.rebuild_where END,
        rebuild_swap = c.rebuild_swap AND step IS NOT NULL
    WHERE c.operator = operator_name AND c.lane = lane_number AND c.rebuild = known;
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

-- Sets an id aside, or an event.
CREATE OR REPLACE FUNCTION walpiper.park(
    operator_name text, parked_id text, deletes boolean, why text, code text, failures integer,
    delay_ms bigint, json text)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO walpiper.parked AS p
        (operator, id, wants_delete, error, sqlstate, attempts, next_try, event)
    VALUES (operator_name, parked_id, deletes, why, code, failures,
            now() + delay_ms * interval '1 millisecond', json)
    ON CONFLICT (operator, id) DO UPDATE SET
        wants_delete = p.wants_delete OR excluded.wants_delete,
        error = excluded.error,
        sqlstate = excluded.sqlstate,
        attempts = excluded.attempts,
        next_try = excluded.next_try;
$$;

-- A parked id has failed again, unless somebody has dropped it meanwhile.
CREATE OR REPLACE FUNCTION walpiper.park_again(
    operator_name text, parked_id text, why text, code text, failures integer, delay_ms bigint)
RETURNS void LANGUAGE sql AS $$
    UPDATE walpiper.parked p
    SET error = why, sqlstate = code, attempts = failures,
        next_try = now() + delay_ms * interval '1 millisecond'
    WHERE p.operator = operator_name AND p.id = parked_id;
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

-- An operator stops by itself.
CREATE OR REPLACE FUNCTION walpiper.halt(operator_name text, held bigint, why text)
RETURNS void LANGUAGE sql AS $$
    UPDATE walpiper.operator o SET halted = why
    WHERE o.name = operator_name AND o.generation = held;
    SELECT pg_notify('walpiper', operator_name);
$$;

-- What follows is for people: a running process does what they say within a second.

CREATE OR REPLACE FUNCTION walpiper.command(operator_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE walpiper.operator o SET commands = o.commands + 1 WHERE o.name = operator_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no operator %, or it has not run yet', operator_name;
    END IF;
    PERFORM pg_notify('walpiper', operator_name);
END
$$;

-- Begins nothing new until resume().
CREATE OR REPLACE FUNCTION walpiper.pause(operator_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.command(operator_name);
    UPDATE walpiper.operator o SET paused = true WHERE o.name = operator_name;
END
$$;

-- Ends a pause, and a halt: the ids that are parked have as many tries again as at first. A process
-- that was replaced by one that is gone takes the operator back.
CREATE OR REPLACE FUNCTION walpiper.resume(operator_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.command(operator_name);
    UPDATE walpiper.parked p SET attempts = 0, next_try = now()
    FROM walpiper.operator o
    WHERE o.name = operator_name AND o.halted IS NOT NULL AND p.operator = o.name;
    UPDATE walpiper.operator o SET paused = false, halted = NULL WHERE o.name = operator_name;
END
$$;

-- A parked id, or null: all of them, are due now. Returns how many.
CREATE OR REPLACE FUNCTION walpiper.retry(operator_name text, which text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_ids bigint;
BEGIN
    PERFORM walpiper.command(operator_name);
    UPDATE walpiper.parked p SET next_try = now()
    WHERE p.operator = operator_name AND (which IS NULL OR p.id = which);
    GET DIAGNOSTICS found_ids = ROW_COUNT;
    RETURN found_ids;
END
$$;

-- A parked id, or null: all of them, are given up: the read model stays as it is for them until an
-- event touches them. Returns how many.
CREATE OR REPLACE FUNCTION walpiper.skip(operator_name text, which text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_ids bigint;
BEGIN
    PERFORM walpiper.command(operator_name);
    DELETE FROM walpiper.parked p
    WHERE p.operator = operator_name AND (which IS NULL OR p.id = which);
    GET DIAGNOSTICS found_ids = ROW_COUNT;
    RETURN found_ids;
END
$$;

-- Computes every id anew, or those for which a condition on "id" holds, while live events go on. One
-- that is under way begins again, and stays as wide as it was, and a swap.
CREATE OR REPLACE FUNCTION walpiper.rebuild(operator_name text, condition text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.command(operator_name);
    UPDATE walpiper.checkpoint c
    SET rebuild = c.rebuild + 1, rebuild_step = 0, rebuild_after = NULL,
        rebuild_where = CASE WHEN c.rebuild_step IS NULL
                                  OR c.rebuild_where IS NOT DISTINCT FROM condition
                             THEN condition END
    WHERE c.operator = operator_name;
END
$$;

-- Computes every id anew in a new table while the old one goes on, live events with it, and in the end
-- gives the target the rows of the new one, in one transaction.
CREATE OR REPLACE FUNCTION walpiper.rebuild_swap(operator_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.command(operator_name);
    UPDATE walpiper.checkpoint c SET rebuild_swap = true, rebuild_where = NULL
    WHERE c.operator = operator_name;
    PERFORM walpiper.rebuild_again(operator_name);
END
$$;
