/* How operators are, as far as the state tables tell, and their parked ids. */
#include "cli/escape.h"
#include "cli/operator_call.h"
#include "pg/array.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#define NAMES_MAX ((size_t)1 << 20)
#define LINE_MAX ((size_t)4 << 20)

/* $1 names of operators, $2 how many sources each has. A lane whose session is not there does
 * nothing; who looks for it need not see more of others than that they are. */
static const char list_sql[] =
    "SELECT n.name, CASE WHEN o.name IS NULL THEN 'never ran' WHEN o.halted IS NOT NULL THEN "
    "'halted'"
    "  WHEN o.paused THEN 'paused' WHEN NOT c.served THEN 'stopped'"
    "  WHEN c.step IS NOT NULL THEN 'rebuilding' ELSE 'running' END,"
    " o.halted, c.lsn,"
    " CASE WHEN c.lsn IS NOT NULL THEN greatest(0, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()"
    "  THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, c.lsn))::bigint END,"
    " o.lanes, p.count, c.step, s.count, c.after, c.condition,"
    " to_char(c.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    " FROM unnest($1::text[]) WITH ORDINALITY AS n (name, nr)"
    " JOIN unnest($2::integer[]) WITH ORDINALITY AS s (count, nr) USING (nr)"
    " LEFT JOIN walpiper.operator o ON o.name = n.name"
    " LEFT JOIN LATERAL ("
    "  SELECT CASE WHEN bool_and(c.epoch <> '') THEN min(c.lsn) END, min(c.rebuild_step),"
    "   (array_agg(c.rebuild_after ORDER BY c.rebuild_step, c.lane))[1],"
    "   (array_agg(c.rebuild_where ORDER BY c.rebuild_step, c.lane))[1], max(c.updated_at),"
    "   bool_and(EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = c.pid"
    "    AND (a.backend_start = c.pid_since OR a.backend_start IS NULL)))"
    "  FROM walpiper.checkpoint c WHERE c.operator = o.name"
    " ) AS c (lsn, step, after, condition, updated_at, served) ON true"
    " LEFT JOIN LATERAL (SELECT count(*) FROM walpiper.parked p WHERE p.operator = o.name)"
    "  AS p (count) ON true"
    " ORDER BY n.nr";

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
    UPDATED,
};

/* The newest first. */
static const char parked_sql[] =
    "SELECT p.id, p.error, p.sqlstate, p.attempts,"
    " to_char(p.next_try AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " to_char(p.since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    " FROM walpiper.parked p WHERE p.operator = $1 ORDER BY p.since DESC, p.id LIMIT $2";

enum { PARKED_ID, PARKED_ERROR, PARKED_STATE, PARKED_ATTEMPTS, PARKED_NEXT, PARKED_SINCE };

static int ask(struct operator_call *call, const struct config_operator *operators, size_t count,
               struct error *err)
{
    struct buffer names, sources;
    char number[24];
    int rc = 0;
    buffer_init(&names, NAMES_MAX);
    buffer_init(&sources, NAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        snprintf(number, sizeof(number), "%zu", operators[i].source_count);
        pg_array_item(&names, operators[i].name);
        pg_array_item(&sources, number);
    }
    rc = pg_array_end(&names) < 0 ? names.failed : pg_array_end(&sources);
    if (rc < 0)
        error_set(err, rc, "operators: no memory for their names");
    else
        rc =
            operator_call_query(call, list_sql, 2, (const char *[]){names.data, sources.data}, err);
    buffer_release(&names);
    buffer_release(&sources);
    return rc;
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

static json_t *rebuild_json(const struct server *s, int row)
{
    if (server_null(s, row, STEP))
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o}", "step", number_json(s, row, STEP), "of",
                     number_json(s, row, SOURCES), "after", text_json(s, row, AFTER), "where",
                     text_json(s, row, CONDITION));
}

static json_t *operator_json(const struct server *s, int row)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     text_json(s, row, NAME), "state", text_json(s, row, STATE), "halted",
                     text_json(s, row, HALTED), "applied", text_json(s, row, APPLIED), "lag_bytes",
                     number_json(s, row, LAG), "lanes", number_json(s, row, LANES), "parked",
                     number_json(s, row, PARKED), "rebuild", rebuild_json(s, row), "updated_at",
                     text_json(s, row, UPDATED));
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
static void step_text(const struct server *s, int row, char text[64])
{
    if (server_null(s, row, STEP))
        snprintf(text, 64, "-");
    else
        snprintf(text, 64, "%s of %s", server_cell(s, row, STEP), server_cell(s, row, SOURCES));
}

static const char *or_dash(const struct server *s, int row, int column)
{
    return server_null(s, row, column) ? "-" : server_cell(s, row, column);
}

static void print_list(const struct server *s)
{
    static const char format[] = "%-*s  %-10s  %-17s  %12s  %6s  %s\n";
    char step[64];
    int width = 4;
    for (int row = 0; row < server_rows(s); row++)
        if ((int)strlen(server_cell(s, row, NAME)) > width)
            width = (int)strlen(server_cell(s, row, NAME));
    printf(format, width, "name", "state", "applied", "lag", "parked", "rebuild");
    for (int row = 0; row < server_rows(s); row++) {
        step_text(s, row, step);
        printf(format, width, server_cell(s, row, NAME), server_cell(s, row, STATE),
               or_dash(s, row, APPLIED), or_dash(s, row, LAG), or_dash(s, row, PARKED), step);
    }
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
    step_text(s, 0, step);
    printf("name       %s\n", server_cell(s, 0, NAME));
    printf("state      %s\n", server_cell(s, 0, STATE));
    if (!server_null(s, 0, HALTED))
        print_text("halted", server_cell(s, 0, HALTED));
    printf("applied    %s%s%s\n", or_dash(s, 0, APPLIED),
           server_null(s, 0, UPDATED) ? "" : ", stored ", server_cell(s, 0, UPDATED));
    printf("lag        %s\n", or_dash(s, 0, LAG));
    printf("lanes      %s\n", or_dash(s, 0, LANES));
    printf("rebuild    %s\n", step);
    if (!server_null(s, 0, AFTER))
        print_text("  after", server_cell(s, 0, AFTER));
    if (!server_null(s, 0, CONDITION))
        print_text("  where", server_cell(s, 0, CONDITION));
    printf("parked     %s\n", or_dash(s, 0, PARKED));
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

enum cli_exit operator_list(struct operator_call *call, struct error *err)
{
    const struct server *s = &call->server;
    if (ask(call, call->config->operators, call->config->operator_count, err) < 0)
        return CLI_FAILED;
    if (!call->options->json) {
        print_list(s);
        return CLI_DONE;
    }
    json_t *list = json_array();
    for (int row = 0; row < server_rows(s); row++)
        json_array_append_new(list, operator_json(s, row));
    return print_json(json_pack("{s:o}", "operators", list), err);
}

enum cli_exit operator_show(struct operator_call *call, struct error *err)
{
    char limit[24];
    json_t *object = NULL;
    snprintf(limit, sizeof(limit), "%" PRId64, call->limit);
    if (ask(call, call->op, 1, err) < 0)
        return CLI_FAILED;
    if (call->options->json)
        object = operator_json(&call->server, 0);
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
