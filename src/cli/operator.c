#include "cli/operator.h"
#include "cli/operator_call.h"
#include "operator/definition.h"
#include "operator/state_sql.h"
#include "pg/state_text.h"
#include <errno.h>

const char cli_operator_help[] =
    "list: a line for each operator: state, applied position, WAL that was written since, parked "
    "ids,\n"
    "      rebuild.\n"
    "show NAME: all of it, and the parked ids with their errors, the newest first.\n"
    "      --limit N            so many of them (default: 50)\n"
    "retry NAME [ID...]: parked ids, or all of them, are tried now.\n"
    "skip NAME [ID...]: parked ids, or all of them, are given up until an event touches them.\n"
    "pause NAME, resume NAME: begins nothing new; goes on, also when it has halted.\n"
    "rebuild NAME: computes every id anew, while live events go on.\n"
    "      --where CONDITION    those for which it holds: SQL on the columns of target_id\n"
    "      --swap               in a new table, whose rows replace the old ones at once\n"
    "verify NAME: computes ids anew in transactions that are rolled back, and prints those whose "
    "row\n"
    "      is wrong. Exit 0 when none is, else 1.\n"
    "      --sample N           so many ids, by chance (default: 1000)\n"
    "      --all                every id\n"
    "      --where CONDITION    of those for which it holds\n"
    "      --json               of list, show and verify: one JSON object\n"
    "An id of several columns is a JSON array of texts, as in '[\"1\",\"7\"]'. A running service "
    "obeys\n"
    "within a second, wherever it runs.\n"
    "\n";

#define LIMIT_MAX 100000
#define SAMPLE_MAX 1000000000

/* Options by verb. */
enum { JSON = 1, LIMIT = 2, WHERE = 4, SAMPLE = 8, ALL = 16, SWAP = 32 };

struct verb {
    const char *name;
    bool names, lists_ids; /* what follows it: NAME, ID... */
    unsigned options;
    enum cli_exit (*run)(struct operator_call *call, struct error *err);
};

static const struct verb verbs[] = {
    {"list", false, false, JSON, operator_list},
    {"show", true, false, JSON | LIMIT, operator_show},
    {"retry", true, true, 0, operator_retry},
    {"skip", true, true, 0, operator_skip},
    {"pause", true, false, 0, operator_pause},
    {"resume", true, false, 0, operator_resume},
    {"rebuild", true, false, WHERE | SWAP, operator_rebuild},
    {"verify", true, false, JSON | WHERE | SAMPLE | ALL, operator_verify},
};

/* --- what was written ------------------------------------------------------------------------ */

/* One of those that cli_main() lets through. */
static const struct verb *verb_of(const struct cli_options *options)
{
    const struct verb *verb = verbs;
    while (strcmp(verb->name, options->arguments[0]) != 0)
        verb++;
    return verb;
}

/* The first option that VERB does not take; NULL: none. */
static const char *wrong_option(const struct verb *verb, const struct cli_options *options)
{
    const struct {
        const char *name;
        unsigned bit;
        bool said;
    } known[] = {
        {"--json", JSON, options->json},    {"--limit", LIMIT, options->limit},
        {"--where", WHERE, options->where}, {"--sample", SAMPLE, options->sample},
        {"--all", ALL, options->all},       {"--swap", SWAP, options->swap},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].said && !(verb->options & known[i].bit))
            return known[i].name;
    return NULL;
}

static enum cli_exit read_words(const struct verb *verb, const struct cli_options *options)
{
    static const char help[] = "'walpiper operator --help'";
    size_t words = options->argument_count - 1;
    const char *option = wrong_option(verb, options);

    if (option)
        return cli_fail(CLI_MISUSED, "operator %s: does not take %s; %s", verb->name, option, help);
    if (options->all && options->sample)
        return cli_fail(CLI_MISUSED, "operator verify: --all or --sample, not both; %s", help);
    if (options->swap && options->where)
        return cli_fail(CLI_MISUSED, "operator rebuild: --swap or --where, not both; %s", help);
    if (verb->names && words == 0)
        return cli_fail(CLI_MISUSED, "operator %s: NAME is missing; %s", verb->name, help);
    if (words > (verb->names ? 1 : 0) && !verb->lists_ids)
        return cli_fail(CLI_MISUSED, "operator %s: what is %s? %s", verb->name,
                        options->arguments[verb->names ? 2 : 1], help);
    return CLI_DONE;
}

/* The number from 1 to MAX of an option; *NUMBER stays as it is when it was not said. */
static bool read_number(const char *text, int64_t max, int64_t *number)
{
    int64_t value;
    if (!text)
        return true;
    if (str_to_int64(str_from(text), &value) < 0 || value < 1 || value > max)
        return false;
    *number = value;
    return true;
}

static enum cli_exit read_numbers(struct operator_call *call)
{
    const struct cli_options *options = call->options;
    call->limit = 50;
    call->sample = 1000;
    if (!read_number(options->limit, LIMIT_MAX, &call->limit))
        return cli_fail(CLI_MISUSED, "operator: --limit %s: write a number from 1 to %d",
                        options->limit, LIMIT_MAX);
    if (!read_number(options->sample, SAMPLE_MAX, &call->sample))
        return cli_fail(CLI_MISUSED, "operator: --sample %s: write a number from 1 to %d",
                        options->sample, SAMPLE_MAX);
    return CLI_DONE;
}

/* --- what was configured --------------------------------------------------------------------- */

static int find_operator(struct operator_call *call, const char *name, struct error *err)
{
    const struct config *config = call->config;
    char names[512] = "";
    size_t len = 0;
    for (size_t i = 0; i < config->operator_count; i++) {
        if (strcmp(config->operators[i].name, name) == 0) {
            call->op = &config->operators[i];
            return 0;
        }
        if (len < sizeof(names))
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i == 0 ? "" : ", ",
                                    config->operators[i].name);
    }
    return error_set(err, -ENOENT, "operator %s: is not configured in %s; it has %s", name,
                     config->file, names);
}

static int read_config(struct operator_call *call, const struct verb *verb, struct error *err)
{
    const struct config *config = call->config;
    char *const *words = call->options->arguments;
    if (config->operator_count == 0)
        return error_set(err, -ENOENT, "operators: none is configured in %s; fill operators",
                         config->file);
    int rc = definition_check(config->operators, config->operator_count, err);
    if (rc < 0 || !verb->names)
        return rc;
    call->ids = words + 2;
    call->id_count = call->options->argument_count - 2;
    return find_operator(call, words[1], err);
}

/* --- the server ------------------------------------------------------------------------------- */

int operator_call_query(struct operator_call *call, const char *sql, int count,
                        const char *const *values, struct error *err)
{
    struct buffer text;
    buffer_init(&text, OPERATOR_SQL_MAX);
    pg_state_text(&text, call->config->state_schema, sql);
    int rc = buffer_append_char(&text, '\0');
    if (rc == 0)
        rc = server_query(&call->server, text.data, count, values, err);
    else
        error_set(err, rc, "no memory for a statement");
    buffer_release(&text);
    if (rc < 0 && strcmp(err->sqlstate, "42501") == 0)
        error_set(err, -EPERM, "%s; GRANT it to role %s, as sql/state.sql says", err->text,
                  PQuser(call->server.pg));
    return rc;
}

static int look_for_tables(struct operator_call *call, struct error *err)
{
    static const char sql[] =
        "SELECT to_regnamespace(quote_ident($1)) IS NOT NULL,"
        " obj_description(to_regnamespace(quote_ident($1)), 'pg_namespace') = $2";
    const char *schema = call->config->state_schema;
    int rc = server_query(&call->server, sql, 2, (const char *[]){schema, STATE_SQL_VERSION}, err);
    if (rc < 0)
        return error_prefix(err, "schema %s", schema);
    if (!server_true(&call->server, 0, 0))
        return error_set(err, -ENOENT,
                         "schema %s: does not exist in database %s: no operator ran yet; start the "
                         "service, or correct state_schema",
                         schema, PQdb(call->server.pg));
    if (!server_true(&call->server, 0, 1))
        return error_set(err, -ENOENT,
                         "schema %s: its tables are not those of this version of walpiper; the "
                         "service brings older ones up to date when it starts",
                         schema);
    return 0;
}

int operator_call_open(struct operator_call *call, struct error *err)
{
    int rc = server_open_target(&call->server, call->config, call->op, err);
    if (rc == 0)
        rc = look_for_tables(call, err);
    if (rc < 0)
        return call->op->database ? error_prefix(err, "operator %s", call->op->name) : rc;
    rc = operator_call_query(call, "SELECT FROM walpiper.operator WHERE name = $1", 1,
                             (const char *[]){call->op->name}, err);
    if (rc < 0)
        return error_prefix(err, "operator %s", call->op->name);
    call->ran = server_rows(&call->server) > 0;
    return 0;
}

int operator_call_sources(struct operator_call *call, struct server **ret_server, struct error *err)
{
    int rc = 0;
    if (call->op->database && !call->apart.pg)
        rc = server_open(&call->apart, call->config, err);
    if (rc == 0)
        *ret_server = call->op->database ? &call->apart : &call->server;
    return rc;
}

int operator_must_have_run(const struct operator_call *call, struct error *err)
{
    if (call->ran)
        return 0;
    return error_set(err, -ENOENT, "operator %s: did not run yet; start the service",
                     call->op->name);
}

enum cli_exit cli_operator(const struct cli_options *options)
{
    const struct verb *verb = verb_of(options);
    struct config config = {0};
    struct operator_call call = {.options = options, .config = &config};
    struct error err = {0};
    enum cli_exit code = read_words(verb, options);

    if (code == CLI_DONE)
        code = read_numbers(&call);
    if (code != CLI_DONE)
        return code;
    if (config_load(&config, options->config_file, &err) < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    code = CLI_FAILED;
    if (read_config(&call, verb, &err) == 0 &&
        (!verb->names || operator_call_open(&call, &err) == 0))
        code = verb->run(&call, &err);
    server_close(&call.server);
    server_close(&call.apart);
    config_release(&config);
    return code == CLI_DONE ? code : cli_fail(code, "%s", err.text);
}
