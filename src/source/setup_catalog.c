#include "base/clock.h"
#include "base/snapshot.h"
#include "source/catalog.h"
#include "source/setup_steps.h"

/* --- catalog ---------------------------------------------------------------------------------- */

static void on_types(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && catalog_read_types(s->cache, result) < 0)
        REFUSE(s, -ENOMEM, "no memory for the types of the database");
}

void setup_send_types(struct setup *s)
{
    setup_query(s, catalog_types_sql, NULL, 0, on_types);
}

static void on_relations(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    struct error err = {0};
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return;
    relation_cache_begin_reading(s->cache);
    inexact_read(&s->facts->inexact, result);
    if (catalog_read_relations(s->cache, result, &s->facts->table_count, &err) < 0)
        setup_refuse(s, &err);
    else if (catalog_read_marked(s->cache, result, &s->facts->marked) < 0)
        REFUSE(s, -ENOMEM, "no memory for the list of tables");
    else if (s->facts->table_count == 0 && !s->facts->partitioned[0])
        REFUSE(s, -ENOENT,
               "publication %s has no tables: name some under tables, or run ALTER PUBLICATION",
               s->config->publication);
}

void setup_send_relations(struct setup *s)
{
    setup_query_publication(s, catalog_relations_sql, on_relations);
}

static void on_partitions(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && catalog_read_partitions(s->cache, result) < 0)
        REFUSE(s, -ENOMEM, "no memory for the partitions of the publication");
}

void setup_send_partitions(struct setup *s)
{
    setup_query_publication(s, catalog_partitions_sql, on_partitions);
}

static void on_partitioned(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    setup_copy_table(s->facts->partitioned, sizeof(s->facts->partitioned), result);
}

void setup_send_partitioned(struct setup *s)
{
    setup_query_publication(s, catalog_partitioned_sql, on_partitioned);
}

static void on_list(struct setup *s, const PGresult *result, const char *option)
{
    s->facts->wal2json_option = option;
    if (catalog_read_list(result, &s->facts->wal2json_tables) < 0)
        REFUSE(s, -ENOMEM, "no memory for the list of tables");
}

static void on_unmarked(void *owner, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) <= CATALOG_UNMARKED_MAX)
        on_list(owner, result, "filter-tables");
}

void setup_send_unmarked(struct setup *s)
{
    s->facts->wal2json_option = NULL;
    setup_query_publication(s, catalog_unmarked_sql, on_unmarked);
}

static void on_marked(void *owner, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        on_list(owner, result, "add-tables");
}

void setup_send_marked(struct setup *s)
{
    if (s->facts->wal2json_option)
        setup_skip(s);
    else
        setup_query_publication(s, catalog_marked_sql, on_marked);
}

static void on_shape(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (PQresultStatus(result) == PGRES_TUPLES_OK &&
        catalog_read_shape(result, &s->facts->shape) < 0)
        REFUSE(s, -ENOMEM, "no memory for the shape of the publication");
}

/* Before all else is read of the tables: what changes while it is read is noticed by the watch. */
void setup_send_shape(struct setup *s)
{
    setup_query_publication(s, catalog_shape_sql, on_shape);
}

/* --- a question of the decoder ---------------------------------------------------------------- */

/* Mostly less than a millisecond, with synchronous replication until a standby has the commit. */
static void wait_until_seen(struct setup *s)
{
    if (s->unseen_since == 0) {
        s->unseen_since = clock_monotonic_ms();
        s->unseen = (struct backoff){.min_ms = 2, .max_ms = 100, .multiplicator = 2.};
    }
    setup_again(s, backoff_next(&s->unseen, random_u32()));
}

static void on_seen(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    struct snapshot snapshot;
    if (!pg_has_rows(result))
        return;
    if (snapshot_parse(&snapshot, pg_cell(result, 0, 0)) < 0) {
        REFUSE(s, -EPROTO, "transaction %u: cannot tell whether the server shows it", s->xid);
        return;
    }
    bool waits_for_us = pg_true(result, 0, 1);
    if (!waits_for_us && !snapshot_sees(&snapshot, s->xid))
        wait_until_seen(s);
    snapshot_release(&snapshot);
}

/* The server sends a commit before other sessions see it (trap 11), and the catalog is asked by
 * another session: what it says would be from before the transaction, and a table that was made
 * there would be none. Where the commit itself waits for our confirmation, that cannot be waited
 * for. */
void setup_send_seen(struct setup *s)
{
    const char *values[] = {s->config->slot.name};
    if (s->xid == 0)
        setup_skip(s);
    else
        setup_query(s,
                    "SELECT pg_current_snapshot(), EXISTS (SELECT FROM pg_stat_replication r"
                    " JOIN pg_replication_slots s ON s.active_pid = r.pid"
                    " WHERE s.slot_name = $1 AND r.sync_state IN ('sync', 'quorum'))",
                    values, 1, on_seen);
}

static void on_relation(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    struct error err = {0};
    if (PQresultStatus(result) == PGRES_TUPLES_OK &&
        catalog_read_relation(s->cache, result, relation_cache_asked(s->cache), &err) < 0)
        setup_refuse(s, &err);
}

void setup_send_relation(struct setup *s)
{
    struct relation_name asked = relation_cache_asked(s->cache);
    if (asked.table.len == 0) {
        setup_skip(s);
        return;
    }
    char *schema = strndup(asked.schema.data, asked.schema.len);
    char *table = strndup(asked.table.data, asked.table.len);
    const char *values[] = {s->config->publication, schema, table};
    if (schema && table) {
        setup_query(s, catalog_relation_sql, values, 3, on_relation);
    } else {
        REFUSE(s, -ENOMEM, "no memory for the name of a table");
        setup_skip(s);
    }
    free(schema);
    free(table);
}
