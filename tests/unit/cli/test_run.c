/* `walpiper run`, with a daemon that ends at once. */
#include "captured.h"
#include "cli/run.h"
#include "daemon.h"

static int daemon_code;
static unsigned daemon_runs;
static enum log_level daemon_level;

int daemon_run(const struct config *config)
{
    daemon_runs++;
    daemon_level = config->log.level;
    return daemon_code;
}

static enum cli_exit run(struct captured *c, const char *text, struct cli_options options)
{
    char file[] = "/tmp/walpiper-run-XXXXXX";
    int fd = mkstemp(file);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    options.config_file = file;
    daemon_runs = 0;
    capture(c);
    enum cli_exit code = cli_run(&options);
    capture_end(c);
    unlink(file);
    return code;
}

START_TEST(test_exit_code_is_the_daemons)
{
    struct captured c;

    daemon_code = 0;
    ck_assert_int_eq(run(&c, "log: {level: warn}\n", (struct cli_options){0}), CLI_DONE);
    ck_assert_uint_eq(daemon_runs, 1);
    ck_assert_int_eq(daemon_level, LOG_WARN);
    daemon_code = 1;
    ck_assert_int_eq(run(&c, "", (struct cli_options){0}), CLI_FAILED);
}
END_TEST

START_TEST(test_log_level_wins_over_the_file)
{
    struct cli_options options = {.has_log_level = true, .log_level = LOG_TRACE};
    struct captured c;

    daemon_code = 0;
    ck_assert_int_eq(run(&c, "log: {level: warn}\n", options), CLI_DONE);
    ck_assert_int_eq(daemon_level, LOG_TRACE);
}
END_TEST

START_TEST(test_wrong_configuration_is_one_line_and_no_daemon)
{
    struct captured c;

    ck_assert_int_eq(run(&c, "log:\n  level: loud\n", (struct cli_options){0}), CLI_FAILED);
    ck_assert_uint_eq(daemon_runs, 0);
    ck_assert_ptr_nonnull(strstr(c.err, ":2: log.level: unknown word; write one of trace"));
    assert_one_line(c.err);
}
END_TEST

UNIT_SUITE("cli/run", test_exit_code_is_the_daemons, test_log_level_wins_over_the_file,
           test_wrong_configuration_is_one_line_and_no_daemon)
