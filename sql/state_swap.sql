-- The rebuild that swaps: the new table of an operator, and what becomes of it. The second part of
-- state.sql, which comes before it, in the same transaction.

CREATE OR REPLACE FUNCTION walpiper.swap_schema(operator_name text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT 'walpiper_swap_'
        || left(md5('walpiper.operator'::regclass::oid || ' ' || operator_name), 16);
$$;

-- The columns that can be written. Those that number themselves keep what they have in a row that
-- stays, and are given by the target in a new one: the numbers of the new table are others.
CREATE OR REPLACE FUNCTION walpiper.swap_columns(target oid)
RETURNS TABLE (name text, numbered boolean) LANGUAGE sql STABLE AS $$
    SELECT a.attname::text, a.attidentity <> '' OR EXISTS (
        SELECT FROM pg_catalog.pg_attrdef d
        JOIN pg_catalog.pg_depend p
          ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid
         AND p.refclassid = 'pg_catalog.pg_class'::regclass
        JOIN pg_catalog.pg_class q ON q.oid = p.refobjid AND q.relkind = 'S'
        WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum)
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ORDER BY a.attnum;
$$;

-- By which columns a row of the new table is one of the target: those of its id when they are unique,
-- else those of the primary key, unless it numbers itself. Null: by none.
CREATE OR REPLACE FUNCTION walpiper.swap_key(target oid, target_id text[]) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT k.names
    FROM pg_catalog.pg_index i
    CROSS JOIN LATERAL (
        SELECT array_agg(a.attname::text) AS names, bool_and(a.attnotnull) AS never_null,
               bool_or(c.numbered) AS numbered
        FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS u (attnum)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
        LEFT JOIN walpiper.swap_columns(i.indrelid) c ON c.name = a.attname
    ) AS k
    CROSS JOIN LATERAL (SELECT k.names @> target_id AND k.names <@ target_id AS is_id) AS d
    WHERE i.indrelid = target AND i.indisunique AND i.indisvalid
      AND i.indpred IS NULL AND i.indexprs IS NULL
      AND k.never_null AND (d.is_id OR (i.indisprimary AND NOT k.numbered))
    ORDER BY d.is_id DESC
    LIMIT 1;
$$;

CREATE OR REPLACE FUNCTION walpiper.swap_create(
    operator_name text, known bigint, target regclass, target_id text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shadow_schema text := walpiper.swap_schema(operator_name);
    table_name name := (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = target);
BEGIN
    IF walpiper.swap_key(target, target_id) IS NULL THEN
        RAISE EXCEPTION 'it cannot be told which row of % is which: add a unique index over '
            'target_id, which must be NOT NULL', target USING ERRCODE = 'WPS02';
    ELSIF NOT has_database_privilege(current_database(), 'CREATE') THEN
        RAISE EXCEPTION 'the role may not make a schema for the new table: GRANT CREATE ON '
            'DATABASE % TO %', quote_ident(current_database()), quote_ident(current_user)
            USING ERRCODE = 'WPS02';
    ELSIF NOT current_setting('track_counts')::boolean THEN
        RAISE EXCEPTION 'it could not be told which table a query writes: set track_counts to on'
            USING ERRCODE = 'WPS02';
    END IF;
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', shadow_schema);
    EXECUTE format('CREATE SCHEMA %I', shadow_schema);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', shadow_schema,
                   'walpiper rebuilds operator ' || operator_name || ' here');
    EXECUTE format('CREATE UNLOGGED TABLE %I.%I (LIKE %s INCLUDING ALL)',
                   shadow_schema, table_name, target);
    DELETE FROM walpiper.swap s WHERE s.operator = operator_name;
    INSERT INTO walpiper.swap (operator, rebuild, shadow, target)
    VALUES (operator_name, known, shadow_schema, target);
END
$$;

-- The lane writes into the new table from now on, which is made when it is not there. Its schema, and
-- the columns that can be written; nulls when it was lost, and all lanes begin again.
CREATE OR REPLACE FUNCTION walpiper.swap_open(
    operator_name text, lane_number integer, held bigint, known bigint,
    target_schema text, target_table text, target_id text[],
    OUT shadow_schema text, OUT columns text)
LANGUAGE plpgsql AS $$
DECLARE
    target regclass := format('%I.%I', target_schema, target_table);
    old_statement text;
BEGIN
    FOR old_statement IN
        SELECT p.name FROM pg_catalog.pg_prepared_statements p
        WHERE p.name IN ('walpiper_swap_query', 'walpiper_swap_delete', 'walpiper_swap_keep')
    LOOP
        EXECUTE format('DEALLOCATE %I', old_statement);
    END LOOP;
    PERFORM FROM walpiper.operator o WHERE o.name = operator_name FOR UPDATE;
    PERFORM walpiper.fence(operator_name, lane_number, held);
    PERFORM FROM walpiper.checkpoint c
    WHERE c.operator = operator_name AND c.lane = lane_number AND c.rebuild = known
      AND c.rebuild_swap;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another rebuild was asked for' USING ERRCODE = 'WPS01';
    END IF;
    PERFORM FROM walpiper.swap s WHERE s.operator = operator_name AND s.rebuild = known;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM walpiper.checkpoint c WHERE c.operator = operator_name
                   AND (c.rebuild_step > 0 OR c.rebuild_after IS NOT NULL)) THEN
            PERFORM walpiper.rebuild_again(operator_name);
            RETURN;
        END IF;
        PERFORM walpiper.swap_create(operator_name, known, target, target_id);
    END IF;
    shadow_schema := walpiper.swap_schema(operator_name);
    columns := (SELECT string_agg(quote_ident(c.name), ', ') FROM walpiper.swap_columns(target) c);
END
$$;

-- How many rows of TARGET this session has written. It only grows in a transaction.
CREATE OR REPLACE FUNCTION walpiper.swap_writes(target oid) RETURNS numeric
LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_tuples_inserted(r.relid)
               + pg_stat_get_xact_tuples_updated(r.relid)
               + pg_stat_get_xact_tuples_deleted(r.relid))
    FROM (SELECT target UNION SELECT t.relid::oid FROM pg_partition_tree(target) t) AS r (relid);
$$;

-- What follows in this transaction, up to swap_leave(), has the new table in place of the target, when
-- it names it without a schema. Behind the fence.
CREATE OR REPLACE FUNCTION walpiper.swap_enter(
    operator_name text, lane_number integer, known bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shadow_table walpiper.swap;
    path text := current_setting('search_path');
BEGIN
    SELECT s.* INTO shadow_table
    FROM walpiper.swap s
    JOIN walpiper.checkpoint c ON c.operator = s.operator AND c.rebuild = s.rebuild
    WHERE s.operator = operator_name AND s.rebuild = known AND c.lane = lane_number;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the new table is gone' USING ERRCODE = 'WPS01';
    END IF;
    PERFORM set_config('walpiper_swap.path', path, true),
            set_config('walpiper_swap.target', shadow_table.target::text, true),
            set_config('walpiper_swap.writes',
                       walpiper.swap_writes(shadow_table.target)::text, true),
            set_config('search_path', concat_ws(', ', quote_ident(shadow_table.shadow),
                                                nullif(path, '')), true);
END
$$;

CREATE OR REPLACE FUNCTION walpiper.swap_leave() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    target regclass := current_setting('walpiper_swap.target')::oid;
BEGIN
    PERFORM set_config('search_path', current_setting('walpiper_swap.path'), true);
    IF walpiper.swap_writes(target) <> current_setting('walpiper_swap.writes')::numeric THEN
        RAISE EXCEPTION 'its query writes % itself, by its full name or through a view: name it '
            'without its schema', target USING ERRCODE = 'WPS02';
    END IF;
END
$$;

-- All lanes stand still for the rest of the transaction.
CREATE OR REPLACE FUNCTION walpiper.swap_lock(operator_name text, held bigint, known bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM walpiper.operator o WHERE o.name = operator_name FOR UPDATE;
    PERFORM FROM walpiper.checkpoint c WHERE c.operator = operator_name ORDER BY c.lane FOR UPDATE;
    PERFORM walpiper.fence(c.operator, c.lane, held)
    FROM walpiper.checkpoint c WHERE c.operator = operator_name;
    IF EXISTS (SELECT FROM walpiper.checkpoint c
               WHERE c.operator = operator_name AND c.rebuild <> known) THEN
        RAISE EXCEPTION 'another rebuild was asked for' USING ERRCODE = 'WPS01';
    END IF;
END
$$;

-- The lanes see from the number that it is over.
CREATE OR REPLACE FUNCTION walpiper.swap_drop(operator_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE walpiper.checkpoint c
    SET rebuild = c.rebuild + 1, rebuild_step = NULL, rebuild_after = NULL, rebuild_swap = false
    WHERE c.operator = operator_name;
    DELETE FROM walpiper.swap s WHERE s.operator = operator_name;
    BEGIN
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', walpiper.swap_schema(operator_name));
    EXCEPTION WHEN insufficient_privilege THEN
        NULL; -- another role has made it: the next swap will say so
    END;
END
$$;

-- Gives it up.
CREATE OR REPLACE FUNCTION walpiper.swap_end(operator_name text, held bigint, known bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM walpiper.swap_lock(operator_name, held, known);
    PERFORM walpiper.swap_drop(operator_name);
END
$$;

-- Once all lanes stand at step READY, gives the target the rows of the new table: WRITTEN are the
-- columns that count, null: all. Only what differs is written. Nulls: a lane is not there yet.
CREATE OR REPLACE FUNCTION walpiper.swap_exchange(
    operator_name text, held bigint, known bigint, ready integer, target_id text[], written text[],
    OUT deleted bigint, OUT merged bigint)
LANGUAGE plpgsql AS $$
DECLARE
    shadow_table walpiper.swap;
    old_table text;
    new_table text;
    key text[];
    same text;
    change text;
    names text;
    new_values text;
BEGIN
    IF EXISTS (SELECT FROM walpiper.checkpoint c
               WHERE c.operator = operator_name AND c.rebuild = known AND c.rebuild_step < ready) THEN
        RETURN;
    END IF;
    PERFORM walpiper.swap_lock(operator_name, held, known);
    SELECT s.* INTO shadow_table FROM walpiper.swap s
    WHERE s.operator = operator_name AND s.rebuild = known;
    key := walpiper.swap_key(shadow_table.target, target_id);
    IF key IS NULL THEN
        RAISE EXCEPTION 'the new table, or the unique index of the target, is gone'
            USING ERRCODE = 'WPS02';
    END IF;
    SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', shadow_table.shadow, c.relname)
    INTO old_table, new_table
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = shadow_table.target;
    same := (SELECT string_agg(format('t.%1$I = s.%1$I', k.name), ' AND ')
             FROM unnest(key) AS k (name));
    -- *<> looks at the bytes, which is what a reader sees: 1.0 is not 1.00.
    SELECT format('WHEN MATCHED AND ROW(%s)::record *<> ROW(%s)::record THEN UPDATE SET %s',
                  string_agg(format('t.%I', c.name), ', '),
                  string_agg(format('s.%I', c.name), ', '),
                  string_agg(format('%1$I = s.%1$I', c.name), ', '))
    INTO change
    FROM walpiper.swap_columns(shadow_table.target) c
    WHERE c.name <> ALL (key) AND NOT c.numbered AND (written IS NULL OR c.name = ANY (written))
    HAVING count(*) > 0;
    SELECT string_agg(quote_ident(c.name), ', '), string_agg(format('s.%I', c.name), ', ')
    INTO names, new_values
    FROM walpiper.swap_columns(shadow_table.target) c
    WHERE c.name = ANY (key)
       OR (NOT c.numbered AND (written IS NULL OR c.name = ANY (written)));
    EXECUTE format('DELETE FROM %s AS t WHERE NOT EXISTS (SELECT FROM %s AS s WHERE %s)',
                   old_table, new_table, same);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    EXECUTE format('MERGE INTO %s AS t USING %s AS s ON %s %s WHEN NOT MATCHED THEN '
                   'INSERT (%s) OVERRIDING SYSTEM VALUE VALUES (%s)',
                   old_table, new_table, same, change, names, new_values);
    GET DIAGNOSTICS merged = ROW_COUNT;
    PERFORM walpiper.swap_drop(operator_name);
END
$$;

-- Drops the new tables that operators have left behind which the walpiper that reads SLOT_NAME had, and
-- has no more: CONFIGURED are those that it has. One that a process still works for is left alone. The
-- rebuild of an operator that comes back begins again. The names of the operators; null: none.
CREATE OR REPLACE FUNCTION walpiper.swap_forget(
    slot_name text, configured text[], OUT dropped text, OUT kept text)
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
    op_name text;
BEGIN
    FOR op_name IN
        SELECT o.name FROM walpiper.operator o
        WHERE o.slot = slot_name AND o.name <> ALL (configured)
          AND EXISTS (SELECT FROM pg_catalog.pg_namespace n
                      WHERE n.nspname = walpiper.swap_schema(o.name))
        ORDER BY o.name FOR UPDATE
    LOOP
        BEGIN
            -- Of the sessions of other roles it is not told when they began.
            PERFORM FROM walpiper.checkpoint c
            JOIN pg_catalog.pg_stat_activity a ON a.pid = c.pid
             AND coalesce(a.backend_start = c.pid_since, true)
            WHERE c.operator = op_name;
            IF FOUND THEN
                RAISE lock_not_available;
            END IF;
            EXECUTE format('DROP SCHEMA %I CASCADE', walpiper.swap_schema(op_name));
            DELETE FROM walpiper.swap s WHERE s.operator = op_name;
            dropped := concat_ws(', ', dropped, op_name);
        EXCEPTION WHEN insufficient_privilege OR lock_not_available THEN
            kept := concat_ws(', ', kept, op_name);
        END;
    END LOOP;
END
$$;

COMMENT ON SCHEMA walpiper IS 'walpiper operator state, version 5';
