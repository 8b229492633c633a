#include "source/resent.h"
#include "event/record.h"

/* Enough to tell two histories from each other, and sent again in no time. */
#define RESENT_MAX ((uint64_t)16 << 20)

struct seen {
    uint64_t lsn;
    uint32_t xid;
    int64_t commit_time;
};

/* The first transaction of the journal after LSN. A message outside of transactions is none:
 * whether it is sent depends on the configuration. False: there is no such, or it cannot be read,
 * and then nothing can be said. */
static bool first_after(struct journal *journal, uint64_t lsn, struct seen *ret_seen)
{
    struct journal_cursor *cursor;
    struct journal_entry entry;
    struct event event;
    struct error ignored = {0};
    struct position after = {lsn, UINT32_MAX};
    bool found = false;
    if (journal_cursor_open(journal, &cursor, after, &ignored) != 0)
        return false;
    while (!found && journal_cursor_next(cursor, &entry) == 1)
        if (event_read(&event, entry.bytes) == 0 && event.xid != 0) {
            *ret_seen = (struct seen){entry.position.lsn, event.xid, event.commit_time};
            found = true;
        }
    journal_cursor_close(cursor);
    return found;
}

uint64_t resent_start(struct journal *journal, uint64_t confirmed)
{
    uint64_t durable = journal_durable_lsn(journal);
    struct seen seen;
    if (confirmed == 0 || confirmed >= durable)
        return durable;
    if (durable - confirmed <= RESENT_MAX || !first_after(journal, durable - RESENT_MAX, &seen) ||
        seen.lsn >= durable)
        return confirmed;
    return seen.lsn;
}

void resent_begin(struct resent *r, struct journal *journal, uint64_t lsn)
{
    struct position oldest;
    struct position newest;
    journal_bounds(journal, &oldest, &newest);
    *r = (struct resent){.journal = journal, .at = lsn, .until = newest.lsn};
}

bool resent_fits(struct resent *r, const struct transaction *transaction)
{
    struct seen seen;
    uint64_t lsn = transaction->end_lsn;
    if (r->at >= r->until || lsn <= r->at || transaction->xid == 0)
        return true;
    uint64_t before = r->at;
    r->at = lsn;
    if (!first_after(r->journal, before, &seen) || seen.lsn > lsn)
        return true; /* it may be one without events, then */
    return seen.lsn == lsn && seen.xid == transaction->xid &&
           seen.commit_time == transaction->commit_time;
}

bool resent_passed(struct resent *r, uint64_t lsn)
{
    struct seen seen;
    if (r->at >= r->until || lsn <= r->at)
        return true;
    uint64_t before = r->at;
    r->at = lsn;
    return !first_after(r->journal, before, &seen) || seen.lsn > lsn;
}
