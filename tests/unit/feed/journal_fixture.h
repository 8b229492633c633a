/* journal_fixture.h - a real journal in a directory of its own, and a loop, for the tests of feed
 * and api. The test is the appending thread and the loop's. */
#ifndef FEED_JOURNAL_FIXTURE_H
#define FEED_JOURNAL_FIXTURE_H

#include "feed/records.h"
#include "journal/journal.h"
#include "loop/loop.h"
#include "temp_dir.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char path[TEMP_DIR_MAX];
    struct journal *journal;
    struct loop loop;
    struct buffer record;
    uint64_t lsn; /* of the last record */
    ev_timer tick;
};

static inline void fixture_on_tick(struct ev_loop *ev, ev_timer *timer, int revents)
{
}

static inline void fixture_begin_epoch(struct fixture *f)
{
    struct journal_identity identity = {.system_identifier = 1, .database = "demo", .slot = "s"};
    struct error err = {0};

    ck_assert_msg(journal_begin_epoch(f->journal, &identity, 0, &err) == 0, "%s", err.text);
}

static inline void fixture_open(struct fixture *f, uint64_t retention_bytes)
{
    struct journal_options options = {.path = f->path,
                                      .retention_bytes = retention_bytes,
                                      .ring_bytes = 16384,
                                      .batch_bytes = 65536,
                                      .ahead_bytes = 16 << 20};
    struct error err = {0};

    ck_assert_msg(journal_open(&f->journal, &options, &err) == 0, "%s", err.text);
}

static inline void fixture_start(struct fixture *f, uint64_t retention_bytes)
{
    *f = (struct fixture){.lsn = 0x1000};
    temp_dir_make(f->path, "feed");
    fixture_open(f, retention_bytes);
    fixture_begin_epoch(f);
    ck_assert_int_eq(loop_init(&f->loop), 0);
    buffer_init(&f->record, 1 << 20);
    /* Conditions that nothing on the loop announces are looked at again every so often. */
    ev_timer_init(&f->tick, fixture_on_tick, 0.01, 0.01);
    ev_timer_start(f->loop.ev, &f->tick);
}

static inline void fixture_stop(struct fixture *f)
{
    ev_timer_stop(f->loop.ev, &f->tick);
    loop_release(&f->loop);
    journal_close(f->journal);
    buffer_release(&f->record);
    temp_dir_remove(f->path);
}

static inline void fixture_turn(struct fixture *f)
{
    ev_run(f->loop.ev, EVRUN_ONCE);
}

#define FIXTURE_UNTIL(f, condition)                                                                \
    do {                                                                                           \
        while (!(condition))                                                                       \
            fixture_turn(f);                                                                       \
    } while (0)

/* Appends f->record as a transaction of its own. */
static inline struct position fixture_append(struct fixture *f, struct position position,
                                             const int64_t *tag)
{
    int status;

    while ((status = journal_append(f->journal, position, buffer_str(&f->record), tag)) == -EAGAIN)
        journal_flush(f->journal);
    ck_assert_int_eq(status, 0);
    return position;
}

static inline struct position fixture_next(struct fixture *f)
{
    f->lsn += 0x10;
    return (struct position){f->lsn, 1};
}

static inline struct position fixture_comment(struct fixture *f, const struct comment *before,
                                              const struct comment *after)
{
    struct position position = fixture_next(f);

    record_comment(&f->record, position, before, after);
    return fixture_append(f, position, NULL);
}

static inline struct position fixture_event(struct fixture *f, const char *id, const char *consumer,
                                            const char *payload)
{
    struct position position = fixture_next(f);
    int64_t tag = strtoll(id, NULL, 10);

    record_event(&f->record, position, id, "insert", consumer, payload);
    return fixture_append(f, position, &tag);
}

/* All that was appended is on disk. */
static inline void fixture_sync(struct fixture *f)
{
    journal_mark(f->journal, f->lsn, true);
    journal_flush(f->journal);
    FIXTURE_UNTIL(f, journal_idle(f->journal));
}

#endif
