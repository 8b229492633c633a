#include "source/capture.h"
#include <errno.h>

/* The largest record: PostgreSQL's own limit for a row is 1 GB, and JSON escapes can grow it. */
#define RECORD_MAX ((size_t)3 << 30)

/* Scratch memory above this is given back after the large row that needed it. */
#define RECORD_KEEP ((size_t)1 << 20)

int capture_init(struct capture *c, const struct decoder_ops *ops, struct relation_cache *cache,
                 struct journal *journal, const struct config *config)
{
    *c = (struct capture){.ops = ops, .journal = journal, .config = config};
    buffer_init(&c->record, RECORD_MAX);
    c->decoder = ops->create(cache);
    return c->decoder ? 0 : -ENOMEM;
}

void capture_release(struct capture *c)
{
    if (c->decoder)
        c->ops->destroy(c->decoder);
    buffer_release(&c->record);
}

void capture_restart(struct capture *c, const struct event_origin *origin)
{
    c->ops->reset(c->decoder);
    c->origin = *origin;
    c->in_transaction = false;
    c->marked = 0;
}

/* The row id of an insert into the events table: GET /events resumes by it. */
static bool events_row_id(const struct capture *c, const struct change *change, int64_t *ret_id)
{
    const struct relation *r = change->relation;
    if (!c->config->events.enabled || change->type != EVENT_INSERT ||
        !str_equal(r->table, str_from(c->config->events.table)) ||
        !str_equal(r->schema, str_from(c->config->events.schema)))
        return false;
    struct str id = str_from(c->config->events.id);
    for (uint16_t i = 0; i < r->column_count; i++)
        if (str_equal(r->columns[i].name, id))
            return change->new_values[i].kind == VALUE_TEXT &&
                   str_to_int64(change->new_values[i].text, ret_id) == 0;
    return false;
}

static int append_change(struct capture *c, const struct decoded *decoded, struct error *err)
{
    struct position position = {decoded->transaction.end_lsn, c->ordinal + 1};
    buffer_reset(&c->record);
    int rc = event_encode(&c->record, &c->origin, &decoded->transaction, position.ordinal,
                          &decoded->change, err);
    if (rc < 0)
        return rc;
    int64_t id;
    bool tagged = events_row_id(c, &decoded->change, &id);
    rc = journal_append(c->journal, position, buffer_str(&c->record), tagged ? &id : NULL);
    if (rc < 0)
        return rc == -EAGAIN
                   ? rc
                   : error_set(err, rc, "an event of %zu bytes does not go into the journal: %s",
                               c->record.len, strerrordesc_np(-rc));
    c->ordinal = position.ordinal;
    c->has_events = true;
    c->events++;
    if (c->record.capacity > RECORD_KEEP) {
        buffer_release(&c->record);
        buffer_init(&c->record, RECORD_MAX);
    }
    return 0;
}

/* Nothing else is ever confirmed: see capture.h. */
static void mark(struct capture *c, uint64_t lsn, bool urgent)
{
    if (lsn < c->marked)
        return;
    c->marked = lsn;
    journal_mark(c->journal, lsn, urgent);
}

int capture_message(struct capture *c, struct str message, uint64_t lsn, uint32_t *ret_missing_type,
                    struct error *err)
{
    struct decoded decoded;
    int rc = c->ops->decode(c->decoder, message, lsn, &decoded, ret_missing_type, err);
    if (rc < 0)
        return rc;
    switch (decoded.kind) {
    case DECODED_BEGIN:
        c->in_transaction = true;
        c->has_events = false;
        c->ordinal = 0;
        return 0;
    case DECODED_CHANGE:
        return append_change(c, &decoded, err);
    case DECODED_COMMIT:
        c->in_transaction = false;
        mark(c, decoded.transaction.end_lsn, c->has_events);
        return 0;
    case DECODED_NOTHING:
        return 0;
    }
    return 0;
}

void capture_keepalive(struct capture *c, uint64_t lsn, bool urgent)
{
    if (!c->in_transaction)
        mark(c, lsn, urgent);
}

void capture_finish(struct capture *c)
{
    mark(c, c->marked, true);
}
