/* The replication slot, and the plugin that decodes for it. */
#include "base/lsn.h"
#include "cli/check_parts.h"
#include "cli/check_rules.h"
#include "source/drop_marker.h"
#include <errno.h>
#include <unistd.h>

static const char slot_sql[] =
    "SELECT slot_type, coalesce(database, ''), coalesce(plugin, ''), active_pid,"
    " coalesce(wal_status, ''), coalesce(confirmed_flush_lsn, '0/0'),"
    " CASE WHEN pg_is_in_recovery() THEN 0"
    "  ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 END,"
    " (SELECT setting::int8 * 1024 * 1024 FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),"
    " temporary"
    " FROM pg_replication_slots WHERE slot_name = $1";

enum { TYPE, DATABASE, PLUGIN, PID, STATUS, CONFIRMED, LAG, KEEP, TEMPORARY };

#define DROP "walpiper slot drop; the next start makes a new one, and a new epoch begins"
#define GIVE_UP                                                                                    \
    "walpiper slot drop, then a new slot begins a new epoch; slot.recreate: true does so unasked"
#define ALLOWED "nothing, when a new epoch and a reset for subscribers is what you want"

#define LIST_MEND                                                                                  \
    "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, wal2json (three names, "  \
    "not one string), then SELECT pg_reload_conf()"

/* --- the slot -------------------------------------------------------------------------------- */

/* The service that has the journal open knows the epoch; nobody else can ask. */
static bool was_dropped(const struct check *c, struct drop_marker *marker)
{
    if (drop_marker_read(c->config->journal.path, marker, NULL) < 0)
        return false;
    const char *epoch = c->journal_code == -EBUSY ? marker->epoch : c->journal.identity.epoch;
    return drop_marker_ends(marker, c->config->slot.name, epoch);
}

/* What the service will do. A journal that it has open is of the slot that it reads, or misses. */
static void decide(struct check *c, bool dropped)
{
    const struct continuity_slot slot = check_slot_place(c);
    c->slot_decision = slot_decide(&(struct slot_finding){
        .exists = c->slot_exists,
        .lost = c->slot_lost,
        .durable = c->config->slot.durable,
        .recreate = c->config->slot.recreate,
        .journaled = c->journal_code == -EBUSY ||
                     (c->journal_code == 0 && continuity_is_of(&c->journal.identity, &slot)),
        .dropped = dropped,
    });
}

static void slot_is_missing(struct check *c, const char *object)
{
    struct drop_marker marker;
    bool dropped = was_dropped(c, &marker);
    char more[CHECK_MEND_MAX];

    decide(c, dropped);
    snprintf(
        more, sizeof(more),
        "ALTER SYSTEM SET max_replication_slots = %ld, then restart the server; or drop a slot "
        "that is not used",
        (long)c->slots_max + CHECK_MORE);
    if (c->slot_decision == SLOT_GIVE_UP)
        finding(c->findings, FINDING_ERROR, object, GIVE_UP,
                "does not exist any more: the service captures nothing and serves its journal");
    else if (c->free_slots <= 0)
        finding(c->findings, FINDING_ERROR, object, more,
                "does not exist, and all of max_replication_slots are in use");
    else if (dropped)
        finding(c->findings, FINDING_OK, object, NULL,
                "was dropped with walpiper slot drop at %s, the service makes a new one",
                marker.time);
    else
        finding(c->findings, FINDING_OK, object, NULL, "does not exist, the service makes it%s",
                c->config->slot.durable ? "" : " at each start");
}

static bool refuse_slot(struct check *c, const char *object)
{
    const struct server *s = &c->server;
    const char *plugin = server_cell(s, 0, PLUGIN);
    const char *wanted = config_plugin_name(c->config->slot.plugin);
    bool replaced = c->slot_decision == SLOT_REPLACE;

    if (strcmp(server_cell(s, 0, TYPE), "logical") != 0)
        finding(c->findings, FINDING_ERROR, object, "give slot.name another name",
                "is a slot of a standby server");
    else if (strcmp(server_cell(s, 0, DATABASE), c->database) != 0)
        finding(c->findings, FINDING_ERROR, object, "correct slot.name or database",
                "belongs to database %s", server_cell(s, 0, DATABASE));
    else if (!c->config->slot.durable && !server_true(s, 0, TEMPORARY))
        finding(c->findings, FINDING_ERROR, object,
                "give slot.name another name, or set slot.durable: true",
                "is there to stay, slot.durable is false");
    else if (!plugin_is_known(plugin))
        finding(c->findings, FINDING_ERROR, object, "give slot.name another name, or " DROP,
                "decodes with %s, walpiper reads wal2json and pgoutput", plugin);
    else if (wanted && strcmp(plugin, wanted) != 0)
        finding(c->findings, FINDING_ERROR, object, "set slot.plugin: auto, or " DROP,
                "decodes with %s, slot.plugin is %s", plugin, wanted);
    else if (c->slot_lost)
        finding(c->findings, replaced ? FINDING_WARNING : FINDING_ERROR, object,
                replaced ? ALLOWED : GIVE_UP, "is lost: the server has removed WAL that it needs%s",
                replaced ? ", the service makes a new one" : "");
    else
        return false;
    return true;
}

static void check_lag(struct check *c, const char *object)
{
    const struct server *s = &c->server;
    int64_t lag = server_number(s, 0, LAG), keep = server_number(s, 0, KEEP);
    bool unreserved = strcmp(server_cell(s, 0, STATUS), "unreserved") == 0;
    char mend[CHECK_MEND_MAX], limit[80];

    lag_limit(keep, limit, sizeof(limit));
    snprintf(mend, sizeof(mend),
             "start walpiper, or ALTER SYSTEM SET max_slot_wal_keep_size = '%lldMB' and SELECT "
             "pg_reload_conf()",
             (long long)lag_room(lag));
    if (unreserved || lag_is_dangerous(lag, keep))
        finding(c->findings, FINDING_WARNING, object, mend,
                "holds back %lld bytes of WAL, %s: it will be lost soon", (long long)lag, limit);
    else
        finding(c->findings, FINDING_OK, object, NULL, "%s, holds back %lld bytes of WAL, %s",
                server_cell(s, 0, PLUGIN), (long long)lag, limit);
    if (c->slot_active)
        finding(c->findings, FINDING_OK, object, NULL,
                "process %s of the server reads it; a second walpiper would wait for it",
                server_cell(s, 0, PID));
}

bool check_slot(struct check *c)
{
    char object[CHECK_OBJECT_MAX];
    const char *values[] = {c->config->slot.name};

    snprintf(object, sizeof(object), "slot %s", c->config->slot.name);
    if (!check_ask(c, object, slot_sql, 1, values))
        return false;
    c->slot_exists = server_rows(&c->server) > 0;
    if (!c->slot_exists) {
        slot_is_missing(c, object);
        return true;
    }
    c->slot_active = !server_null(&c->server, 0, PID);
    c->slot_lost = strcmp(server_cell(&c->server, 0, STATUS), "lost") == 0;
    decide(c, false);
    snprintf(c->slot_plugin, sizeof(c->slot_plugin), "%s", server_cell(&c->server, 0, PLUGIN));
    c->slot_usable =
        !refuse_slot(c, object) &&
        lsn_parse(str_from(server_cell(&c->server, 0, CONFIRMED)), &c->slot_confirmed) == 0;
    if (c->slot_usable)
        check_lag(c, object);
    return true;
}

/* --- the plugin ------------------------------------------------------------------------------ */

/* A temporary slot loads the plugin and is gone at once. It also waits for open transactions: the
 * timeout cuts that short, when the plugin has been loaded already. */
static int probe(struct check *c, const char *plugin, bool *ret_waited, struct error *err)
{
    char name[64];
    const char *values[] = {name, plugin};
    struct error ignored = {0};

    snprintf(name, sizeof(name), "walpiper_check_%d", (int)getpid());
    int rc = server_query(&c->server, "SET statement_timeout = '2s'", 0, NULL, err);
    if (rc == 0)
        rc = server_query(&c->server, "SELECT pg_create_logical_replication_slot($1, $2, true)", 2,
                          values, err);
    if (rc == 0)
        rc = server_query(&c->server, "SELECT pg_drop_replication_slot($1)", 1, values, err);
    *ret_waited = rc < 0 && strcmp(err->sqlstate, "57014") == 0;
    if (*ret_waited)
        rc = 0;
    server_query(&c->server, "SET statement_timeout = '30s'", 0, NULL, &ignored);
    return rc;
}

static const char *plugin_mend(const char *plugin, const struct error *err)
{
    if (strcmp(err->sqlstate, "58P01") == 0)
        return strcmp(plugin, "wal2json") == 0
                   ? "install it on the server (Debian: apt install postgresql-15-wal2json)"
                   : "install it on the server";
    if (strstr(err->text, "output_plugin_libraries") || strstr(err->text, "plugin"))
        return LIST_MEND;
    return NULL;
}

/* The names may have been given as one string, which permits nothing. Not every role may look. */
static void check_list(struct check *c)
{
    static const char sql[] = "SELECT current_setting('output_plugin_libraries', true)";
    struct error ignored = {0};
    if (server_query(&c->server, sql, 0, NULL, &ignored) < 0 || server_null(&c->server, 0, 0))
        return;
    const char *list = server_cell(&c->server, 0, 0);
    if (plugin_list_is_one_string(list))
        finding(c->findings, FINDING_WARNING, "plugin", LIST_MEND,
                "output_plugin_libraries is one string, %s, which permits no plugin at all", list);
}

/* " VERSION" of what the probe has loaded, where the server has a word for it (18 and later). */
static void ask_version(struct check *c, const char *plugin, char *version, size_t size)
{
    static const char exists[] = "SELECT to_regproc('pg_get_loaded_modules') IS NOT NULL";
    static const char ask[] = "SELECT version FROM pg_get_loaded_modules()"
                              " WHERE module_name = $1 AND version IS NOT NULL";
    struct server *s = &c->server;
    struct error ignored = {0};

    version[0] = '\0';
    if (server_query(s, exists, 0, NULL, &ignored) == 0 && server_true(s, 0, 0) &&
        server_query(s, ask, 1, &plugin, &ignored) == 0 && server_rows(s) == 1)
        snprintf(version, size, " %s", server_cell(s, 0, 0));
}

/* True when PLUGIN can be used, or nothing is known against it. */
static bool try_plugin(struct check *c, const char *plugin, enum finding_level level)
{
    struct error err = {0};
    char version[32];
    bool waited;
    int rc = probe(c, plugin, &waited, &err);
    ask_version(c, plugin, version, sizeof(version));
    if (rc < 0)
        finding_of_error(c->findings, level, "plugin", plugin_mend(plugin, &err), &err);
    else
        finding(c->findings, FINDING_OK, "plugin", NULL, "%s%s can be used", plugin, version);
    if (waited && !c->slot_exists)
        finding(c->findings, FINDING_WARNING, "slot",
                "find them: SELECT pid, xact_start, query FROM pg_stat_activity WHERE backend_xid "
                "IS NOT NULL ORDER BY xact_start",
                "a new slot waits for the end of transactions that are open for long already");
    return rc == 0;
}

bool check_plugin(struct check *c)
{
    const char *wanted = config_plugin_name(c->config->slot.plugin);
    bool choice = !wanted && !c->slot_usable;

    if (!wanted)
        wanted = c->slot_usable ? c->slot_plugin : "wal2json";
    c->plugin = wanted;
    if (!c->can_decode)
        return true;
    check_list(c);
    if (c->free_slots <= 0) {
        finding(c->findings, FINDING_OK, "plugin", NULL,
                "%s, not tried as all of max_replication_slots are in use", wanted);
        return true;
    }
    if (!try_plugin(c, wanted, choice ? FINDING_WARNING : FINDING_ERROR))
        c->plugin = choice && try_plugin(c, "pgoutput", FINDING_ERROR) ? "pgoutput" : NULL;
    return true;
}
