#include "operator/reader.h"
#include "event/record.h"
#include <errno.h>

/* One event costs about a microsecond here; the capture loop has other things to do. */
#define EVENTS_A_TURN 1000

void reader_init(struct reader *r, struct journal *journal, const struct config_operator *op)
{
    *r = (struct reader){.journal = journal};
    toucher_init(&r->toucher, op);
}

void reader_close(struct reader *r)
{
    journal_cursor_close(r->cursor);
    r->cursor = NULL;
}

void reader_release(struct reader *r)
{
    reader_close(r);
    toucher_release(&r->toucher);
}

static int take(struct reader *r, const struct journal_entry *entry, struct op_batch *batch,
                struct error *err)
{
    struct event event;
    if (event_read(&event, entry->bytes) < 0)
        return error_set(err, -EBADMSG, "a record of the journal is damaged at LSN %X/%X",
                         (unsigned)(entry->position.lsn >> 32), (unsigned)entry->position.lsn);
    int touched = touch_event(&r->toucher, &event, &batch->dirty, &batch->keys);
    if (touched < 0)
        return error_set(err, touched, "cannot take in event %.*s: %s", STR_ARG(event.id),
                         touched == -EMSGSIZE ? "its id is too long" : "no memory");
    if (touched == TOUCH_UNKNOWN)
        error_set(err, -EINVAL, "event %.*s of %.*s.%.*s does not tell the %s", STR_ARG(event.id),
                  STR_ARG(event.schema), STR_ARG(event.table),
                  event.error.data ? "id: it is without its records (journal.max_event), and its "
                                     "id is long or not in the table's replica identity"
                                   : "old id: the table's replica identity lacked it");
    return touched;
}

static int next(struct reader *r, struct op_batch *batch, struct error *err)
{
    struct journal_entry entry;
    int rc = journal_cursor_next(r->cursor, &entry);
    if (rc < 0)
        return error_set(err, rc, "cannot read the journal: %s", strerror(-rc));
    if (rc == 0)
        return READING_END;
    int touched = take(r, &entry, batch, err);
    if (touched < 0)
        return touched;
    if (touched == TOUCH_UNKNOWN)
        return READING_UNKNOWN;
    batch->position = entry.position;
    batch->rebuild = touched == TOUCH_ALL;
    if (batch->rebuild)
        keys_clear(&batch->keys);
    r->events++;
    return batch->rebuild ? READING_FULL : READING_PAUSED;
}

int reader_collect(struct reader *r, struct op_batch *batch, struct error *err)
{
    if (!r->cursor) {
        int opened = journal_cursor_open(r->journal, &r->cursor, batch->position, err);
        if (opened < 0)
            return opened;
    }
    int rc = READING_PAUSED;
    for (int budget = EVENTS_A_TURN; rc == READING_PAUSED && budget > 0; budget--)
        rc = op_batch_full(batch) ? READING_FULL : next(r, batch, err);
    if (rc < 0)
        reader_close(r);
    return rc;
}
