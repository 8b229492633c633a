/* The power is cut at every single write and sync of a process that fills a journal: what it had
 * said to be durable is there afterwards, what is there is whole, and the journal goes on. */
#include "base/cleanup.h"
#include "faults/script.h"
#include "faults/steering.h"
#include "fixture.h"
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>

enum { LAST = 24, RUNS_MAX = 400, MANY_CUTS = 40 };

struct scene {
    char path[TEMP_DIR_MAX];
    char journal[TEMP_DIR_MAX + 16];
    char steering_path[TEMP_DIR_MAX + 16];
    volatile uint64_t *steering;
    uint64_t retention;
    const char *program;
};

static void scene_init(struct scene *s, uint64_t retention)
{
    temp_dir_make(s->path, "powercut");
    s->retention = retention;
    s->program = APPENDER;
    snprintf(s->journal, sizeof(s->journal), "%s/journal", s->path);
    snprintf(s->steering_path, sizeof(s->steering_path), "%s/steering", s->path);
    int fd = open(s->steering_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, STEERING_BYTES), 0);
    s->steering = mmap(NULL, STEERING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne((void *)(uintptr_t)s->steering, MAP_FAILED);
    close(fd);
}

static void scene_release(struct scene *s)
{
    munmap((void *)(uintptr_t)s->steering, STEERING_BYTES);
    temp_dir_remove(s->path);
}

/* --- one run of the appender ------------------------------------------------------------- */

static pid_t start(const struct scene *s, uint64_t last, int output)
{
    char *library cleanup_free = NULL;
    char *steering cleanup_free = NULL;
    char *below cleanup_free = NULL;
    char to[24];
    char retention[24];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    ck_assert_int_gt(asprintf(&library, "LD_PRELOAD=%s", FAULTS_LIBRARY), 0);
    ck_assert_int_gt(asprintf(&steering, "FAULTS_STEERING=%s", s->steering_path), 0);
    ck_assert_int_gt(asprintf(&below, "FAULTS_BELOW=%s", s->journal), 0);
    char asan[] = "ASAN_OPTIONS=verify_asan_link_order=0";
    char tsan[] = "TSAN_OPTIONS=halt_on_error=1";
    char *env[] = {library, steering, below, asan, tsan, NULL};
    snprintf(to, sizeof(to), "%llu", (unsigned long long)last);
    snprintf(retention, sizeof(retention), "%llu", (unsigned long long)s->retention);
    bool appends = strcmp(s->program, APPENDER) == 0;
    char *argv[] = {(char *)(uintptr_t)s->program, (char *)(uintptr_t)s->journal,
                    appends ? to : NULL, retention, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    ck_assert_int_eq(posix_spawn(&pid, s->program, &actions, NULL, argv, env), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* What it has said to be durable: the newest such line. */
static uint64_t read_durable(int fd)
{
    FILE *lines = fdopen(fd, "r");
    unsigned long long durable = 0;
    unsigned long long next;
    ck_assert_ptr_nonnull(lines);
    while (fscanf(lines, "durable %llu ", &next) == 1) {
        ck_assert_uint_ge(next, durable);
        durable = next;
    }
    ck_assert_int_ne(feof(lines), 0);
    fclose(lines);
    return durable;
}

/* Cuts the power at call CUT_AT (0: not). True when it came to that. RET_DURABLE only grows. */
static bool run(struct scene *s, uint64_t last, uint64_t cut_at, uint64_t seed,
                uint64_t *ret_durable)
{
    int ends[2];
    int status;
    s->steering[STEERING_CUT_AT] = cut_at;
    s->steering[STEERING_SEED] = seed;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = start(s, last, ends[1]);
    close(ends[1]);
    uint64_t durable = read_durable(ends[0]);
    *ret_durable = durable > *ret_durable ? durable : *ret_durable;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    bool cut = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    bool refused = s->steering[STEERING_FAILED] != 0 && WEXITSTATUS(status) == EX_IOERR;
    ck_assert_msg(cut || (WIFEXITED(status) && (refused || WEXITSTATUS(status) == 0)),
                  "cut at %llu, seed %llu: the appender ended with %x", (unsigned long long)cut_at,
                  (unsigned long long)seed, (unsigned)status);
    ck_assert_int_eq(cut, s->steering[STEERING_UNDONE] != 0);
    return cut;
}

/* --- what is there afterwards ------------------------------------------------------------ */

static struct position next_position(struct position position)
{
    return position.ordinal < script_count(position.lsn)
               ? (struct position){position.lsn, position.ordinal + 1}
               : (struct position){position.lsn + 1, 1};
}

static void check_tag(struct journal *journal, struct position position)
{
    int64_t tag;
    struct position found;
    if (!script_tag(position, &tag))
        return;
    ck_assert(journal_find_tag(journal, tag, &found));
    ck_assert_int_eq(position_compare(found, position), 0);
}

/* One record after the other, none missing, each as it was appended. Returns the last. */
static struct position check_records(struct journal *journal, struct position oldest)
{
    struct error err = {0};
    struct journal_cursor *cursor;
    struct journal_entry entry;
    char text[SCRIPT_BYTES_MAX];
    struct position last = {oldest.lsn, oldest.ordinal - 1};
    int rc = journal_cursor_open(journal, &cursor, last, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    while ((rc = journal_cursor_next(cursor, &entry)) == 1) {
        struct position expected =
            position_compare(last, oldest) < 0 ? oldest : next_position(last);
        struct str bytes = script_record(expected, text);
        ck_assert_int_eq(position_compare(entry.position, expected), 0);
        ck_assert_uint_eq(entry.bytes.len, bytes.len);
        ck_assert_mem_eq(entry.bytes.data, bytes.data, bytes.len);
        check_tag(journal, expected);
        last = expected;
    }
    ck_assert_int_eq(rc, 0);
    journal_cursor_close(cursor);
    return last;
}

/* DURABLE is what was said of it before the cut. */
static void check_journal(const struct scene *s, uint64_t durable)
{
    const struct journal_options options = {
        .path = s->journal, .ring_bytes = 1 << 20, .batch_bytes = 1 << 20, .ahead_bytes = 1 << 20};
    struct error err = {0};
    struct journal *journal;
    struct position oldest;
    struct position newest;
    int rc = journal_open(&journal, &options, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    uint64_t mark = journal_durable_lsn(journal);
    ck_assert_uint_ge(mark, durable);
    bool filled = journal_bounds(journal, &oldest, &newest);
    if (filled) {
        struct position last = check_records(journal, oldest);
        ck_assert_int_eq(position_compare(last, newest), 0);
        ck_assert(s->retention != 0 || (oldest.lsn == 1 && oldest.ordinal == 1));
    }
    ck_assert(newest.lsn > mark ||
              (newest.lsn == mark && (mark == 0 || newest.ordinal == script_count(mark))));
    journal_close(journal);
}

/* --- the tests --------------------------------------------------------------------------- */

/* A new journal for each, so that the first start is cut as well. */
static void cut_everywhere(uint64_t retention)
{
    bool cut = true;
    for (uint64_t at = 1; cut; at++) {
        struct scene s;
        uint64_t durable = 0;
        ck_assert_uint_lt(at, RUNS_MAX);
        scene_init(&s, retention);
        cut = run(&s, LAST, at, at * 31, &durable);
        check_journal(&s, durable);
        ck_assert(!run(&s, LAST, 0, 0, &durable));
        ck_assert_uint_eq(durable, LAST);
        check_journal(&s, LAST);
        ck_assert(cut || at > LAST);
        scene_release(&s);
    }
}

START_TEST(a_power_cut_at_any_call_loses_nothing_that_was_durable)
{
    cut_everywhere(0);
}
END_TEST

START_TEST(a_power_cut_at_any_call_while_retention_trims_loses_nothing_that_it_keeps)
{
    cut_everywhere(48 << 10);
}
END_TEST

/* Pages are used again, and what was half done lies about. */
START_TEST(a_journal_survives_one_power_cut_after_the_other)
{
    struct scene s;
    uint64_t durable = 0;
    unsigned cuts = 0;
    scene_init(&s, 64 << 10);
    for (uint64_t round = 1; cuts < MANY_CUTS; round++) {
        ck_assert_uint_lt(round, RUNS_MAX);
        uint64_t at = 1 + round * 2654435761 % 60;
        cuts += run(&s, durable + LAST, at, round, &durable);
        check_journal(&s, durable);
    }
    scene_release(&s);
}
END_TEST

static uint64_t pick(uint64_t round, uint64_t from, uint64_t count)
{
    return from + (round * UINT64_C(0x9e3779b97f4a7c15) >> 40) % count;
}

/* Of what a failed sync was about the disk may have nothing, or all; and then the power goes too.
 */
static void fail_syncs(enum steering_sync how, unsigned rounds)
{
    struct scene s;
    uint64_t durable = 0;
    unsigned failures = 0;
    scene_init(&s, 64 << 10);
    s.steering[STEERING_SYNC] = how;
    for (uint64_t round = 1; round <= rounds; round++) {
        s.steering[STEERING_SYNC_FROM] = pick(round, 12, 24);
        s.steering[STEERING_SYNC_CALLS] = pick(round * 3, 1, 20);
        run(&s, durable + LAST,
            s.steering[STEERING_SYNC_FROM] + s.steering[STEERING_SYNC_CALLS] +
                pick(round * 7, 0, 8),
            round, &durable);
        failures += s.steering[STEERING_FAILED] != 0;
        check_journal(&s, durable);
    }
    ck_assert_uint_gt(failures, rounds / 2);
    s.steering[STEERING_SYNC] = SYNC_WELL;
    run(&s, durable + LAST, 0, 0, &durable);
    check_journal(&s, durable);
    scene_release(&s);
}

START_TEST(a_sync_that_failed_and_wrote_nothing_is_not_believed)
{
    fail_syncs(SYNC_LOST, MANY_CUTS);
}
END_TEST

START_TEST(a_sync_that_failed_and_whose_pages_are_gone_is_not_believed)
{
    fail_syncs(SYNC_DROPPED, MANY_CUTS);
}
END_TEST

START_TEST(syncs_that_failed_and_may_have_written_all_the_same_harm_nothing)
{
    fail_syncs(SYNC_ANY, MANY_CUTS);
}
END_TEST

/* What is read is what was written for its place, although some are missing. */
static void check_whole(const struct scene *s)
{
    const struct journal_options options = {
        .path = s->journal, .ring_bytes = 1 << 20, .batch_bytes = 1 << 20, .ahead_bytes = 1 << 20};
    struct error err = {0};
    struct journal *journal;
    struct journal_cursor *cursor;
    struct journal_entry entry;
    char text[SCRIPT_BYTES_MAX];
    int rc = journal_open(&journal, &options, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_int_eq(journal_cursor_open(journal, &cursor, (struct position){0}, &err), 0);
    while ((rc = journal_cursor_next(cursor, &entry)) == 1) {
        struct str bytes = script_record(entry.position, text);
        ck_assert_uint_eq(entry.bytes.len, bytes.len);
        ck_assert_mem_eq(entry.bytes.data, bytes.data, bytes.len);
    }
    ck_assert_int_eq(rc, 0);
    journal_cursor_close(cursor);
    journal_close(journal);
}

/* The commit that failed is on disk, in memory it is undone; what comes next takes its pages. */
START_TEST(what_follows_a_failed_commit_is_not_written_over_it)
{
    for (uint64_t fail_at = 20; fail_at < 32; fail_at++)
        for (uint64_t cut_at = fail_at + 2; cut_at < fail_at + 10; cut_at++) {
            struct scene s;
            uint64_t durable = 0;
            scene_init(&s, 0);
            s.program = OVERWRITER;
            s.steering[STEERING_SYNC] = SYNC_REACHED;
            s.steering[STEERING_SYNC_FROM] = fail_at;
            s.steering[STEERING_SYNC_CALLS] = 1;
            run(&s, 0, cut_at, fail_at, &durable);
            check_whole(&s);
            scene_release(&s);
        }
}
END_TEST

UNIT_SUITE("journal/powercut", what_follows_a_failed_commit_is_not_written_over_it,
           a_power_cut_at_any_call_loses_nothing_that_was_durable,
           a_power_cut_at_any_call_while_retention_trims_loses_nothing_that_it_keeps,
           a_journal_survives_one_power_cut_after_the_other,
           a_sync_that_failed_and_wrote_nothing_is_not_believed,
           a_sync_that_failed_and_whose_pages_are_gone_is_not_believed,
           syncs_that_failed_and_may_have_written_all_the_same_harm_nothing)
