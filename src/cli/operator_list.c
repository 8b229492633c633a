/* How operators are, as far as the state tables tell, and their parked ids. */
#include "cli/escape.h"
#include "cli/operator_call.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#define LINE_MAX ((size_t)4 << 20)

/* $1 an operator, $2 how many sources it has, $3 whether they are in this database. A lane whose
 * session is not there does nothing; who looks for it need not see more of others than that they
 * are. */
static const char list_sql[] =
    "SELECT n.name, CASE WHEN o.name IS NULL THEN 'never ran' WHEN o.halted IS NOT NULL THEN "
    "'halted'"
    "  WHEN o.paused THEN 'paused' WHEN NOT c.served THEN 'stopped'"
    "  WHEN c.step IS NOT NULL THEN 'rebuilding' ELSE 'running' END,"
    " o.halted, c.lsn,"
    " CASE WHEN $3::boolean AND c.lsn IS NOT NULL THEN greatest(0, pg_wal_lsn_diff(CASE WHEN "
    "pg_is_in_recovery()"
    "  THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, c.lsn))::bigint END,"
    " o.lanes, p.count, c.step, $2::integer, c.after, c.condition, c.swap,"
    " to_char(c.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    " FROM (VALUES ($1::text)) AS n (name) LEFT JOIN walpiper.operator o ON o.name = n.name"
    " LEFT JOIN LATERAL ("
    "  SELECT CASE WHEN bool_and(c.epoch <> '') THEN min(c.lsn) END, min(c.rebuild_step),"
    "   (array_agg(c.rebuild_after ORDER BY c.rebuild_step, c.lane))[1],"
    "   (array_agg(c.rebuild_where ORDER BY c.rebuild_step, c.lane))[1], bool_or(c.rebuild_swap),"
    "   max(c.updated_at),"
    "   coalesce(bool_and(EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = c.pid"
    "    AND (a.backend_start = c.pid_since OR a.backend_start IS NULL))), false)"
    "  FROM walpiper.checkpoint c WHERE c.operator = o.name"
    " ) AS c (lsn, step, after, condition, swap, updated_at, served) ON true"
    " LEFT JOIN LATERAL (SELECT count(*) FROM walpiper.parked p WHERE p.operator = o.name)"
    "  AS p (count) ON true";

enum {
    NAME,
    STATE,
    HALTED,
    APPLIED,
    LAG,
    LANES,
    PARKED,
    STEP,
    SOURCES,
    AFTER,
    CONDITION,
    SWAP,
    UPDATED,
};

/* The newest first. */
static const char parked_sql[] =
    "SELECT p.id, p.error, p.sqlstate, p.attempts,"
    " to_char(p.next_try AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " to_char(p.since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    " FROM walpiper.parked p WHERE p.operator = $1 ORDER BY p.since DESC, p.id LIMIT $2";

enum { PARKED_ID, PARKED_ERROR, PARKED_STATE, PARKED_ATTEMPTS, PARKED_NEXT, PARKED_SINCE };

static int ask(struct operator_call *call, struct error *err)
{
    char sources[24];
    snprintf(sources, sizeof(sources), "%zu", call->op->source_count);
    const char *values[] = {call->op->name, sources, call->op->database ? "f" : "t"};
    return operator_call_query(call, list_sql, 3, values, err);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *text_json(const struct server *s, int row, int column)
{
    json_t *json = server_null(s, row, column) ? NULL : json_string(server_cell(s, row, column));
    return json ? json : json_null();
}

static json_t *number_json(const struct server *s, int row, int column)
{
    if (server_null(s, row, column))
        return json_null();
    return json_integer((json_int_t)server_number(s, row, column));
}

static json_t *rebuild_json(const struct server *s)
{
    if (server_null(s, 0, STEP))
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:b}", "step", number_json(s, 0, STEP), "of",
                     number_json(s, 0, SOURCES), "after", text_json(s, 0, AFTER), "where",
                     text_json(s, 0, CONDITION), "swap", server_true(s, 0, SWAP));
}

static json_t *operator_json(const struct server *s)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", text_json(s, 0, NAME),
                     "state", text_json(s, 0, STATE), "halted", text_json(s, 0, HALTED), "applied",
                     text_json(s, 0, APPLIED), "lag_bytes", number_json(s, 0, LAG), "lanes",
                     number_json(s, 0, LANES), "parked", number_json(s, 0, PARKED), "rebuild",
                     rebuild_json(s), "updated_at", text_json(s, 0, UPDATED));
}

static json_t *parked_json(const struct server *s)
{
    json_t *list = json_array();
    for (int row = 0; row < server_rows(s); row++)
        json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id", text_json(s, row, PARKED_ID), "error",
                      text_json(s, row, PARKED_ERROR), "sqlstate", text_json(s, row, PARKED_STATE),
                      "attempts", number_json(s, row, PARKED_ATTEMPTS), "next_try",
                      text_json(s, row, PARKED_NEXT), "since", text_json(s, row, PARKED_SINCE)));
    return list;
}

/* Takes OBJECT. */
static enum cli_exit print_json(json_t *object, struct error *err)
{
    int rc = object ? json_dumpf(object, stdout, JSON_INDENT(2)) : -1;
    json_decref(object);
    if (rc != 0) {
        error_set(err, -ENOMEM, "operators: no memory for the JSON");
        return CLI_FAILED;
    }
    putchar('\n');
    return CLI_DONE;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* "2 of 3", or "-". */
static void step_text(const struct server *s, char text[64])
{
    const char *swap = server_true(s, 0, SWAP) ? ", into a new table" : "";
    if (server_null(s, 0, STEP))
        snprintf(text, 64, "-");
    else if (server_number(s, 0, STEP) > server_number(s, 0, SOURCES))
        snprintf(text, 64, "the new table is whole, and waits for the exchange");
    else
        snprintf(text, 64, "%s of %s%s", server_cell(s, 0, STEP), server_cell(s, 0, SOURCES), swap);
}

static const char *or_dash(const struct server *s, int column)
{
    return server_null(s, 0, column) ? "-" : server_cell(s, 0, column);
}

static int name_width(const struct config *config)
{
    size_t width = strlen("name");
    for (size_t i = 0; i < config->operator_count; i++)
        if (strlen(config->operators[i].name) > width)
            width = strlen(config->operators[i].name);
    return (int)width;
}

static const char list_format[] = "%-*s  %-10s  %-17s  %12s  %6s  %s\n";

static void print_line(const struct server *s, int width)
{
    char step[64];
    step_text(s, step);
    printf(list_format, width, server_cell(s, 0, NAME), server_cell(s, 0, STATE),
           or_dash(s, APPLIED), or_dash(s, LAG), or_dash(s, PARKED), step);
}

/* A text of somebody else's. */
static void print_text(const char *label, const char *text)
{
    struct buffer line;
    buffer_init(&line, LINE_MAX);
    escape_append(&line, str_from(text));
    printf("%-10s %.*s\n", label, STR_ARG(buffer_str(&line)));
    buffer_release(&line);
}

static void print_operator(const struct server *s)
{
    char step[64];
    step_text(s, step);
    printf("name       %s\n", server_cell(s, 0, NAME));
    printf("state      %s\n", server_cell(s, 0, STATE));
    if (!server_null(s, 0, HALTED))
        print_text("halted", server_cell(s, 0, HALTED));
    printf("applied    %s%s%s\n", or_dash(s, APPLIED),
           server_null(s, 0, UPDATED) ? "" : ", stored ", server_cell(s, 0, UPDATED));
    printf("lag        %s\n", or_dash(s, LAG));
    printf("lanes      %s\n", or_dash(s, LANES));
    printf("rebuild    %s\n", step);
    if (!server_null(s, 0, AFTER))
        print_text("  after", server_cell(s, 0, AFTER));
    if (!server_null(s, 0, CONDITION))
        print_text("  where", server_cell(s, 0, CONDITION));
    printf("parked     %s\n", or_dash(s, PARKED));
}

static void print_parked(const struct server *s)
{
    struct buffer line;
    buffer_init(&line, LINE_MAX);
    for (int row = 0; row < server_rows(s); row++) {
        buffer_reset(&line);
        escape_append(&line, str_from(server_cell(s, row, PARKED_ID)));
        buffer_append_str(&line, STR(": "));
        escape_append(&line, str_from(server_cell(s, row, PARKED_ERROR)));
        printf("  %.*s (%s); failed %s times since %s, next try %s\n", STR_ARG(buffer_str(&line)),
               server_cell(s, row, PARKED_STATE), server_cell(s, row, PARKED_ATTEMPTS),
               server_cell(s, row, PARKED_SINCE), server_cell(s, row, PARKED_NEXT));
    }
    buffer_release(&line);
}

/* --- the verbs -------------------------------------------------------------------------------- */

/* Those that are in one database share its connection. */
static int ask_for(struct operator_call *call, const struct config_operator *op, struct error *err)
{
    bool connected = call->op && !call->op->database && !op->database;
    call->op = op;
    if (!connected) {
        server_close(&call->server);
        int rc = operator_call_open(call, err);
        if (rc < 0)
            return rc;
    }
    return ask(call, err);
}

enum cli_exit operator_list(struct operator_call *call, struct error *err)
{
    const struct config *config = call->config;
    int width = name_width(config);
    json_t *list = call->options->json ? json_array() : NULL;
    for (size_t i = 0; i < config->operator_count; i++) {
        if (ask_for(call, &config->operators[i], err) < 0) {
            json_decref(list);
            return CLI_FAILED;
        }
        if (i == 0 && !list)
            printf(list_format, width, "name", "state", "applied", "lag", "parked", "rebuild");
        if (list)
            json_array_append_new(list, operator_json(&call->server));
        else
            print_line(&call->server, width);
    }
    return list ? print_json(json_pack("{s:o}", "operators", list), err) : CLI_DONE;
}

enum cli_exit operator_show(struct operator_call *call, struct error *err)
{
    char limit[24];
    json_t *object = NULL;
    snprintf(limit, sizeof(limit), "%" PRId64, call->limit);
    if (ask(call, err) < 0)
        return CLI_FAILED;
    if (call->options->json)
        object = operator_json(&call->server);
    else
        print_operator(&call->server);
    if (operator_call_query(call, parked_sql, 2, (const char *[]){call->op->name, limit}, err) <
        0) {
        json_decref(object);
        return CLI_FAILED;
    }
    if (!call->options->json) {
        print_parked(&call->server);
        return CLI_DONE;
    }
    json_object_set_new(object, "parked_ids", parked_json(&call->server));
    return print_json(object, err);
}
