#include "source/capture.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/lsn.h"
#include "event/ignored.h"
#include <errno.h>

/* What is left of an event that is too large: names and small values of at most 1 600 columns. */
#define STRIPPED_MAX ((size_t)64 << 20)

/* A timestamp, an LSN and an xid as JSON. */
#define TAIL_MAX 256

/* Scratch memory above this is given back after the large row that needed it. */
#define SCRATCH_KEEP ((size_t)1 << 20)

/* What is decoded of a kept transaction in one turn of the loop, and a message of any size. */
#define DRAIN_MESSAGES 1000
#define DRAIN_BYTES ((size_t)1 << 20)

/* A larger message may hold the loop for longer than the server waits for a sign of life. */
#define LARGE_MESSAGE ((size_t)1 << 20)

void capture_init(struct capture *c, struct relation_cache *cache, struct journal *journal,
                  const struct config *config)
{
    *c = (struct capture){.cache = cache, .journal = journal, .config = config};
    buffer_init(&c->record, config->journal.max_event);
    buffer_init(&c->stripped, STRIPPED_MAX);
    buffer_init(&c->tail, TAIL_MAX);
    spool_init(&c->spool, config->journal.path);
}

void capture_release(struct capture *c)
{
    if (c->decoder)
        c->ops->destroy(c->decoder);
    spool_release(&c->spool);
    buffer_release(&c->record);
    buffer_release(&c->stripped);
    buffer_release(&c->tail);
}

static int use_decoder(struct capture *c, const struct decoder_ops *ops)
{
    if (c->ops == ops) {
        ops->reset(c->decoder);
        return 0;
    }
    struct decoder *decoder = ops->create(c->cache);
    if (!decoder)
        return -ENOMEM;
    if (c->decoder)
        c->ops->destroy(c->decoder);
    c->decoder = decoder;
    c->ops = ops;
    return 0;
}

int capture_restart(struct capture *c, const struct decoder_ops *ops,
                    const struct event_origin *origin)
{
    spool_clear(&c->spool);
    c->origin = *origin;
    c->origin.max_event = c->config->journal.max_event;
    c->in_transaction = false;
    c->draining = false;
    c->kept.data = NULL;
    c->marked = 0;
    c->lsn = 0;
    c->resent = (struct resent){0};
    return use_decoder(c, ops);
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

static void give_back(struct buffer *scratch)
{
    if (scratch->capacity > SCRATCH_KEEP)
        buffer_release(scratch);
    buffer_reset(scratch);
}

/* What the events of TRANSACTION end with is in c->tail then. 0 or -ENOMEM. */
static int write_tail(struct capture *c, const struct transaction *transaction, struct error *err)
{
    const struct transaction *of = &c->tail_of;
    if (c->tail.len > 0 && of->end_lsn == transaction->end_lsn && of->xid == transaction->xid &&
        of->commit_time == transaction->commit_time)
        return 0;
    buffer_reset(&c->tail);
    c->tail_of = *transaction;
    int rc = event_tail_write(&c->tail, transaction);
    if (rc == 0)
        return 0;
    buffer_reset(&c->tail);
    return error_set(err, rc, "no memory for an event");
}

/* *RET_RECORD borrows from the scratch memory. */
static int encode(struct capture *c, const struct decoded *decoded, struct str *ret_record,
                  struct error *err)
{
    struct transaction transaction = decoded->transaction;
    int rc = write_tail(c, &transaction, err);
    if (rc < 0)
        return rc;
    transaction.tail = buffer_str(&c->tail);
    uint32_t ordinal = c->ordinal + 1;
    struct buffer *to = &c->record;
    buffer_reset(to);
    rc = event_encode(to, &c->origin, &transaction, ordinal, &decoded->change, err);
    if (rc == -EMSGSIZE && c->config->journal.on_large_event == CONFIG_STRIP_EVENT) {
        to = &c->stripped;
        buffer_reset(to);
        rc = event_encode_stripped(to, &c->origin, &transaction, ordinal, &decoded->change, err);
    }
    if (rc < 0)
        return rc;
    *ret_record = buffer_str(to);
    return 0;
}

static void tell_stripped(struct str record)
{
    struct event event;
    if (event_read(&event, record) == 0)
        log_warn("source", "event %.*s comes without its records: %.*s", STR_ARG(event.id),
                 STR_ARG(event.error));
}

static int append_change(struct capture *c, const struct decoded *decoded, struct error *err)
{
    struct position position = {decoded->transaction.end_lsn, c->ordinal + 1};
    struct str record;
    int64_t id;
    /* It has its place all the same: the ids of the others do not depend on the configuration. */
    if (change_is_ignored(&decoded->change)) {
        c->ordinal = position.ordinal;
        return 0;
    }
    int rc = encode(c, decoded, &record, err);
    if (rc < 0)
        return rc;
    bool tagged = events_row_id(c, &decoded->change, &id);
    if (tagged && c->commits)
        commits_note(c->commits, position, decoded->transaction.xid);
    rc = journal_append(c->journal, position, record, tagged ? &id : NULL);
    if (rc == 0 && c->stripped.len > 0)
        tell_stripped(record);
    give_back(&c->record);
    give_back(&c->stripped);
    if (rc < 0)
        return rc == -EAGAIN
                   ? rc
                   : error_set(err, rc, "an event of %zu bytes does not go into the journal: %s",
                               record.len, strerrordesc_np(-rc));
    c->ordinal = position.ordinal;
    c->has_events = true;
    c->events += rc == 0;
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

static void begin(struct capture *c, uint32_t xid)
{
    c->in_transaction = true;
    c->xid = xid;
    c->has_events = false;
    c->ordinal = 0;
}

static int refuse_history(struct error *err)
{
    return error_set(err, -ESTALE, "the server has another history than the journal");
}

static int decode_one(struct capture *c, struct str message, uint64_t lsn, struct decoded *decoded,
                      uint32_t *ret_missing_type, struct error *err)
{
    int rc = c->ops->decode(c->decoder, message, lsn, decoded, ret_missing_type, err);
    if (rc < 0)
        return rc;
    if (decoded->kind == DECODED_BEGIN)
        begin(c, decoded->transaction.xid);
    if (decoded->kind == DECODED_MESSAGE)
        c->ordinal = 0;
    bool has_change = decoded->kind == DECODED_CHANGE || decoded->kind == DECODED_MESSAGE;
    bool has_place = has_change || decoded->kind == DECODED_COMMIT;
    if (has_place && !resent_fits(&c->resent, &decoded->transaction))
        return refuse_history(err);
    if (has_change)
        rc = append_change(c, decoded, err);
    if (rc < 0)
        return rc;
    if (has_change && c->ops->take)
        c->ops->take(c->decoder);
    if (decoded->kind == DECODED_COMMIT) {
        c->in_transaction = false;
        c->transactions += c->has_events;
        mark(c, decoded->transaction.end_lsn, c->has_events);
    }
    if (decoded->kind == DECODED_MESSAGE)
        mark(c, decoded->transaction.end_lsn, true);
    return 0;
}

static int decode(struct capture *c, struct str message, uint64_t lsn, uint32_t *ret_missing_type,
                  struct error *err)
{
    struct decoded decoded = {.more = true};
    bool large = message.len > LARGE_MESSAGE;
    uint64_t begun = large ? clock_monotonic_ms() : 0;
    int rc = 0;
    while (rc == 0 && decoded.more) {
        decoded.more = false;
        rc = decode_one(c, message, lsn, &decoded, ret_missing_type, err);
    }
    uint64_t took = large ? clock_monotonic_ms() - begun : 0;
    if (took > c->slowest_ms)
        c->slowest_ms = took;
    return rc;
}

/* --- plugins that say the end of a transaction with its commit ------------------------------- */

/* What was kept, a turn's share at a time. */
static int drain(struct capture *c, uint32_t *ret_missing_type, struct error *err)
{
    size_t bytes = 0;
    for (int n = 0; n < DRAIN_MESSAGES && bytes < DRAIN_BYTES; n++) {
        int rc = c->kept.data ? 1 : spool_next(&c->spool, &c->kept, &c->kept_lsn, err);
        if (rc == 0) {
            c->draining = false;
            spool_clear(&c->spool);
        }
        if (rc <= 0)
            return rc;
        rc = decode(c, c->kept, c->kept_lsn, ret_missing_type, err);
        if (rc < 0)
            return rc;
        bytes += c->kept.len;
        c->kept.data = NULL;
    }
    return -EINPROGRESS;
}

static int explain_begin(const struct capture *c, uint64_t lsn, uint32_t xid, struct error *err)
{
    char position[LSN_TEXT_MAX];
    return error_set(err, -EBADMSG,
                     "%s message B at %s: transaction %u begins, but another one is open",
                     c->ops->plugin, lsn_format(lsn, position), xid);
}

static int keep_or_decode(struct capture *c, struct str message, uint64_t lsn,
                          uint32_t *ret_missing_type, struct error *err)
{
    enum decoded_kind kind;
    struct transaction transaction;
    int rc = c->ops->peek(message, lsn, &kind, &transaction, err);
    if (rc < 0)
        return rc;
    if (kind == DECODED_BEGIN && c->in_transaction)
        return explain_begin(c, lsn, transaction.xid, err);
    if (kind == DECODED_BEGIN)
        c->in_transaction = true;
    if (!c->in_transaction)
        return decode(c, message, lsn, ret_missing_type, err);
    rc = spool_add(&c->spool, message, lsn, err);
    if (rc < 0 || kind != DECODED_COMMIT)
        return rc;
    c->ops->set_end(c->decoder, transaction.end_lsn);
    c->draining = true;
    return drain(c, ret_missing_type, err);
}

int capture_message(struct capture *c, struct str message, uint64_t lsn, uint32_t *ret_missing_type,
                    struct error *err)
{
    if (lsn == 0)
        lsn = c->lsn;
    c->lsn = lsn;
    if (!c->ops->peek)
        return decode(c, message, lsn, ret_missing_type, err);
    if (c->draining)
        return drain(c, ret_missing_type, err);
    return keep_or_decode(c, message, lsn, ret_missing_type, err);
}

int capture_keepalive(struct capture *c, uint64_t lsn, bool urgent)
{
    if (c->in_transaction)
        return 0;
    if (!resent_passed(&c->resent, lsn))
        return -ESTALE;
    mark(c, lsn, urgent);
    return 0;
}

void capture_finish(struct capture *c)
{
    mark(c, c->marked, true);
}
