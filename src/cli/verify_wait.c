#include "cli/verify_wait.h"
#include "base/clock.h"
#include <time.h>

#define LOOK_MS 50
#define CALM_LOOKS 3
/* For so long nothing has moved, and never will: while its sessions do nothing, and while they
 * work. */
#define STUCK_MS 5000
#define STUCK_AT_WORK_MS 60000

/* $1 the operator, $2 the position. The checkpoint does not follow what touches nothing; so who is
 * past the position is known to be, but who is not may have nothing to do. */
static const char operator_sql[] =
    "SELECT o.paused OR o.halted IS NOT NULL OR NOT c.served, c.passed, c.at_work, c.place"
    " FROM walpiper.operator o CROSS JOIN LATERAL ("
    "  SELECT count(a.pid) > 0, bool_and(c.lsn > $2::pg_lsn),"
    "   coalesce(bool_or(a.state <> 'idle'), false),"
    "   string_agg(concat(c.lsn, '/', c.ordinal, '/', c.rebuild_step, '/', c.rebuild_after), ' '"
    "    ORDER BY c.lane)"
    "  FROM walpiper.checkpoint c LEFT JOIN pg_stat_activity a ON a.pid = c.pid"
    "  WHERE c.operator = o.name) AS c (served, passed, at_work, place)"
    " WHERE o.name = $1";

enum { OVER, PASSED, AT_WORK, PLACE };

/* $1 the slot, $2 the position: has the journal all before it? */
static const char slot_sql[] = "SELECT NOT s.active OR s.confirmed_flush_lsn >= $2::pg_lsn,"
                               " s.confirmed_flush_lsn FROM pg_replication_slots s"
                               " WHERE s.slot_name = $1";

enum { JOURNALED, CONFIRMED };

struct wait {
    const char *lsn;
    struct server *sources;
    bool over;
    struct buffer place, last; /* where all of it is that counts, and was at the last look */
    unsigned calm;             /* looks at which it was there and did nothing */
    uint64_t moved_ms;
};

static int look_at_slot(struct wait *w, const char *slot, bool *ret_journaled, struct error *err)
{
    int rc = server_query(w->sources, slot_sql, 2, (const char *[]){slot, w->lsn}, err);
    if (rc < 0)
        return rc;
    bool exists = server_rows(w->sources) > 0;
    *ret_journaled = !exists || server_true(w->sources, 0, JOURNALED);
    buffer_reset(&w->place);
    if (!*ret_journaled)
        buffer_append_str(&w->place, str_from(server_cell(w->sources, 0, CONFIRMED)));
    return 0;
}

/* An empty one is like none. */
static bool same(const struct buffer *a, const struct buffer *b)
{
    return a->data && b->data && str_equal(buffer_str(a), buffer_str(b));
}

static void judge(struct wait *w, bool journaled, const struct server *s)
{
    uint64_t now = clock_monotonic_ms();
    if (server_rows(s) == 0 || server_true(s, 0, OVER) || server_true(s, 0, PASSED)) {
        w->over = true;
        return;
    }
    bool at_work = server_true(s, 0, AT_WORK);
    buffer_append_str(&w->place, str_from(server_cell(s, 0, PLACE)));
    bool moved = !same(&w->place, &w->last);
    if (moved) {
        w->moved_ms = now;
        buffer_reset(&w->last);
        buffer_append_str(&w->last, buffer_str(&w->place));
    }
    w->calm = moved || at_work ? 0 : w->calm + 1;
    w->over = (journaled && w->calm >= CALM_LOOKS) ||
              now - w->moved_ms >= (at_work ? STUCK_AT_WORK_MS : STUCK_MS);
}

static int look(struct wait *w, struct operator_call *call, struct error *err)
{
    bool journaled = false;
    int rc = look_at_slot(w, call->config->slot.name, &journaled, err);
    if (rc == 0)
        rc = operator_call_query(call, operator_sql, 2, (const char *[]){call->op->name, w->lsn},
                                 err);
    if (rc == 0)
        judge(w, journaled, &call->server);
    return rc;
}

int verify_wait(struct operator_call *call, const char *lsn, struct error *err)
{
    struct wait wait = {.lsn = lsn};
    int rc = operator_call_sources(call, &wait.sources, err);
    buffer_init(&wait.place, OPERATOR_SQL_MAX);
    buffer_init(&wait.last, OPERATOR_SQL_MAX);
    while (rc == 0 && !wait.over) {
        rc = look(&wait, call, err);
        if (rc == 0 && !wait.over)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
    }
    buffer_release(&wait.place);
    buffer_release(&wait.last);
    return rc;
}
