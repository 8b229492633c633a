/* fixture.h - a journal in a directory of its own, and waiting for what it promises. */
#ifndef JOURNAL_FIXTURE_H
#define JOURNAL_FIXTURE_H

#include "base/cleanup.h"
#include "journal/journal.h"
#include "temp_dir.h"
#include "unit.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct fixture {
    char path[TEMP_DIR_MAX];
    struct journal_options options;
    struct journal *journal;
    struct journal_listener listener;
    pthread_mutex_t lock;
    pthread_cond_t progress;
    unsigned long rounds; /* calls of on_durable */
};

static inline void fixture_on_durable(struct journal_listener *self)
{
    struct fixture *f = (struct fixture *)((char *)self - offsetof(struct fixture, listener));
    pthread_mutex_lock(&f->lock);
    f->rounds++;
    pthread_cond_broadcast(&f->progress);
    pthread_mutex_unlock(&f->lock);
}

static inline void fixture_open(struct fixture *f)
{
    struct error err = {0};
    f->options.path = f->path;
    int rc = journal_open(&f->journal, &f->options, &err);
    ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
    f->listener.on_durable = fixture_on_durable;
    journal_listen(f->journal, &f->listener);
}

static inline void fixture_close(struct fixture *f)
{
    journal_unlisten(f->journal, &f->listener);
    journal_close(f->journal);
    f->journal = NULL;
}

static inline void fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

/* A directory and options that keep everything; nothing is open yet. */
static inline void fixture_init(struct fixture *f)
{
    *f = (struct fixture){
        .options = {.ring_bytes = 1 << 20, .batch_bytes = 256 << 10, .ahead_bytes = 4 << 20},
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .progress = PTHREAD_COND_INITIALIZER};
    temp_dir_make(f->path, "journal");
}

static inline void fixture_release(struct fixture *f)
{
    if (f->journal)
        fixture_close(f);
    temp_dir_remove(f->path);
}

static inline unsigned long fixture_rounds(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    unsigned long rounds = f->rounds;
    pthread_mutex_unlock(&f->lock);
    return rounds;
}

/* Returns once on_durable has been called since ROUNDS was read. */
static inline void fixture_wait(struct fixture *f, unsigned long rounds)
{
    pthread_mutex_lock(&f->lock);
    while (f->rounds == rounds)
        pthread_cond_wait(&f->progress, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

#define wait_until(fixture, condition)                                                             \
    for (unsigned long rounds_; rounds_ = fixture_rounds(fixture), !(condition);)                  \
    fixture_wait(fixture, rounds_)

static inline struct position at(uint64_t lsn, uint32_t ordinal)
{
    return (struct position){lsn, ordinal};
}

/* Bytes that do not compress and depend on SEED alone: what is written takes the disk it seems to.
 */
static inline void fill_noise(char *data, size_t len, uint64_t seed)
{
    uint64_t x = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        data[i] = (char)x;
    }
}

/* Appends a record whose text begins with its position, waiting while the journal is full. */
static inline int append(struct fixture *f, struct position position, const int64_t *tag)
{
    char text[400];
    int len = snprintf(text, sizeof(text), "%llx-%u ", (unsigned long long)position.lsn,
                       position.ordinal);
    fill_noise(text + len, sizeof(text) - (size_t)len, position.lsn + position.ordinal);
    for (;;) {
        unsigned long rounds = fixture_rounds(f);
        int rc = journal_append(f->journal, position, (struct str){text, 300}, tag);
        if (rc != -EAGAIN)
            return rc;
        fixture_wait(f, rounds);
    }
}

/* Files end at BYTES: not so small that Check cannot write its own. */
static inline void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* COUNT records of one transaction each, LSN first, first + 1, ...; on disk when it returns. */
static inline void append_many(struct fixture *f, uint64_t first, uint64_t count)
{
    for (uint64_t lsn = first; lsn < first + count; lsn++)
        ck_assert_int_eq(append(f, at(lsn, 1), NULL), 0);
    journal_flush(f->journal);
    wait_until(f, journal_idle(f->journal));
}

/* The same, each in a block of its own on disk: what is trimmed by itself. */
static inline void append_apart(struct fixture *f, uint64_t first, uint64_t count)
{
    for (uint64_t lsn = first; lsn < first + count; lsn++)
        append_many(f, lsn, 1);
}

static inline void check_entry(const struct journal_entry *entry, struct position expected)
{
    char text[40];
    int len = snprintf(text, sizeof(text), "%llx-%u ", (unsigned long long)expected.lsn,
                       expected.ordinal);
    ck_assert_uint_eq(entry->position.lsn, expected.lsn);
    ck_assert_uint_eq(entry->position.ordinal, expected.ordinal);
    ck_assert_uint_eq(entry->bytes.len, 300);
    ck_assert_mem_eq(entry->bytes.data, text, (size_t)len);
}

static inline struct journal_cursor *cursor_at(struct fixture *f, struct position after)
{
    struct journal_cursor *cursor;
    struct error err = {0};
    ck_assert_int_eq(journal_cursor_open(f->journal, &cursor, after, &err), 0);
    return cursor;
}

/* Reads LSN first .. last, one record each, then the end. */
static inline void check_range(struct fixture *f, struct position after, uint64_t first,
                               uint64_t last)
{
    struct journal_cursor *cursor = cursor_at(f, after);
    struct journal_entry entry;
    for (uint64_t lsn = first; lsn <= last; lsn++) {
        ck_assert_int_eq(journal_cursor_next(cursor, &entry), 1);
        check_entry(&entry, at(lsn, 1));
    }
    ck_assert_int_eq(journal_cursor_next(cursor, &entry), 0);
    journal_cursor_close(cursor);
}

#endif
