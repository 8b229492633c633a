/* Records reach their readers before they are on disk: the server has them on its own, and sends
 * them again should this process be killed. What makes that safe is in store.h, "given": on disk is
 * an LSN up to which readers may have got records, always some way ahead. Who comes back with a
 * position up to there, and beyond what is here, is waited for. Past it the disk comes first. */
#include "journal/internal.h"

static void forget(struct fresh *fresh)
{
    for (size_t i = 0; i < fresh->count; i++)
        shared_unref(fresh->records[i].bytes);
    fresh->count = 0;
}

void early_add(struct fresh *fresh, const struct record *record)
{
    if (fresh->count == EARLY_RECORDS) {
        fresh->too_many = true;
        forget(fresh);
    }
    if (fresh->too_many) {
        fresh->left = record->position;
        return;
    }
    fresh->records[fresh->count] = *record;
    shared_ref(record->bytes);
    fresh->count++;
}

/* Before the newest of FRESH the readers must have all that the writer was left to give them. */
static bool may_give(struct journal *journal, const struct fresh *fresh)
{
    if (fresh->records[fresh->count - 1].position.lsn > atomic_load(&journal->given))
        return false;
    pthread_mutex_lock(&journal->lock);
    bool in_order = position_compare(fresh->left, journal->newest) <= 0;
    pthread_mutex_unlock(&journal->lock);
    return in_order;
}

bool early_give(struct journal *journal)
{
    struct fresh *fresh = &journal->fresh;
    bool given = !fresh->too_many;
    fresh->too_many = false;
    if (fresh->count == 0)
        return given;
    given = may_give(journal, fresh);
    if (!given)
        fresh->left = fresh->records[fresh->count - 1].position;
    else if (early_publish(journal, fresh->records, fresh->count))
        journal_tell_records(journal);
    forget(fresh);
    return given;
}

void early_forget(struct journal *journal)
{
    forget(&journal->fresh);
    journal->fresh.too_many = false;
    journal->fresh.left = (struct position){0};
}

bool early_publish(struct journal *journal, const struct record *records, size_t count)
{
    /* The ring first: who learns of progress finds the records there. */
    if (count == 0 || !ring_push(&journal->ring, records, count))
        return false;
    pthread_mutex_lock(&journal->lock);
    if (position_compare(journal->newest, journal->extent.newest) <= 0)
        journal->oldest_early = records[0].position;
    if (position_compare(journal->newest, records[count - 1].position) < 0)
        journal->newest = records[count - 1].position;
    pthread_mutex_unlock(&journal->lock);
    return true;
}

uint64_t early_limit(const struct journal *journal, const struct batch *batch)
{
    const struct store_extent *extent = &journal->extent;
    uint64_t reached = extent->newest.lsn > extent->mark ? extent->newest.lsn : extent->mark;
    bool ends = journal->stopping && batch->count == 0 && batch->mark == 0;
    if (ends)
        return extent->given > reached ? reached : 0;
    if (batch->count > 0 && batch->records[batch->count - 1].position.lsn > reached)
        reached = batch->records[batch->count - 1].position.lsn;
    if (batch->mark > reached)
        reached = batch->mark;
    return extent->given < reached + EARLY_AHEAD / 2 ? reached + EARLY_AHEAD : 0;
}
