#include "base/clock.h"
#include "base/thread.h"
#include "journal/internal.h"
#include <errno.h>
#include <sys/random.h>

enum { RETRY_MIN_MS = 20, RETRY_MAX_MS = 1000, TRIM_BYTES = 4 << 20, NAP_MAX_MS = 60 * 1000 };

/* What readers have already may wait so long for the disk: one sync does for all that comes in the
 * meantime, and takes no core from those who deliver it. */
enum { LINGER_MS = 3 };

/* A batch of that many records says that there is a backlog; the next one may take so long. */
enum { BACKLOG_RECORDS = 64, GATHER_MS = 8 };

/* --- rules of retention ------------------------------------------------------------------ */

static int64_t before_us(const struct journal *journal, uint64_t slack_us)
{
    uint64_t age = journal->options.retention_age_us;
    int64_t now = clock_wall_us();
    if (age == 0 || age > (uint64_t)INT64_MAX / 2)
        return INT64_MIN;
    return now - (int64_t)(age + slack_us);
}

static uint64_t max_bytes(const struct journal *journal)
{
    return journal->options.retention_bytes ? journal->options.retention_bytes : UINT64_MAX;
}

static uint64_t max_held(const struct journal *journal)
{
    return journal->options.max_held ? journal->options.max_held : UINT64_MAX;
}

/* A journal at rest does not sync for every record that comes of age. */
static uint64_t age_slack_us(const struct journal *journal)
{
    uint64_t slack = journal->options.retention_age_us / 64;
    uint64_t most = (uint64_t)NAP_MAX_MS * 1000;
    return slack < most ? slack : most;
}

/* With the lock held. The same when the oldest block is held: until there may be more than holds
 * may keep. How much is past its age only counting tells, which is done now and then. */
static uint64_t give_up_due_in(const struct journal *journal)
{
    const struct store_extent *extent = &journal->extent;
    uint64_t most = max_held(journal);
    uint64_t over = extent->bytes > max_bytes(journal) ? extent->bytes - max_bytes(journal) : 0;
    if (over > most)
        return 0;
    if (extent->bytes <= most || extent->oldest_time_us >= before_us(journal, 0))
        return UINT64_MAX;
    uint64_t counted = clock_monotonic_ms() - journal->counted_ms;
    return counted < NAP_MAX_MS ? NAP_MAX_MS - counted : 0;
}

/* With the lock held. Milliseconds until there is something to trim, for a writer at rest. */
static uint64_t trim_due_in(const struct journal *journal)
{
    const struct store_extent *extent = &journal->extent;
    struct position hold;
    if (extent->empty)
        return UINT64_MAX;
    if (holds_oldest(&journal->holds, &hold) && position_compare(extent->oldest_end, hold) > 0)
        return give_up_due_in(journal);
    if (extent->bytes > max_bytes(journal))
        return 0;
    int64_t limit = before_us(journal, age_slack_us(journal));
    if (limit == INT64_MIN)
        return UINT64_MAX;
    return extent->oldest_time_us < limit ? 0
                                          : (uint64_t)(extent->oldest_time_us - limit) / 1000 + 1;
}

/* --- waiting ----------------------------------------------------------------------------- */

static void wait_for(struct journal *journal, pthread_cond_t *condition, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(condition, &journal->lock, &until);
}

static void wait_for_work(struct journal *journal, uint64_t ms)
{
    wait_for(journal, &journal->work, ms);
}

/* With the lock held. Lets what is due grow for a while. */
static void gather(struct journal *journal)
{
    uint64_t now = clock_monotonic_ms();
    uint64_t until = now + (journal->in_backlog ? GATHER_MS : LINGER_MS);
    while (!journal->stopping && !journal->request && journal_may_gather(journal) && now < until) {
        wait_for(journal, &journal->gathered, until - now);
        now = clock_monotonic_ms();
    }
    journal->in_backlog = false;
}

enum job { JOB_STOP, JOB_EPOCH, JOB_WRITE };

/* With the lock held. A batch may be empty: then there is something to trim, a hold to keep, or
 * the last word of a journal that is closed. */
static enum job next_job(struct journal *journal, struct batch *ret_batch)
{
    for (;;) {
        uint64_t now = clock_monotonic_ms();
        uint64_t wait = queue_due_in(&journal->queue, now);
        uint64_t trim = trim_due_in(journal);
        *ret_batch = (struct batch){0};
        if (journal->request)
            return JOB_EPOCH;
        if ((wait == 0 || journal->stopping) && queue_take(&journal->queue, ret_batch))
            return JOB_WRITE;
        if (journal->holds_due || (journal->holds_changed && journal->stopping))
            return JOB_WRITE;
        if (journal->stopping)
            return early_limit(journal, ret_batch) != 0 ? JOB_WRITE : JOB_STOP;
        if (trim == 0)
            return JOB_WRITE;
        wait = trim < wait ? trim : wait;
        wait_for_work(journal, wait < NAP_MAX_MS ? wait : NAP_MAX_MS);
        if (queue_due_in(&journal->queue, clock_monotonic_ms()) == 0)
            gather(journal);
    }
}

/* --- telling ----------------------------------------------------------------------------- */

/* With the lock held. */
static void set_extent(struct journal *journal, const struct store_extent *extent)
{
    journal->extent = *extent;
    journal->holds.trimmed = extent->trimmed;
    atomic_store(&journal->durable, extent->mark);
    atomic_store(&journal->given, extent->given);
    error_clear(&journal->failure);
}

/* Most readers had the batch before. The disk is news to those that fell out of the ring, which did
 * not keep what was not on disk yet, and to those that could not read it. */
static void publish(struct journal *journal, const struct batch *batch,
                    const struct store_extent *extent)
{
    bool news = early_publish(journal, batch->records, batch->count);
    struct position floor = ring_floor(&journal->ring);
    ring_drop(&journal->ring, extent->trimmed);
    pthread_mutex_lock(&journal->lock);
    bool taken = batch->count > 0 || batch->mark != 0;
    if (taken)
        queue_done(&journal->queue, batch);
    news |= position_compare(floor, journal->extent.newest) > 0;
    set_extent(journal, extent);
    pthread_mutex_unlock(&journal->lock);
    if (atomic_exchange(&journal->turned_away, false) || news)
        journal_tell_records(journal);
    journal_tell_durable(journal);
}

/* With the lock held; BEFORE is what there was. False when all that were given up are told. */
static bool next_given_up(struct journal *journal, const struct store_extent *before,
                          char name[HOLD_NAME_MAX + 1], struct journal_given_up *ret_what)
{
    int64_t now = clock_wall_us();
    const struct hold *hold = holds_next_given_up(&journal->holds);
    if (!hold)
        return false;
    snprintf(name, HOLD_NAME_MAX + 1, "%s", hold->name);
    *ret_what = (struct journal_given_up){
        .name = name,
        .position = hold->position,
        .journal_bytes = before->bytes,
        .behind_us = now > before->oldest_time_us ? (uint64_t)(now - before->oldest_time_us) : 0,
    };
    return true;
}

/* After a batch that was to be trimmed up to HOLD at the most: what lies beyond was given up. A
 * hold may be older than all there is, then it holds all there is. */
static void look_at_holds(struct journal *journal, struct position hold, struct position trimmed)
{
    char name[HOLD_NAME_MAX + 1];
    struct journal_given_up what;
    pthread_mutex_lock(&journal->lock);
    const struct store_extent before = journal->extent; /* the new one is not published yet */
    if (position_compare(trimmed, hold) > 0 && position_compare(trimmed, before.trimmed) > 0) {
        journal->holds.trimmed = trimmed;
        holds_give_up(&journal->holds);
    }
    while (next_given_up(journal, &before, name, &what)) {
        pthread_mutex_unlock(&journal->lock);
        if (journal->options.on_given_up)
            journal->options.on_given_up(&what);
        pthread_mutex_lock(&journal->lock);
    }
    pthread_mutex_unlock(&journal->lock);
}

static void note_failure(struct journal *journal, const struct error *err)
{
    pthread_mutex_lock(&journal->lock);
    bool news = journal->failure.code == 0;
    journal->failure = *err;
    pthread_mutex_unlock(&journal->lock);
    if (news)
        journal_tell_durable(journal);
}

/* --- epochs ------------------------------------------------------------------------------ */

static int draw_epoch(char epoch[9], struct error *err)
{
    uint32_t bits;
    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        return error_set(err, -EIO, "journal: no random number for a new epoch: %s; try again",
                         strerrordesc_np(errno));
    snprintf(epoch, 9, "%08x", bits);
    return 0;
}

/* What was appended before belongs to the old epoch, as do its readers. */
static int begin_epoch(struct journal *journal, struct epoch_request *request)
{
    struct store_extent extent;
    struct journal_identity identity = *request->identity;
    int rc = draw_epoch(identity.epoch, request->err);
    if (rc == 0)
        rc = store_begin_epoch(journal->store, &identity, request->start, &extent, request->err);
    if (rc != 0)
        return rc;
    ring_clear(&journal->ring, extent.newest);
    pthread_mutex_lock(&journal->lock);
    queue_release(&journal->queue);
    holds_release(&journal->holds);
    journal->holds_changed = false;
    journal->holds_due = false;
    journal->identity = identity;
    journal->newest = extent.newest;
    journal->given_before = 0;
    set_extent(journal, &extent);
    /* Last: who reads the old identity still gets a cursor that turns out stale. */
    atomic_fetch_add(&journal->generation, 1);
    pthread_mutex_unlock(&journal->lock);
    journal_tell_records(journal);
    journal_tell_durable(journal);
    return 0;
}

static int set_identity(struct journal *journal, const struct epoch_request *request)
{
    struct store_extent extent;
    int rc = store_set_identity(journal->store, request->identity, &extent, request->err);
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&journal->lock);
    journal->identity = *request->identity;
    pthread_mutex_unlock(&journal->lock);
    return 0;
}

static int answer_request(struct journal *journal, struct epoch_request *request)
{
    bool is_new = request->identity->epoch[0] == '\0';
    int rc = is_new ? begin_epoch(journal, request) : set_identity(journal, request);
    pthread_mutex_lock(&journal->lock);
    request->rc = rc;
    journal->request = NULL;
    pthread_cond_signal(&journal->answered);
    pthread_mutex_unlock(&journal->lock);
    return rc;
}

/* --- batches ----------------------------------------------------------------------------- */

/* With the lock held. The holds that limit the trimming are on disk with it. */
static int prepare_change(struct journal *journal, const struct batch *batch, struct buffer *holds,
                          struct store_change *change)
{
    *change = (struct store_change){
        .records = batch->records, .count = batch->count, .mark = batch->mark};
    change->given = early_limit(journal, batch);
    change->trim.max_bytes = max_bytes(journal);
    change->trim.before_us = before_us(journal, 0);
    change->trim.budget = TRIM_BYTES + 2 * (uint64_t)batch->bytes;
    change->trim.held = holds_oldest(&journal->holds, &change->trim.hold);
    change->trim.max_held = max_held(journal);
    journal->counted_ms = clock_monotonic_ms();
    if (!journal->holds_changed)
        return 0;
    int rc = holds_encode(&journal->holds, holds);
    if (rc != 0)
        return rc;
    change->holds = holds->data ? buffer_str(holds) : STR("");
    journal->holds_changed = false;
    journal->holds_due = false;
    return 0;
}

static int try_write(struct journal *journal, const struct batch *batch,
                     struct store_extent *ret_extent, struct error *err)
{
    struct store_change change;
    struct buffer holds;
    buffer_init(&holds, HOLDS_CODED_MAX);
    pthread_mutex_lock(&journal->lock);
    int rc = prepare_change(journal, batch, &holds, &change);
    pthread_mutex_unlock(&journal->lock);
    if (rc != 0)
        error_set(err, rc, "journal: out of memory for its holds; give the process more");
    else
        rc = store_write(journal->store, &change, ret_extent, err);
    if (rc == 0 && change.trim.held)
        look_at_holds(journal, change.trim.hold, ret_extent->trimmed);
    if (rc != 0 && change.holds.data) {
        pthread_mutex_lock(&journal->lock);
        journal->holds_changed = true;
        pthread_mutex_unlock(&journal->lock);
    }
    buffer_release(&holds);
    return rc;
}

/* False when the time is over; true when something is wanted before: the end, or a new epoch. */
static bool interrupted(struct journal *journal, uint64_t ms)
{
    uint64_t until = clock_monotonic_ms() + ms;
    uint64_t now;
    pthread_mutex_lock(&journal->lock);
    while (!journal->stopping && !journal->request && (now = clock_monotonic_ms()) < until)
        wait_for_work(journal, until - now);
    bool wanted = journal->stopping || journal->request;
    pthread_mutex_unlock(&journal->lock);
    return wanted;
}

static struct epoch_request *current_request(struct journal *journal, bool *ret_stopping)
{
    pthread_mutex_lock(&journal->lock);
    struct epoch_request *request = journal->request;
    *ret_stopping = journal->stopping;
    pthread_mutex_unlock(&journal->lock);
    return request;
}

/* Tries until the batch is on disk. Only two things end it without: a new epoch, to which the batch
 * does not belong, and the end of the process, which the source survives because the batch was not
 * durable. False: stop, and write nothing that comes after it. */
static bool write_batch(struct journal *journal, const struct batch *batch)
{
    struct store_extent extent;
    struct error err = {0};
    for (uint64_t wait = RETRY_MIN_MS;; wait = wait < RETRY_MAX_MS / 2 ? wait * 2 : RETRY_MAX_MS) {
        bool stopping;
        current_request(journal, &stopping);
        if (try_write(journal, batch, &extent, &err) == 0) {
            publish(journal, batch, &extent);
            return true;
        }
        note_failure(journal, &err);
        if (stopping)
            return false;
        if (!interrupted(journal, wait))
            continue;
        struct epoch_request *request = current_request(journal, &stopping);
        bool begins = request && request->identity->epoch[0] == '\0';
        if (request && answer_request(journal, request) == 0 && begins)
            return true;
    }
}

static void *writer_main(void *argument)
{
    struct journal *journal = argument;
    struct batch batch;
    bool running = true;
    pthread_setname_np(pthread_self(), "journal"); /* for top -H, and whoever measures */
    thread_set_batch(true);                        /* readers do not wait for the disk */
    pthread_mutex_lock(&journal->lock);
    while (running) {
        enum job job = next_job(journal, &batch);
        journal->in_backlog = batch.count >= BACKLOG_RECORDS;
        struct epoch_request *request = journal->request;
        pthread_mutex_unlock(&journal->lock);
        if (job == JOB_WRITE)
            running = write_batch(journal, &batch);
        else if (job == JOB_EPOCH)
            answer_request(journal, request);
        else
            running = false;
        queue_batch_release(&batch);
        pthread_mutex_lock(&journal->lock);
        gather(journal);
    }
    pthread_mutex_unlock(&journal->lock);
    return NULL;
}

/* No signals: SIGXFSZ must be an error of write(2). */
int writer_start(struct journal *journal)
{
    return thread_start(&journal->thread, writer_main, journal, "to write the journal", NULL);
}

void writer_stop(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    journal->stopping = true;
    pthread_cond_signal(&journal->work);
    pthread_cond_signal(&journal->gathered);
    pthread_mutex_unlock(&journal->lock);
    pthread_join(journal->thread, NULL);
}
