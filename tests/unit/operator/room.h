/* The whole room against a journal that is real and a server that is not (server.h): one operator,
 * the blog's, in a process that is stopped at the end of each test. */
#ifndef TESTS_OPERATOR_ROOM_H
#define TESTS_OPERATOR_ROOM_H

#include "base/health.h"
#include "blog.h"
#include "events.h"
#include "journal/journal.h"
#include "operator/operators.h"
#include "server.h"
#include "unit.h"

#define ROW(...) ((const char *const[]){__VA_ARGS__})

struct room {
    struct loop loop;
    struct journal *journal;
    struct health *health;
    struct operators *ops;
    struct config config;
    struct config_operator op;
    struct operator_counters counters;
    _Atomic uint64_t reader; /* of the slot */
    struct progress progress;
    char epoch[9];
    uint32_t ordinal; /* of the last event */
};
extern struct room room;

void setup(void);
void teardown(void);
void start(void);
/* The operator's target is in another database than its sources. */
void set_apart(void);
/* An operator that has run before and stands at the beginning of this journal. */
void start_at_beginning(void);

/* Runs the loop until it is so; fails after 20 s. */
void run_until(bool (*is_true)(const void *what), const void *what);
/* As soon as the server did WHAT, before it does more. */
void run_just_until(const char *what);
bool did(const void *what);
bool is_down(const void *what); /* with this in the reason */
bool is_up(const void *what);

void append(enum event_type type, const struct relation *relation, const char *const *new_row,
            const char *const *old_row);
void append_posts(unsigned count); /* inserts of the ids from 1, on disk */
void flush(void);

#endif
