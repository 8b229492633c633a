#include "base/clock.h"
#include "journal/directory.h"
#include "journal/internal.h"
#include <errno.h>
#include <unistd.h>

/* Address space costs nothing; so much that the mapping need not grow while readers are about. */
static size_t map_bytes(const struct journal_options *options)
{
    uint64_t least = (uint64_t)16 << 30;
    uint64_t bytes = options->retention_bytes | options->max_held; /* at least half of the sum */
    uint64_t wanted = bytes < SIZE_MAX / 16 ? bytes * 4 : least;
    uint64_t page = 1 << 20;
    return (size_t)((wanted > least ? wanted : least) / page * page);
}

/* --- open and close ---------------------------------------------------------------------- */

static int load_holds(struct journal *journal, const char *path, struct error *err)
{
    struct buffer coded;
    buffer_init(&coded, HOLDS_CODED_MAX);
    int rc = store_holds(journal->store, &coded, err);
    if (rc == 0) {
        rc = holds_decode(&journal->holds, buffer_str(&coded));
        if (rc != 0)
            error_set(err, rc,
                      "journal %s is damaged: its holds; remove the directory: a new epoch starts",
                      path);
    }
    journal->holds.trimmed = journal->extent.trimmed;
    holds_give_up(&journal->holds);
    while (holds_next_given_up(&journal->holds))
        continue; /* told by the run that gave it up */
    buffer_release(&coded);
    return rc;
}

static int load(struct journal *journal, const char *path, struct error *err)
{
    int rc = store_open(&journal->store, path, map_bytes(&journal->options), err);
    if (rc == 0)
        rc = store_extent(journal->store, &journal->extent, err);
    if (rc == 0)
        rc = store_identity(journal->store, &journal->identity, err);
    if (rc == 0)
        rc = load_holds(journal, path, err);
    if (rc != 0)
        return rc;
    journal->last = journal->newest = journal->extent.newest;
    journal->last_mark = journal->extent.mark;
    journal->given_before = journal->extent.given;
    atomic_init(&journal->durable, journal->extent.mark);
    atomic_init(&journal->given, journal->extent.given);
    return 0;
}

/* Nothing here fails on Linux but for memory, and then only in theory. */
static int init_threads(struct journal *journal)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return -ENOMEM;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int code = pthread_mutex_init(&journal->lock, NULL);
    code = code ? code : pthread_mutex_init(&journal->listeners_lock, NULL);
    code = code ? code : pthread_cond_init(&journal->work, &attributes);
    code = code ? code : pthread_cond_init(&journal->gathered, &attributes);
    code = code ? code : pthread_cond_init(&journal->answered, NULL);
    pthread_condattr_destroy(&attributes);
    return -code;
}

static void release(struct journal *journal)
{
    if (journal->store)
        store_close(journal->store);
    queue_release(&journal->queue);
    holds_release(&journal->holds);
    if (journal->lock_fd >= 0)
        close(journal->lock_fd);
    pthread_cond_destroy(&journal->answered);
    pthread_cond_destroy(&journal->gathered);
    pthread_cond_destroy(&journal->work);
    pthread_mutex_destroy(&journal->listeners_lock);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

static int start(struct journal *journal, const char *path, struct error *err)
{
    int rc = ring_init(&journal->ring, journal->options.ring_bytes, journal->extent.newest);
    if (rc == 0) {
        rc = writer_start(journal);
        if (rc != 0)
            ring_release(&journal->ring);
    }
    if (rc != 0)
        error_set(err, rc, "journal %s: cannot start its writer: %s; raise the limit on threads",
                  path, strerrordesc_np(-rc));
    return rc;
}

int journal_open(struct journal **ret_journal, const struct journal_options *options,
                 struct error *err)
{
    const char *path = options->path;
    struct journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        return error_set(err, -ENOMEM, "journal %s: out of memory", path);
    journal->options = *options;
    journal->options.path = NULL;
    journal->lock_fd = -1;
    queue_init(&journal->queue, options->batch_bytes, options->ahead_bytes);
    int rc = init_threads(journal);
    if (rc == 0)
        rc = directory_make(path, err);
    if (rc == 0)
        rc = journal->lock_fd = directory_lock(path, err);
    if (rc >= 0)
        rc = load(journal, path, err);
    if (rc == 0)
        rc = start(journal, path, err);
    if (rc != 0) {
        release(journal);
        return rc;
    }
    *ret_journal = journal;
    return 0;
}

void journal_close(struct journal *journal)
{
    writer_stop(journal);
    early_forget(journal);
    ring_release(&journal->ring);
    release(journal);
}

/* --- identity ---------------------------------------------------------------------------- */

void journal_identity(const struct journal *journal, struct journal_identity *ret)
{
    /* The appending thread, which reads this, is the one on whose wish it changes. */
    *ret = journal->identity;
}

static int ask_writer(struct journal *journal, struct epoch_request *request)
{
    pthread_mutex_lock(&journal->lock);
    journal->request = request;
    pthread_cond_signal(&journal->work);
    pthread_cond_signal(&journal->gathered);
    while (journal->request == request)
        pthread_cond_wait(&journal->answered, &journal->lock);
    pthread_mutex_unlock(&journal->lock);
    return request->rc;
}

int journal_set_timeline(struct journal *journal, uint32_t timeline, struct error *err)
{
    struct journal_identity identity = journal->identity;
    identity.timeline = timeline;
    struct epoch_request request = {.identity = &identity, .err = err};
    return ask_writer(journal, &request);
}

int journal_begin_epoch(struct journal *journal, const struct journal_identity *identity,
                        uint64_t start_lsn, struct error *err)
{
    struct journal_identity wanted = *identity;
    wanted.epoch[0] = '\0';
    struct epoch_request request = {.identity = &wanted, .start = start_lsn, .err = err};
    int rc = ask_writer(journal, &request);
    if (rc != 0)
        return rc;
    journal->last = (struct position){0};
    journal->last_mark = start_lsn;
    early_forget(journal);
    return 0;
}

/* --- append ------------------------------------------------------------------------------ */

/* With the lock held. */
static void end_gathering(struct journal *journal)
{
    if (!journal_may_gather(journal))
        pthread_cond_signal(&journal->gathered);
}

/* With the lock held. It may be at rest, or let a batch grow. */
static void wake_writer(struct journal *journal)
{
    pthread_cond_signal(&journal->work);
    end_gathering(journal);
}

int journal_append(struct journal *journal, struct position position, struct str bytes,
                   const int64_t *tag)
{
    if (position_compare(position, journal->last) <= 0)
        return 1;
    if (bytes.len > RECORD_BYTES_MAX)
        return -EMSGSIZE;
    struct record record = {.position = position,
                            .time_us = clock_wall_us(),
                            .has_tag = tag != NULL,
                            .tag = tag ? *tag : 0,
                            .bytes = shared_new(bytes.data, bytes.len)};
    if (!record.bytes)
        return -ENOMEM;
    pthread_mutex_lock(&journal->lock);
    int rc = queue_append(&journal->queue, &record);
    if (rc == 0)
        early_add(&journal->fresh, &record);
    if (queue_in_haste(&journal->queue))
        pthread_cond_signal(&journal->work);
    end_gathering(journal);
    pthread_mutex_unlock(&journal->lock);
    if (rc == 0)
        journal->last = position;
    else
        shared_unref(record.bytes);
    return rc;
}

void journal_mark(struct journal *journal, uint64_t lsn, bool urgent)
{
    bool again = lsn == journal->last_mark && urgent && lsn > journal_durable_lsn(journal);
    if (lsn <= journal->last_mark && !again)
        return;
    journal->last_mark = lsn;
    pthread_mutex_lock(&journal->lock);
    if (queue_mark(&journal->queue, lsn, urgent, clock_monotonic_ms()))
        wake_writer(journal);
    pthread_mutex_unlock(&journal->lock);
}

void journal_flush(struct journal *journal)
{
    bool given = early_give(journal);
    uint64_t due_ms = given ? clock_monotonic_ms() : QUEUE_AT_ONCE;
    pthread_mutex_lock(&journal->lock);
    if (queue_flush(&journal->queue, due_ms))
        wake_writer(journal);
    pthread_mutex_unlock(&journal->lock);
}

/* The lock of a journal that is const to its reader. */
static void lock_const(const struct journal *journal)
{
    pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&journal->lock);
}

static void unlock_const(const struct journal *journal)
{
    pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&journal->lock);
}

bool journal_idle(const struct journal *journal)
{
    lock_const(journal);
    bool idle = queue_empty(&journal->queue);
    unlock_const(journal);
    return idle;
}

/* --- progress ---------------------------------------------------------------------------- */

uint64_t journal_durable_lsn(const struct journal *journal)
{
    return atomic_load(&journal->durable);
}

bool journal_failing(const struct journal *journal, struct error *ret)
{
    lock_const(journal);
    bool failing = journal->failure.code != 0;
    if (failing && ret)
        *ret = journal->failure;
    unlock_const(journal);
    return failing;
}

void journal_listen(struct journal *journal, struct journal_listener *listener)
{
    pthread_mutex_lock(&journal->listeners_lock);
    listener->next = journal->listeners;
    journal->listeners = listener;
    pthread_mutex_unlock(&journal->listeners_lock);
}

void journal_unlisten(struct journal *journal, struct journal_listener *listener)
{
    pthread_mutex_lock(&journal->listeners_lock);
    struct journal_listener **at = &journal->listeners;
    while (*at && *at != listener)
        at = &(*at)->next;
    if (*at)
        *at = listener->next;
    pthread_mutex_unlock(&journal->listeners_lock);
}

void journal_tell_records(struct journal *journal)
{
    pthread_mutex_lock(&journal->listeners_lock);
    for (struct journal_listener *l = journal->listeners; l; l = l->next)
        if (l->on_records)
            l->on_records(l);
    pthread_mutex_unlock(&journal->listeners_lock);
}

void journal_tell_durable(struct journal *journal)
{
    pthread_mutex_lock(&journal->listeners_lock);
    for (struct journal_listener *l = journal->listeners; l; l = l->next)
        if (l->on_durable)
            l->on_durable(l);
    pthread_mutex_unlock(&journal->listeners_lock);
}

/* --- what is there ----------------------------------------------------------------------- */

bool journal_bounds(const struct journal *journal, struct position *ret_oldest,
                    struct position *ret_newest)
{
    lock_const(journal);
    bool any_early = position_compare(journal->newest, journal->extent.newest) > 0;
    bool found = !journal->extent.empty || any_early;
    if (found)
        *ret_oldest = journal->extent.empty ? journal->oldest_early : journal->extent.oldest;
    *ret_newest = journal->newest;
    unlock_const(journal);
    return found;
}

uint64_t journal_given_lsn(const struct journal *journal)
{
    lock_const(journal);
    uint64_t given = journal->given_before;
    unlock_const(journal);
    return given;
}

void journal_bound_given(struct journal *journal, uint64_t lsn)
{
    pthread_mutex_lock(&journal->lock);
    if (journal->given_before > lsn)
        journal->given_before = lsn;
    pthread_mutex_unlock(&journal->lock);
}

void journal_stock(const struct journal *journal, struct journal_stock *ret_stock)
{
    lock_const(journal);
    struct store_extent extent = journal->extent;
    unlock_const(journal);
    *ret_stock = (struct journal_stock){.bytes = extent.bytes, .empty = extent.empty};
    if (extent.empty)
        return;
    ret_stock->oldest = extent.oldest;
    ret_stock->newest = extent.newest;
    ret_stock->oldest_time_us = extent.oldest_time_us;
}

void journal_epoch(const struct journal *journal, char epoch[9])
{
    lock_const(journal);
    memcpy(epoch, journal->identity.epoch, 9);
    unlock_const(journal);
}

bool journal_find_tag(struct journal *journal, int64_t tag, struct position *ret)
{
    return store_find_tag(journal->store, tag, ret) == 0;
}

int journal_look_up(struct journal *journal, struct journal_look *look)
{
    return store_look_up(journal->store, look);
}

/* --- holds ------------------------------------------------------------------------------- */

/* With the lock held. A hold that is only older on disk than in memory does no harm: it may wait
 * for a batch. One that is not there at all, or is there in vain, is put right at once. */
static void holds_touched(struct journal *journal, bool at_once)
{
    journal->holds_changed = true;
    journal->holds_due |= at_once;
    pthread_cond_signal(&journal->work);
}

int journal_hold(struct journal *journal, const char *name, struct position position)
{
    pthread_mutex_lock(&journal->lock);
    int rc = holds_set(&journal->holds, str_from(name), position);
    if (rc >= 0)
        holds_touched(journal, rc == 1);
    pthread_mutex_unlock(&journal->lock);
    return rc < 0 ? rc : 0;
}

void journal_release(struct journal *journal, const char *name)
{
    pthread_mutex_lock(&journal->lock);
    if (holds_remove(&journal->holds, str_from(name)))
        holds_touched(journal, true);
    pthread_mutex_unlock(&journal->lock);
}

void journal_keep_holds(struct journal *journal, const char *const *names, size_t count)
{
    pthread_mutex_lock(&journal->lock);
    if (holds_keep(&journal->holds, names, count))
        holds_touched(journal, true);
    pthread_mutex_unlock(&journal->lock);
}
