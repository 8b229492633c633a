#include "base/clock.h"
#include "loop/child.h"
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop loop;
static struct child child;
static bool ended;
static struct error end;

static void on_end(struct child *c, const struct error *why)
{
    ck_assert_int_eq(c->pid, 0);
    ended = true;
    end = why ? *why : (struct error){0};
    loop_stop(&loop);
}

static void setup(unsigned timeout_ms)
{
    ck_assert_int_eq(loop_init(&loop), 0);
    child = (struct child){.loop = &loop, .timeout_ms = timeout_ms, .on_end = on_end};
}

static void start(const char *input, char *const *argv)
{
    struct error err = {0};
    ended = false;
    int rc = child_start(&child, argv, str_from(input), &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert(child.pid != 0 && !ended);
}

static void to_the_end(const char *input, const char *script)
{
    char *const argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t)script, NULL};
    start(input, argv);
    loop_run(&loop);
    ck_assert(ended);
}

static void teardown(void)
{
    child_kill(&child);
    loop_release(&loop);
}

START_TEST(test_it_gets_all_of_its_input_and_its_exit_code_counts)
{
    static char input[200001];
    setup(10000);
    memset(input, 'x', sizeof(input) - 1);
    to_the_end(input, "test $(wc -c) = 200000");
    ck_assert_int_eq(end.code, 0);
    to_the_end("", "test $(wc -c) = 0; exit 3");
    ck_assert_str_eq(end.text, "ended with exit code 3");
    teardown();
}
END_TEST

START_TEST(test_the_first_line_of_its_complaints_is_kept)
{
    setup(10000);
    to_the_end("", "echo no; echo one >&2; echo two >&2");
    ck_assert_int_eq(end.code, 0);
    ck_assert_str_eq(child.line, "one");
    to_the_end("", "printf 'no line' >&2; exit 1");
    ck_assert_str_eq(end.text, "ended with exit code 1: no line");
    to_the_end("", ":");
    ck_assert_str_eq(child.line, "");
    teardown();
}
END_TEST

START_TEST(test_a_long_line_is_cut_and_a_flood_does_not_stop_it)
{
    setup(10000);
    to_the_end("", "head -c 1000000 /dev/zero | tr '\\0' y >&2; exit 2");
    ck_assert_uint_eq(strlen(child.line), CHILD_LINE_MAX - 1);
    ck_assert(strstr(end.text, "ended with exit code 2: yyy"));
    teardown();
}
END_TEST

START_TEST(test_who_takes_too_long_is_killed_with_all_it_started)
{
    setup(200);
    to_the_end("", "sleep 100 & echo $! >&2; wait");
    ck_assert_int_eq(end.code, -ETIMEDOUT);
    pid_t sleeper = (pid_t)strtol(child.line, NULL, 10);
    ck_assert_int_gt(sleeper, 1);
    for (int i = 0; i < 500 && kill(sleeper, 0) == 0; i++)
        usleep(10000); /* until whoever adopted it has noticed */
    char state[64], path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)sleeper);
    FILE *stat = fopen(path, "r");
    ck_assert(!stat || (fgets(state, sizeof(state), stat) && strstr(state, ") Z")));
    if (stat)
        fclose(stat);
    teardown();
}
END_TEST

/* As the service is when it has opened all it needs. */
START_TEST(test_it_starts_clean)
{
    setup(10000);
    int open_for_all = dup(STDOUT_FILENO);
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    signal(SIGPIPE, SIG_IGN);
    to_the_end("", "exec 1>&2; cd /proc/self/fd && echo *");
    /* The last one is the directory. */
    ck_assert_str_eq(child.line, "0 1 2 3");
    /* Without a shell, which would begin with a clean mask of its own. */
    char *const look[] = {
        (char *)(uintptr_t) "awk",
        (char *)(uintptr_t) "/^SigBlk/ { print > \"/dev/stderr\" }",
        (char *)(uintptr_t) "/proc/self/status",
        NULL,
    };
    start("", look);
    loop_run(&loop);
    ck_assert_str_eq(child.line, "SigBlk:\t0000000000000000");
    to_the_end("", "grep -h SigIgn /proc/self/status >&2");
    uint64_t ignored = strtoull(child.line + strlen("SigIgn:\t"), NULL, 16);
    ck_assert_uint_eq(ignored & (UINT64_C(1) << (SIGPIPE - 1)), 0);
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    close(open_for_all);
    teardown();
}
END_TEST

START_TEST(test_a_signal_is_told)
{
    setup(10000);
    to_the_end("", "kill -TERM $$");
    ck_assert_str_eq(end.text, "was ended by signal 15");
    teardown();
}
END_TEST

START_TEST(test_no_program_is_an_error_at_once)
{
    char *const argv[] = {(char *)(uintptr_t) "/no/such", NULL};
    struct error err = {0};
    setup(10000);
    ck_assert_int_eq(child_start(&child, argv, STR(""), &err), -ENOENT);
    ck_assert_str_eq(err.text, "cannot be started: No such file or directory");
    ck_assert_int_eq(child.pid, 0);
    teardown();
}
END_TEST

START_TEST(test_killed_it_says_nothing_more_and_can_begin_again)
{
    char *const argv[] = {(char *)(uintptr_t) "sleep", (char *)(uintptr_t) "100", NULL};
    setup(10000);
    start("", argv);
    pid_t pid = child.pid;
    child_kill(&child);
    child_kill(&child);
    ck_assert_int_eq(kill(pid, 0), -1);
    ck_assert(!ended);
    to_the_end("", "exit 0");
    ck_assert_int_eq(end.code, 0);
    teardown();
}
END_TEST

START_TEST(test_what_cannot_be_started_is_known_before)
{
    char file[] = "/tmp/walpiper-child-XXXXXX", text[200];
    struct error err = {0};
    int fd = mkstemp(file);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(child_check("sh", &err), 0);
    ck_assert_int_eq(child_check("/bin/sh", &err), 0);
    ck_assert_int_eq(child_check("no-such-program", &err), -ENOENT);
    ck_assert_str_eq(err.text,
                     "no-such-program is in no directory of PATH; install it, or write its "
                     "path");
    ck_assert_int_eq(child_check("/no/such", &err), -ENOENT);
    ck_assert_str_eq(err.text, "/no/such does not exist; correct the path");
    ck_assert_int_eq(child_check(file, &err), -EACCES);
    snprintf(text, sizeof(text), "%s cannot be executed; chmod +x it, or name a program", file);
    ck_assert_str_eq(err.text, text);
    ck_assert_int_eq(child_check("/tmp", &err), -EACCES);
    chmod(file, 0755);
    ck_assert_int_eq(child_check(file, &err), 0);
    unlink(file);
}
END_TEST

UNIT_SUITE("loop/child", test_it_gets_all_of_its_input_and_its_exit_code_counts,
           test_the_first_line_of_its_complaints_is_kept,
           test_a_long_line_is_cut_and_a_flood_does_not_stop_it,
           test_who_takes_too_long_is_killed_with_all_it_started, test_it_starts_clean,
           test_a_signal_is_told, test_no_program_is_an_error_at_once,
           test_killed_it_says_nothing_more_and_can_begin_again,
           test_what_cannot_be_started_is_known_before)
