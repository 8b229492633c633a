/* cli/cli.h - the command line: finds the command, reads its options, says what was wrong with
 * them. Every command takes -c FILE, --help and --version. Exit codes: 0 done, 1 failed, 2 wrong
 * usage; a failure is one line on standard error. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/log.h"
#include <stdbool.h>
#include <stddef.h>

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_MISUSED = 2 };

struct cli_options {
    const char *config_file;
    bool has_log_level; /* --log-level was said: it wins over the file */
    enum log_level log_level;
    bool json;
    bool full;
    const char *from; /* NULL: not said; so are the next ones */
    const char *topics, *consumer, *ttl;
    const char *lsn, *op, *timeout;
    const char *limit, *where, *sample;
    bool publish, all, swap;
    char *const *arguments;
    size_t argument_count; /* as many as the command takes */
};

/* Options that not every command takes. */
enum {
    CLI_LOG_LEVEL = 1,
    CLI_JSON = 2,
    CLI_FULL = 4,
    CLI_FROM = 8,
    CLI_TOKEN = 16,
    CLI_WAIT = 32,
    CLI_OPERATOR = 64,
};

struct cli_command {
    const char *name;
    const char *summary; /* for the list of commands */
    const char *help;    /* the lines below "usage: walpiper NAME [options]" */
    enum cli_exit (*run)(const struct cli_options *options);
    unsigned options;
    const char
        *arguments; /* the words that must follow: "TABLE" is any, "drop" is itself,
                       "info|verify" one of them; last "[TOPIC...]": any number. NULL: none */
};

/* Runs the command that ARGV names, one of COMMANDS (ends with a name that is NULL). */
enum cli_exit cli_main(const struct cli_command *commands, int argc, char **argv);

/* "walpiper: <formatted>" on standard error; returns CODE. */
enum cli_exit cli_fail(enum cli_exit code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
