#include "cli/check.h"
#include "cli/check_parts.h"
#include <errno.h>

const char cli_check_help[] =
    "Examines server, role, plugin, publication, slot, journal, tables and operators. One line a "
    "finding,\n"
    "ok, warning or error, with the SQL or the setting that mends it. Changes nothing. Exit code 0 "
    "when\n"
    "nothing is in the way of the service, else 1.\n"
    "\n"
    "      --json               an array of {level, object, text, mend}\n";

#define COLUMNS_MAX (1 << 20)

bool check_ask(struct check *check, const char *object, const char *sql, int count,
               const char *const *values)
{
    struct error err = {0};
    if (server_query(&check->server, sql, count, values, &err) == 0)
        return true;
    finding_of_error(check->findings, FINDING_ERROR, object, NULL, &err);
    return false;
}

/* What the service cannot know of values is said once for all columns. */
static bool check_values(struct check *check)
{
    if (check->inexact_columns.len == 0 || !check->plugin || strcmp(check->plugin, "wal2json") != 0)
        return true;
    struct str columns = buffer_str(&check->inexact_columns);
    finding(check->findings, FINDING_OK, "values",
            "where they matter, set slot.plugin: pgoutput with a new slot.name",
            "wal2json gives NaN and Infinity as null; of these columns: %.*s%s",
            STR_ARG(str_truncate(columns, 1000)), columns.len > 1000 ? "..." : "");
    return true;
}

bool check_settings(struct check *check, const char *object)
{
    /* A statement that waits is no reason to wait for ever. */
    static const char settings[] =
        "SELECT set_config('default_transaction_read_only', 'on', false),"
        " set_config('statement_timeout', '30s', false)";
    return check_ask(check, object, settings, 0, NULL);
}

static bool check_connection(struct check *check)
{
    struct error err = {0};
    if (server_open(&check->server, check->config, &err) < 0) {
        finding_of_error(check->findings, FINDING_ERROR, "connection", NULL, &err);
        return false;
    }
    return check_settings(check, "connection");
}

static void check_all(struct check *check)
{
    static bool (*const parts[])(struct check *) = {
        check_connection,  check_server,  check_peek,   check_slot,   check_role,   check_plugin,
        check_publication, check_journal, check_tables, check_events, check_values, check_operators,
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!parts[i](check))
            return;
}

static enum cli_exit report(const struct check *check)
{
    if (findings_print(check->findings) < 0)
        return cli_fail(CLI_FAILED,
                        "check: the findings cannot be written as JSON; run it without --json");
    return check->findings->errors == 0 ? CLI_DONE : CLI_FAILED;
}

enum cli_exit cli_check(const struct cli_options *options)
{
    struct config config = {0};
    struct findings findings;
    struct check check = {.config = &config, .findings = &findings};
    struct error err = {0};

    if (config_load(&config, options->config_file, &err) < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    if (findings_init(&findings, options->json) < 0) {
        config_release(&config);
        return cli_fail(CLI_FAILED, "check: no memory for the findings; free some");
    }
    buffer_init(&check.inexact_columns, COLUMNS_MAX);
    check_all(&check);
    enum cli_exit code = report(&check);
    buffer_release(&check.inexact_columns);
    server_close(&check.server);
    findings_release(&findings);
    config_release(&config);
    return code;
}
