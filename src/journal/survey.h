/* journal/survey.h - what there is in a journal, for people. Beside a running service too: takes no
 * lock, its read transactions are short. Changes nothing. */
#ifndef JOURNAL_SURVEY_H
#define JOURNAL_SURVEY_H

#include "base/error.h"
#include "journal/journal.h"

struct survey_hold {
    char *name;
    struct position position;
    uint64_t
        records; /* that its reader has not read; a block that it has read a part of counts whole */
};

struct survey {
    const char *format;
    struct journal_identity identity;
    bool in_use;      /* a process has it open to write */
    uint64_t durable; /* LSN */
    uint64_t records;
    uint64_t blocks;
    uint64_t bytes;        /* as retention counts them */
    uint64_t file_bytes;   /* on the disk */
    struct position first; /* of the records; zero when there is none */
    struct position last;
    int64_t first_time_us; /* of append; microseconds since 1970 */
    int64_t last_time_us;
    struct survey_hold *holds; /* oldest first */
    size_t hold_count;
};

/* 0; -ENOENT there is no journal at PATH; others as journal_open(). */
int survey_take(struct survey *ret_survey, const char *path, struct error *err);
void survey_release(struct survey *survey);

#endif
