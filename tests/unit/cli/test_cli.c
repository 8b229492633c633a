#include "captured.h"
#include "cli/cli.h"
#include <walpiper/version.h>

static unsigned runs;
static struct cli_options seen;
static char seen_argument[64], seen_config[64], seen_from[64];

static enum cli_exit remember(const struct cli_options *options)
{
    runs++;
    seen = *options;
    snprintf(seen_from, sizeof(seen_from), "%s", options->from ? options->from : "");
    snprintf(seen_config, sizeof(seen_config), "%s", options->config_file);
    /* The words live as long as the call. */
    snprintf(seen_argument, sizeof(seen_argument), "%s",
             options->arguments && options->arguments[0] ? options->arguments[0] : "");
    return CLI_DONE;
}

static enum cli_exit fail_always(const struct cli_options *options)
{
    return cli_fail(CLI_FAILED, "%s: broken; mend it", options->config_file);
}

static const struct cli_command commands[] = {
    {"run", "runs", "      --special   more\n", remember, CLI_LOG_LEVEL, NULL},
    {"fail", "fails", "", fail_always, 0, NULL},
    {"look", "looks", "", remember, CLI_JSON, NULL},
    {"mark", "marks", "", remember, CLI_FULL, "TABLE"},
    {"slot", "slots", "", remember, 0, "drop NAME"},
    {"choose", "chooses", "", remember, 0, "info|verify"},
    {"tail", "tails", "", remember, CLI_FROM, "[TOPIC...]"},
    {"verify", "verifies", "", remember, CLI_OPERATOR, NULL},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

/* WORDS are the arguments, parted by single spaces. */
static enum cli_exit call(struct captured *c, const char *words)
{
    char text[256];
    char *argv[16] = {(char *)(uintptr_t) "walpiper"};
    int argc = 1;

    snprintf(text, sizeof(text), "%s", words);
    for (char *at = text; at && *at; argc++) {
        argv[argc] = at;
        at = strchr(at, ' ');
        if (at)
            *at++ = '\0';
    }
    runs = 0;
    seen = (struct cli_options){0};
    capture(c);
    enum cli_exit code = cli_main(commands, argc, argv);
    capture_end(c);
    return code;
}

START_TEST(test_options_reach_the_command)
{
    struct captured c;

    ck_assert_int_eq(call(&c, "run"), CLI_DONE);
    ck_assert_uint_eq(runs, 1);
    ck_assert_str_eq(seen.config_file, "config/walpiper.yaml");
    ck_assert(!seen.has_log_level);
    ck_assert_int_eq(call(&c, "run -c a.yaml --log-level trace"), CLI_DONE);
    ck_assert(seen.has_log_level);
    ck_assert_int_eq(seen.log_level, LOG_TRACE);
    ck_assert_int_eq(call(&c, "run --log-level=error --config=b.yaml"), CLI_DONE);
    ck_assert_int_eq(seen.log_level, LOG_ERROR);
    ck_assert_str_eq(c.out, "");
    ck_assert_str_eq(c.err, "");
}
END_TEST

START_TEST(test_words_and_flags_are_taken_into_their_own_place)
{
    struct captured c;

    ck_assert_int_eq(call(&c, "verify --where a --limit 3 --sample=4 --all"), CLI_DONE);
    ck_assert(seen.all && !seen.swap && !seen.json && !seen.publish);
    ck_assert_ptr_nonnull(seen.where);
    ck_assert_ptr_nonnull(seen.limit);
    ck_assert_ptr_nonnull(seen.sample);
    ck_assert_ptr_null(seen.from);
    ck_assert_int_eq(call(&c, "verify --swap"), CLI_DONE);
    ck_assert(seen.swap && !seen.all);
    ck_assert_ptr_null(seen.where);
    ck_assert_int_eq(call(&c, "verify --all=no"), CLI_MISUSED);
    ck_assert_int_eq(call(&c, "verify --where"), CLI_MISUSED);
}
END_TEST

START_TEST(test_wrong_usage_is_2_and_one_line)
{
    static const char *const words[] = {
        "",
        "bogus",
        "check",
        "bogus|tail",
        "-c a.yaml",
        "run -x",
        "run --bogus",
        "run -c",
        "run --config",
        "run extra",
        "run --log-level loud",
        "run --log-level",
        "run -- extra",
        "Run",
        "run --json",
        "look --full",
        "look --log-level info",
        "look --json=yes",
        "mark",
        "mark a b",
        "slot",
        "slot drop",
        "slot keep a",
        "slot drop a b",
        "choose",
        "choose info|verify",
        "choose inf",
        "choose info verify",
        "tail --from",
        "run --from x",
    };
    struct captured c;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        ck_assert_msg(call(&c, words[i]) == CLI_MISUSED, "walpiper %s", words[i]);
        ck_assert_uint_eq(runs, 0);
        ck_assert_str_eq(c.out, "");
        ck_assert_msg(strncmp(c.err, "walpiper: ", strlen("walpiper: ")) == 0, "%s", c.err);
        assert_one_line(c.err);
    }
}
END_TEST

START_TEST(test_wrong_options_are_named)
{
    struct captured c;

    call(&c, "run -xc a.yaml");
    ck_assert_ptr_nonnull(strstr(c.err, "unknown option -x;"));
    call(&c, "run --bogus=1");
    ck_assert_ptr_nonnull(strstr(c.err, "unknown option --bogus=1;"));
    call(&c, "run --help=1");
    ck_assert_ptr_nonnull(strstr(c.err, "unknown option --help=1;"));
    call(&c, "run --config");
    ck_assert_ptr_nonnull(strstr(c.err, "--config needs a value;"));
}
END_TEST

START_TEST(test_arguments_reach_the_command)
{
    struct captured c;

    ck_assert_int_eq(call(&c, "look --json"), CLI_DONE);
    ck_assert(seen.json && !seen.full);
    ck_assert_int_eq(call(&c, "mark a.b"), CLI_DONE);
    ck_assert(!seen.json && !seen.full);
    ck_assert_str_eq(seen_argument, "a.b");
    ck_assert_int_eq(call(&c, "mark --full -- -b"), CLI_DONE);
    ck_assert(seen.full);
    ck_assert_str_eq(seen_argument, "-b");
    ck_assert_int_eq(call(&c, "mark a --full -c x"), CLI_DONE);
    ck_assert(seen.full);
    ck_assert_str_eq(seen_argument, "a");
    ck_assert_str_eq(seen_config, "x");
    ck_assert_int_eq(call(&c, "slot drop it"), CLI_DONE);
    ck_assert_str_eq(seen_argument, "drop");
    ck_assert_int_eq(call(&c, "choose info"), CLI_DONE);
    ck_assert_str_eq(seen_argument, "info");
    ck_assert_int_eq(call(&c, "choose verify"), CLI_DONE);
    ck_assert_str_eq(seen_argument, "verify");
    ck_assert_int_eq(call(&c, "tail"), CLI_DONE);
    ck_assert_uint_eq(seen.argument_count, 0);
    ck_assert_ptr_null(seen.from);
    ck_assert_int_eq(call(&c, "tail a --from earliest b c"), CLI_DONE);
    ck_assert_uint_eq(seen.argument_count, 3);
    ck_assert_str_eq(seen_argument, "a");
    ck_assert_str_eq(seen_from, "earliest");
    call(&c, "mark --help");
    ck_assert_ptr_nonnull(strstr(c.out, "usage: walpiper mark TABLE [options]"));
}
END_TEST

START_TEST(test_missing_and_wrong_words_are_named)
{
    struct captured c;

    call(&c, "mark");
    ck_assert_ptr_nonnull(strstr(c.err, "mark: TABLE is missing;"));
    call(&c, "slot keep it");
    ck_assert_ptr_nonnull(strstr(c.err, "slot: \"keep\" where drop is wanted;"));
    call(&c, "mark a b");
    ck_assert_ptr_nonnull(strstr(c.err, "mark: what is b?"));
    call(&c, "run --full");
    ck_assert_ptr_nonnull(strstr(c.err, "unknown option --full;"));
}
END_TEST

START_TEST(test_help_and_version_go_to_standard_output)
{
    struct captured c;

    ck_assert_int_eq(call(&c, "--version"), CLI_DONE);
    ck_assert_str_eq(c.out, "walpiper " WALPIPER_VERSION "\n");
    ck_assert_int_eq(call(&c, "run --version"), CLI_DONE);
    ck_assert_str_eq(c.out, "walpiper " WALPIPER_VERSION "\n");
    ck_assert_int_eq(call(&c, "--help"), CLI_DONE);
    ck_assert_ptr_nonnull(strstr(c.out, "  run        runs\n"));
    ck_assert_ptr_nonnull(strstr(c.out, "  fail       fails\n"));
    ck_assert_int_eq(call(&c, "run --help"), CLI_DONE);
    ck_assert_ptr_nonnull(strstr(c.out, "usage: walpiper run [options]"));
    ck_assert_ptr_nonnull(strstr(c.out, "--special"));
    ck_assert_ptr_nonnull(strstr(c.out, "--config FILE"));
    ck_assert_str_eq(c.err, "");
    ck_assert_uint_eq(runs, 0);
}
END_TEST

START_TEST(test_failure_is_1_and_one_line)
{
    struct captured c;

    ck_assert_int_eq(call(&c, "fail -c x"), CLI_FAILED);
    ck_assert_str_eq(c.err, "walpiper: x: broken; mend it\n");
    ck_assert_str_eq(c.out, "");
}
END_TEST

UNIT_SUITE("cli/cli", test_options_reach_the_command,
           test_words_and_flags_are_taken_into_their_own_place, test_wrong_usage_is_2_and_one_line,
           test_wrong_options_are_named, test_arguments_reach_the_command,
           test_missing_and_wrong_words_are_named, test_help_and_version_go_to_standard_output,
           test_failure_is_1_and_one_line)
