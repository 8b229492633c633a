#include "base/commits.h"
#include "unit.h"
#include <pthread.h>

static struct snapshot parsed(const char *text)
{
    struct snapshot snapshot;
    ck_assert_int_eq(snapshot_parse(&snapshot, str_from(text)), 0);
    return snapshot;
}

/* The LSN of the first that is not seen; 0: all are. */
static uint64_t first_unseen(struct commits *commits, const char *text)
{
    struct snapshot snapshot = parsed(text);
    struct position position = {0};
    bool found = commits_first_unseen(commits, &snapshot, &position);
    ck_assert(found == (position.lsn != 0));
    snapshot_release(&snapshot);
    return position.lsn;
}

static void note(struct commits *commits, uint64_t lsn, uint32_t xid)
{
    commits_note(commits, (struct position){lsn, 1}, xid);
}

/* By their place in the log, whatever their number. */
START_TEST(test_the_first_in_the_log_is_told)
{
    struct commits *commits = commits_new();
    ck_assert_uint_eq(first_unseen(commits, "100:100:"), 0);
    note(commits, 10, 107);
    note(commits, 20, 103);
    note(commits, 30, 105);
    note(commits, 40, 112);
    ck_assert_uint_eq(first_unseen(commits, "113:113:"), 0);
    ck_assert_uint_eq(first_unseen(commits, "103:110:103,105"), 20);
    ck_assert_uint_eq(first_unseen(commits, "105:110:105"), 30);
    ck_assert_uint_eq(first_unseen(commits, "110:110:"), 40);
    ck_assert_uint_eq(first_unseen(commits, "101:102:101"), 10);
    commits_forget(commits);
    ck_assert_uint_eq(first_unseen(commits, "101:102:101"), 0);
    note(commits, 5, 104);
    ck_assert_uint_eq(first_unseen(commits, "101:102:101"), 5);
    commits_free(commits);
    commits_free(NULL);
}
END_TEST

/* The first row of a transaction stands for it, also when the server sends all once more. */
START_TEST(test_what_is_noted_is_not_noted_again)
{
    struct commits *commits = commits_new();
    struct snapshot before = parsed("100:100:");
    struct position position;
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t row = 3; row < 9; row++) {
            commits_note(commits, (struct position){10, row}, 101);
            ck_assert(commits_first_unseen(commits, &before, &position));
            ck_assert_uint_eq(position.ordinal, 3);
            note(commits, 20, 102);
        }
    ck_assert_uint_eq(first_unseen(commits, "101:103:102"), 20);
    snapshot_release(&before);
    commits_free(commits);
}
END_TEST

/* The oldest make room, and those whose number may mean another transaction by now. */
START_TEST(test_old_ones_are_forgotten)
{
    struct commits *commits = commits_new();
    for (uint32_t n = 1; n <= COMMITS_MAX + 3; n++)
        note(commits, n, n);
    ck_assert_uint_eq(first_unseen(commits, "1:1:"), 4);
    note(commits, 100000, 100000 + (1u << 30));
    ck_assert_uint_eq(first_unseen(commits, "5:1073841824:5"), 100000);
    note(commits, 100001, 99999);
    ck_assert_uint_eq(first_unseen(commits, "99999:1073841825:99999"), 100001);
    commits_free(commits);
}
END_TEST

static void *note_many(void *context)
{
    for (uint32_t n = 1; n < 100000; n++)
        note(context, n, n);
    return NULL;
}

/* What another thread has noted so far is told while it goes on. */
START_TEST(test_threads)
{
    struct commits *commits = commits_new();
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, note_many, commits), 0);
    uint64_t last = 0;
    for (int i = 0; i < 200; i++) {
        uint64_t first = first_unseen(commits, "1:1:");
        ck_assert_uint_ge(first, last);
        last = first;
    }
    pthread_join(thread, NULL);
    ck_assert_uint_eq(first_unseen(commits, "1:1:"), 99999 - COMMITS_MAX + 1);
    commits_free(commits);
}
END_TEST

UNIT_SUITE("base/commits", test_the_first_in_the_log_is_told, test_what_is_noted_is_not_noted_again,
           test_old_ones_are_forgotten, test_threads)
