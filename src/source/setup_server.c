#include "base/lsn.h"
#include "source/setup_steps.h"

/* --- server ----------------------------------------------------------------------------------- */

static void on_server(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    if (!pg_has_rows(result))
        return;
    setup_copy_cell(s->facts->database, sizeof(s->facts->database), result, 2);
    if (strtol(setup_cell(result, 0, 0), NULL, 10) < SETUP_OLDEST_SERVER)
        REFUSE(s, -EINVAL, "server version %s: PostgreSQL 15 or later is needed",
               setup_cell(result, 0, 4));
    else if (strcmp(setup_cell(result, 0, 1), "logical") != 0)
        REFUSE(s, -EINVAL,
               "wal_level is %s, logical decoding needs logical: run ALTER SYSTEM SET wal_level = "
               "logical and restart the server",
               setup_cell(result, 0, 1));
    else if (strcmp(setup_cell(result, 0, 3), "UTF8") != 0)
        REFUSE(s, -EINVAL, "database %s is encoded as %s: walpiper streams JSON and needs UTF8",
               s->facts->database, setup_cell(result, 0, 3));
}

void setup_send_server(struct setup *s)
{
    setup_query(s,
                "SELECT current_setting('server_version_num'), current_setting('wal_level'),"
                " current_database(), current_setting('server_encoding'),"
                " current_setting('server_version')",
                NULL, 0, on_server);
}

/* --- slot ------------------------------------------------------------------------------------- */

static void on_slot(void *owner, const PGresult *result)
{
    struct setup *s = owner;
    struct setup_facts *f = s->facts;
    f->slot_exists = pg_has_rows(result);
    if (!f->slot_exists)
        return;
    setup_copy_cell(f->slot_plugin, sizeof(f->slot_plugin), result, 0);
    setup_copy_cell(f->slot_database, sizeof(f->slot_database), result, 1);
    f->slot_active = pg_true(result, 0, 2);
    setup_copy_cell(f->slot_holder, sizeof(f->slot_holder), result, 3);
    setup_copy_cell(f->slot_status, sizeof(f->slot_status), result, 4);
    if (lsn_parse(pg_cell(result, 0, 5), &f->slot_confirmed) < 0)
        f->slot_confirmed = 0;
}

void setup_send_slot(struct setup *s)
{
    const char *values[] = {s->config->slot.name};
    setup_query(s,
                "SELECT coalesce(plugin, ''), coalesce(database, ''), active, active_pid,"
                " coalesce(wal_status, ''), coalesce(confirmed_flush_lsn, '0/0')"
                " FROM pg_replication_slots WHERE slot_name = $1",
                values, 1, on_slot);
}
