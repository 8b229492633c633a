#include "journal/queue.h"
#include <errno.h>

/* A small record costs more than its bytes: struct record, struct shared and malloc's header. */
enum { RECORD_OVERHEAD = sizeof(struct record) + sizeof(struct shared) + 16 };

static const struct batch no_batch = {.due_ms = QUEUE_NEVER};

static size_t record_cost(const struct record *record)
{
    return record->bytes->len + RECORD_OVERHEAD;
}

void queue_batch_release(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        shared_unref(batch->records[i].bytes);
    free(batch->records);
    *batch = (struct batch){0};
}

void queue_init(struct queue *queue, size_t batch_bytes, size_t ahead_bytes)
{
    *queue =
        (struct queue){.open = no_batch, .batch_bytes = batch_bytes, .ahead_bytes = ahead_bytes};
    queue->full_tail = &queue->full;
}

void queue_release(struct queue *queue)
{
    struct batch batch;
    while (queue_take(queue, &batch))
        queue_batch_release(&batch);
    queue_init(queue, queue->batch_bytes, queue->ahead_bytes);
}

/* The open batch that is full makes room for the next one. It stays open until then, so that a mark
 * that follows its last record is written with it. */
static int close_batch(struct queue *queue)
{
    struct batch *batch = malloc(sizeof(*batch));
    if (!batch)
        return -ENOMEM;
    *batch = queue->open;
    batch->next = NULL;
    *queue->full_tail = batch;
    queue->full_tail = &batch->next;
    queue->open = no_batch;
    return 0;
}

static int batch_append(struct batch *batch, const struct record *record)
{
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity ? batch->capacity * 2 : 64;
        struct record *records = reallocarray(batch->records, capacity, sizeof(*records));
        if (!records)
            return -ENOMEM;
        batch->records = records;
        batch->capacity = capacity;
    }
    batch->records[batch->count++] = *record;
    batch->bytes += record_cost(record);
    return 0;
}

/* The open batch is due at DUE_MS at the latest. */
static bool hasten(struct queue *queue, uint64_t due_ms)
{
    if (due_ms >= queue->open.due_ms)
        return false;
    queue->open.due_ms = due_ms;
    return true;
}

int queue_append(struct queue *queue, const struct record *record)
{
    size_t cost = record_cost(record);
    bool fits = queue->waiting <= queue->ahead_bytes && cost <= queue->ahead_bytes - queue->waiting;
    if (queue->waiting > 0 && !fits) {
        queue_flush(queue, QUEUE_AT_ONCE);
        return -EAGAIN;
    }
    if (queue->open.count > 0 && queue->open.bytes >= queue->batch_bytes && close_batch(queue) != 0)
        return -ENOMEM;
    if (batch_append(&queue->open, record) != 0)
        return -ENOMEM;
    queue->waiting += cost;
    if (queue->open.bytes >= queue->batch_bytes)
        hasten(queue, QUEUE_AT_ONCE);
    return 0;
}

bool queue_mark(struct queue *queue, uint64_t lsn, bool urgent, uint64_t now_ms)
{
    queue->open.mark = lsn;
    return hasten(queue, urgent ? now_ms : now_ms + QUEUE_LAZY_MS);
}

bool queue_flush(struct queue *queue, uint64_t due_ms)
{
    return queue->open.count > 0 && hasten(queue, due_ms);
}

bool queue_in_haste(const struct queue *queue)
{
    return queue->full || queue->open.due_ms == QUEUE_AT_ONCE;
}

uint64_t queue_due_in(const struct queue *queue, uint64_t now_ms)
{
    uint64_t due_ms = queue->open.due_ms;
    if (queue_in_haste(queue))
        return 0;
    if (due_ms == QUEUE_NEVER)
        return QUEUE_NEVER;
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

static bool batch_empty(const struct batch *batch)
{
    return batch->count == 0 && batch->mark == 0;
}

bool queue_empty(const struct queue *queue)
{
    return !queue->full && batch_empty(&queue->open) && queue->taken == 0;
}

bool queue_take(struct queue *queue, struct batch *ret_batch)
{
    struct batch *full = queue->full;
    if (full) {
        queue->full = full->next;
        if (!queue->full)
            queue->full_tail = &queue->full;
        *ret_batch = *full;
        free(full);
    } else if (!batch_empty(&queue->open)) {
        *ret_batch = queue->open;
        queue->open = no_batch;
    } else {
        return false;
    }
    ret_batch->next = NULL;
    queue->taken++;
    return true;
}

void queue_done(struct queue *queue, const struct batch *batch)
{
    queue->waiting -= batch->bytes;
    queue->taken--;
}
