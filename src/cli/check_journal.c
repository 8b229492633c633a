/* The journal: does the slot go on where it ends? */
#include "base/lsn.h"
#include "cli/check_parts.h"
#include <errno.h>
#include <limits.h>
#include <unistd.h>

bool check_peek(struct check *c)
{
    c->journal_code = journal_peek(c->config->journal.path, &c->journal, &c->journal_error);
    return true;
}

/* Who may not ask for the cluster's identifier has to take the journal's word. */
struct continuity_slot check_slot_place(const struct check *c)
{
    return (struct continuity_slot){
        .system_identifier =
            c->system_identifier ? c->system_identifier : c->journal.identity.system_identifier,
        .database = c->database,
        .name = c->config->slot.name,
        .made_anew = !c->slot_usable,
        .confirmed = c->slot_confirmed,
    };
}

static const char wal_sql[] =
    "SELECT pg_current_wal_flush_lsn(),"
    " ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int8"
    " WHERE NOT pg_is_in_recovery()";

static const char history_sql[] =
    "SELECT pg_read_file('pg_wal/' || lpad(upper(to_hex($1::int8)), 8, '0') || '.history')";

/* What the service learns from the replication session. Who may not ask for the history of another
 * timeline (superusers and pg_read_server_files may) is told what the service would find without.
 */
static void ask_wal(struct check *c, struct continuity_slot *slot)
{
    struct server *s = &c->server;
    struct error ignored = {0};
    char timeline[16];
    const char *values[] = {timeline};
    if (server_query(s, wal_sql, 0, NULL, &ignored) < 0 || server_rows(s) != 1)
        return;
    lsn_parse(str_from(server_cell(s, 0, 0)), &slot->server_end);
    slot->timeline = (uint32_t)server_number(s, 0, 1);
    if (slot->timeline == c->journal.identity.timeline)
        return;
    snprintf(timeline, sizeof(timeline), "%u", slot->timeline);
    int rc = server_query(s, history_sql, 1, values, &ignored);
    if (rc < 0 && strcmp(ignored.sqlstate, "58P01") != 0)
        slot->timeline = 0;
    if (rc == 0)
        slot->shared =
            continuity_shared(str_from(server_cell(s, 0, 0)), c->journal.identity.timeline);
}

static void compare(struct check *c, const char *object)
{
    struct continuity_slot slot = check_slot_place(c);
    const struct continuity_end end = {c->journal.durable, c->journal.newest.lsn, c->journal.given};
    ask_wal(c, &slot);
    enum continuity continuity = continuity_of(&c->journal.identity, &end, &slot);
    bool as_configured = continuity == CONTINUITY_SLOT_MADE && !c->config->slot.durable;
    if (as_configured)
        finding(c->findings, FINDING_OK, object, NULL,
                "the slot is temporary: each start empties it and begins a new epoch");
    else if (!c->slot_usable && c->slot_decision == SLOT_GIVE_UP)
        finding(c->findings, FINDING_OK, object, NULL, "is served as it is");
    else if (continuity == CONTINUITY_KEPT || continuity == CONTINUITY_NEW_JOURNAL)
        finding(c->findings, FINDING_OK, object, NULL, "%s", continuity_story(continuity));
    else
        finding(c->findings, FINDING_WARNING, object,
                continuity == CONTINUITY_OTHER_SOURCE
                    ? "set journal.path to a directory of its own, or let the new epoch begin"
                    : "nothing, when that is what you want; subscribers get a reset",
                "%s: the next start empties it and begins a new epoch",
                continuity_story(continuity));
}

/* The service makes what is missing below the first directory that is there. */
static void check_place(struct check *c, const char *object)
{
    char path[PATH_MAX];
    char mend[CHECK_MEND_MAX + PATH_MAX];

    snprintf(path, sizeof(path), "%s", c->config->journal.path);
    while (access(path, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path)
            snprintf(path, sizeof(path), "%s", slash ? "/" : ".");
        else
            *slash = '\0';
    }
    if (access(path, W_OK | X_OK) == 0) {
        finding(c->findings, FINDING_OK, object, NULL, "does not exist, the service makes it");
        return;
    }
    int code = errno;
    snprintf(mend, sizeof(mend), "make %s writable for this user, or set journal.path", path);
    finding(c->findings, FINDING_ERROR, object, mend, "cannot be made in %s: %s", path,
            strerrordesc_np(code));
}

bool check_journal(struct check *c)
{
    char object[CHECK_OBJECT_MAX];

    snprintf(object, sizeof(object), "journal %s", c->config->journal.path);
    if (c->journal_code == -ENOENT)
        check_place(c, object);
    else if (c->journal_code == -EBUSY)
        finding(c->findings, FINDING_OK, object, NULL, "is in use by a running service, not read");
    else if (c->journal_code < 0)
        finding_of_error(c->findings, FINDING_ERROR, "journal", NULL, &c->journal_error);
    else if (!c->slot_exists || c->slot_lost || c->slot_usable)
        compare(c, object);
    return true;
}
