#include "cli/cli.h"
#include "base/error.h"
#include "base/str.h"
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <walpiper/version.h>

#define DEFAULT_CONFIG_FILE "config/walpiper.yaml"

/* Options without a letter, or with one besides: no character has these values. */
enum { LOG_LEVEL = 256, HELP, VERSION, TAKEN };

/* Those that are TAKEN come as they are, a word or a flag, into struct cli_options. */
#define TAKE(name, argument, member, with)                                                         \
    {                                                                                              \
        {name, argument, NULL, TAKEN}, with, offsetof(struct cli_options, member)                  \
    }

static const struct known_option {
    struct option option;
    unsigned taken_with; /* of struct cli_command, 0: every command takes it */
    size_t member;
} known_options[] = {
    {{"config", required_argument, NULL, 'c'}, 0, 0},
    {{"log-level", required_argument, NULL, LOG_LEVEL}, CLI_LOG_LEVEL, 0},
    TAKE("json", no_argument, json, CLI_JSON),
    TAKE("full", no_argument, full, CLI_FULL),
    TAKE("from", required_argument, from, CLI_FROM),
    TAKE("topics", required_argument, topics, CLI_TOKEN),
    TAKE("consumer", required_argument, consumer, CLI_TOKEN),
    TAKE("publish", no_argument, publish, CLI_TOKEN),
    TAKE("ttl", required_argument, ttl, CLI_TOKEN),
    TAKE("lsn", required_argument, lsn, CLI_WAIT),
    TAKE("operator", required_argument, op, CLI_WAIT),
    TAKE("timeout", required_argument, timeout, CLI_WAIT),
    TAKE("limit", required_argument, limit, CLI_OPERATOR),
    TAKE("where", required_argument, where, CLI_OPERATOR),
    TAKE("sample", required_argument, sample, CLI_OPERATOR),
    TAKE("all", no_argument, all, CLI_OPERATOR),
    TAKE("swap", no_argument, swap, CLI_OPERATOR),
    {{"help", no_argument, NULL, HELP}, 0, 0},
    {{"version", no_argument, NULL, VERSION}, 0, 0},
};
enum { OPTIONS = sizeof(known_options) / sizeof(known_options[0]) };

enum cli_exit cli_fail(enum cli_exit code, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "walpiper: %s\n", text);
    return code;
}

static enum cli_exit print_version(void)
{
    printf("walpiper %s\n", WALPIPER_VERSION);
    return CLI_DONE;
}

static enum cli_exit print_commands(const struct cli_command *commands)
{
    printf("walpiper streams the row changes of a PostgreSQL database.\n\n"
           "usage: walpiper COMMAND [options]\n\n");
    for (; commands->name; commands++)
        printf("  %-10s %s\n", commands->name, commands->summary);
    printf("\n'walpiper COMMAND --help' says more about one; --version prints the version.\n");
    return CLI_DONE;
}

static enum cli_exit print_help(const struct cli_command *command)
{
    printf("%s: %s\n\nusage: walpiper %s%s%s [options]\n\n%s"
           "  -c, --config FILE        the configuration (default: " DEFAULT_CONFIG_FILE ")\n"
           "  -h, --help               this text\n"
           "      --version            the version\n",
           command->name, command->summary, command->name, command->arguments ? " " : "",
           command->arguments ? command->arguments : "", command->help);
    return CLI_DONE;
}

static bool read_level(const char *word, struct cli_options *options)
{
    static const char *const words[] = {
        [LOG_TRACE] = "trace", [LOG_DEBUG] = "debug", [LOG_INFO] = "info",
        [LOG_WARN] = "warn",   [LOG_ERROR] = "error",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!str_equal(str_from(words[i]), str_from(word)))
            continue;
        options->has_log_level = true;
        options->log_level = (enum log_level)i;
        return true;
    }
    return false;
}

static void take_option(const struct known_option *known, struct cli_options *options)
{
    void *member = (char *)options + known->member;
    if (known->option.has_arg == no_argument)
        *(bool *)member = true;
    else
        *(const char **)member = optarg;
}

/* A short one may stand among others, "-xc": getopt says its letter. Of a long one it says our
 * value, or 0, and has moved past it. */
static enum cli_exit unknown_option(const struct cli_command *command, char **argv)
{
    char letter[] = {'-', (char)optopt, '\0'};
    bool is_letter = optopt > 0 && optopt < LOG_LEVEL;

    return cli_fail(CLI_MISUSED, "%s: unknown option %s; 'walpiper %s --help' lists them",
                    command->name, is_letter ? letter : argv[optind - 1], command->name);
}

static void options_of(const struct cli_command *command, struct option ret_options[OPTIONS + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct known_option *known = &known_options[i];
        if (known->taken_with != 0 && (known->taken_with & command->options) == 0)
            continue;
        ret_options[count] = known->option;
        if (known->option.val == TAKEN)
            ret_options[count].val += (int)i;
        count++;
    }
    ret_options[count] = (struct option){NULL, 0, NULL, 0};
}

static bool fits(struct str wanted, const char *argument)
{
    if (wanted.data[0] >= 'A' && wanted.data[0] <= 'Z')
        return argument[0] != '\0';
    while (wanted.data) {
        if (str_equal(str_cut(&wanted, '|'), str_from(argument)))
            return true;
    }
    return false;
}

/* The words behind the options, against those that the command wants. */
static enum cli_exit read_arguments(const struct cli_command *command, int argc, char **argv,
                                    struct cli_options *options)
{
    struct str wanted = str_from(command->arguments);
    int at = optind;

    while (wanted.len > 0) {
        struct str word = str_cut(&wanted, ' ');
        if (word.data[0] == '[') {
            at = argc;
            break;
        }
        if (at >= argc)
            return cli_fail(CLI_MISUSED, "%s: %.*s is missing; 'walpiper %s --help'", command->name,
                            STR_ARG(word), command->name);
        if (!fits(word, argv[at]))
            return cli_fail(CLI_MISUSED, "%s: \"%s\" where %.*s is wanted; 'walpiper %s --help'",
                            command->name, argv[at], STR_ARG(word), command->name);
        at++;
    }
    if (at < argc)
        return cli_fail(CLI_MISUSED, "%s: what is %s? 'walpiper %s --help' lists the options",
                        command->name, argv[at], command->name);
    options->arguments = argv + optind;
    options->argument_count = (size_t)(argc - optind);
    return CLI_DONE;
}

/* ARGV[0] is the command's name. */
static enum cli_exit run_command(const struct cli_command *command, int argc, char **argv)
{
    struct option known[OPTIONS + 1];
    struct cli_options options = {.config_file = DEFAULT_CONFIG_FILE};
    int option = 0;

    options_of(command, known);
    optind = 0; /* glibc: from the start, whatever was parsed before */
    opterr = 0; /* the one line on standard error is ours */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there are no threads yet */
    while ((option = getopt_long(argc, argv, ":c:h", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.config_file = optarg;
            break;
        case LOG_LEVEL:
            if (!read_level(optarg, &options))
                return cli_fail(CLI_MISUSED,
                                "%s: --log-level %s: write trace, debug, info, warn or "
                                "error",
                                command->name, optarg);
            break;
        case 'h':
        case HELP:
            return print_help(command);
        case VERSION:
            return print_version();
        case ':':
            return cli_fail(CLI_MISUSED, "%s: %s needs a value; 'walpiper %s --help'",
                            command->name, argv[optind - 1], command->name);
        default:
            if (option < TAKEN)
                return unknown_option(command, argv);
            take_option(&known_options[option - TAKEN], &options);
        }
    }
    enum cli_exit code = read_arguments(command, argc, argv, &options);
    return code == CLI_DONE ? command->run(&options) : code;
}

enum cli_exit cli_main(const struct cli_command *commands, int argc, char **argv)
{
    struct str word = str_from(argc > 1 ? argv[1] : NULL);

    if (word.len == 0)
        return cli_fail(CLI_MISUSED, "no command; 'walpiper --help' lists them");
    if (str_equal(word, STR("--help")) || str_equal(word, STR("-h")) ||
        str_equal(word, STR("help")))
        return print_commands(commands);
    if (str_equal(word, STR("--version")))
        return print_version();
    for (const struct cli_command *command = commands; command->name; command++)
        if (str_equal(word, str_from(command->name)))
            return run_command(command, argc - 1, argv + 1);
    return cli_fail(CLI_MISUSED, "unknown command %s; 'walpiper --help' lists them", argv[1]);
}
