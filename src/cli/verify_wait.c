#include "cli/verify_wait.h"
#include "base/clock.h"
#include <time.h>

#define LOOK_MS 50
#define CALM_LOOKS 3
/* For so long nothing has moved, and never will: while its sessions do nothing, and while they
 * work. */
#define STUCK_MS 5000
#define STUCK_AT_WORK_MS 60000

/* $1 the operator, $2 the position, $3 the slot. The checkpoint does not follow what touches
 * nothing; so who is past the position is known to be, but who is not may have nothing to do, as
 * long as the journal has all up to there. */
static const char sql[] =
    "SELECT o.paused OR o.halted IS NOT NULL OR NOT c.served,"
    " c.passed, coalesce(NOT s.active OR s.confirmed_flush_lsn >= $2::pg_lsn, true), c.at_work,"
    " concat(c.place, ' ', s.confirmed_flush_lsn)"
    " FROM walpiper.operator o CROSS JOIN LATERAL ("
    "  SELECT count(a.pid) > 0, bool_and(c.lsn > $2::pg_lsn),"
    "   coalesce(bool_or(a.state <> 'idle'), false),"
    "   string_agg(concat(c.lsn, '/', c.ordinal, '/', c.rebuild_step, '/', c.rebuild_after), ' '"
    "    ORDER BY c.lane)"
    "  FROM walpiper.checkpoint c LEFT JOIN pg_stat_activity a ON a.pid = c.pid"
    "  WHERE c.operator = o.name) AS c (served, passed, at_work, place)"
    " LEFT JOIN pg_replication_slots s ON s.slot_name = $3"
    " WHERE o.name = $1";

enum { OVER, PASSED, JOURNALED, AT_WORK, PLACE };

struct wait {
    struct buffer place; /* where it was at the last look */
    unsigned calm;       /* looks at which it was there and did nothing */
    uint64_t moved_ms;
};

static bool is_over(struct wait *w, const struct server *s)
{
    uint64_t now = clock_monotonic_ms();
    struct str place = str_from(server_cell(s, 0, PLACE));
    bool at_work = server_true(s, 0, AT_WORK), moved = !str_equal(place, buffer_str(&w->place));

    if (moved) {
        w->moved_ms = now;
        buffer_reset(&w->place);
        buffer_append_str(&w->place, place);
    }
    w->calm = moved || at_work ? 0 : w->calm + 1;
    if (server_rows(s) == 0 || server_true(s, 0, OVER) || server_true(s, 0, PASSED))
        return true;
    if (server_true(s, 0, JOURNALED) && w->calm >= CALM_LOOKS)
        return true;
    return now - w->moved_ms >= (at_work ? STUCK_AT_WORK_MS : STUCK_MS);
}

int verify_wait(struct operator_call *call, const char *lsn, struct error *err)
{
    const char *values[] = {call->op->name, lsn, call->config->slot.name};
    struct wait wait = {0};
    bool over = false;
    int rc = 0;
    buffer_init(&wait.place, OPERATOR_SQL_MAX);
    while (rc == 0 && !over) {
        rc = operator_call_query(call, sql, 3, values, err);
        over = rc == 0 && is_over(&wait, &call->server);
        if (rc == 0 && !over)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
    }
    buffer_release(&wait.place);
    return rc;
}
