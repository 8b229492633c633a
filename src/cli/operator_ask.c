/* What is asked of a running operator: the functions of sql/state.sql, and refusals before they
 * run. */
#include "cli/operator_call.h"
#include "operator/definition.h"
#include "operator/statements.h"
#include <errno.h>
#include <inttypes.h>

/* A lane whose session is there will hear of it. */
static const char served_sql[] =
    "SELECT EXISTS (SELECT FROM walpiper.checkpoint c JOIN pg_stat_activity a ON a.pid = c.pid"
    " WHERE c.operator = $1)";

/* What follows a message when nobody hears of it now; "" when somebody does. */
static const char *when(struct operator_call *call)
{
    struct error err = {0};
    if (operator_call_query(call, served_sql, 1, (const char *[]){call->op->name}, &err) < 0 ||
        server_true(&call->server, 0, 0))
        return "";
    return "; no service has it now, the next one will obey";
}

static int command(struct operator_call *call, const char *sql, const char *argument,
                   struct error *err)
{
    int rc = operator_must_have_run(call, err);
    if (rc < 0)
        return rc;
    rc = operator_call_query(call, sql, 2, (const char *[]){call->op->name, argument}, err);
    return rc < 0 ? error_prefix(err, "operator %s", call->op->name) : 0;
}

/* --- retry and skip --------------------------------------------------------------------------- */

static int not_parked(const struct operator_call *call, const char *id, struct error *err)
{
    return error_set(err, -ENOENT,
                     "operator %s: id %s is not parked, nothing was done; 'walpiper operator show "
                     "%s' lists those that are",
                     call->op->name, id, call->op->name);
}

/* Each of the ids that were given, or none. */
static int of_ids(struct operator_call *call, const char *sql, int64_t *ret_count,
                  struct error *err)
{
    int rc = operator_call_query(call, "BEGIN", 0, NULL, err);
    for (size_t i = 0; i < call->id_count && rc == 0; i++) {
        rc = command(call, sql, call->ids[i], err);
        if (rc == 0 && server_number(&call->server, 0, 0) == 0)
            rc = not_parked(call, call->ids[i], err);
    }
    if (rc == 0)
        rc = operator_call_query(call, "COMMIT", 0, NULL, err);
    if (rc == 0)
        *ret_count = (int64_t)call->id_count;
    return rc;
}

static int of_all(struct operator_call *call, const char *sql, int64_t *ret_count,
                  struct error *err)
{
    int rc = command(call, sql, NULL, err);
    if (rc == 0)
        *ret_count = server_number(&call->server, 0, 0);
    return rc;
}

static enum cli_exit of_parked(struct operator_call *call, const char *sql, const char *done,
                               struct error *err)
{
    int64_t count = 0;
    int rc = call->id_count > 0 ? of_ids(call, sql, &count, err) : of_all(call, sql, &count, err);
    if (rc < 0)
        return CLI_FAILED;
    printf("operator %s: %" PRId64 " parked %s %s%s\n", call->op->name, count,
           count == 1 ? "id" : "ids", done, when(call));
    return CLI_DONE;
}

enum cli_exit operator_retry(struct operator_call *call, struct error *err)
{
    return of_parked(call, "SELECT walpiper.retry($1, $2)", "to be tried now", err);
}

enum cli_exit operator_skip(struct operator_call *call, struct error *err)
{
    return of_parked(call, "SELECT walpiper.skip($1, $2)", "given up", err);
}

/* --- pause and resume ------------------------------------------------------------------------- */

static enum cli_exit of_operator(struct operator_call *call, const char *sql, const char *done,
                                 struct error *err)
{
    if (command(call, sql, NULL, err) < 0)
        return CLI_FAILED;
    printf("operator %s: %s%s\n", call->op->name, done, when(call));
    return CLI_DONE;
}

enum cli_exit operator_pause(struct operator_call *call, struct error *err)
{
    return of_operator(call, "SELECT walpiper.pause($1) WHERE $2::text IS NULL", "pauses", err);
}

enum cli_exit operator_resume(struct operator_call *call, struct error *err)
{
    return of_operator(call, "SELECT walpiper.resume($1) WHERE $2::text IS NULL", "goes on", err);
}

/* --- rebuild ---------------------------------------------------------------------------------- */

/* One that the server does not take would end the rebuild later, with a line in the service's log
 * that the one who asked may never see. */
static int try_condition(struct operator_call *call, int step, struct error *err)
{
    struct server *server = &call->server;
    int rc = step == 0 ? 0 : operator_call_sources(call, &server, err);
    struct buffer sql;
    if (rc < 0)
        return rc;
    buffer_init(&sql, STATEMENT_MAX);
    buffer_append_str(&sql, STR("EXPLAIN "));
    statement_page(&sql, call->op, step, false, call->options->where, 1);
    rc = buffer_append_char(&sql, '\0');
    if (rc < 0)
        error_set(err, rc, "is too long");
    else
        rc = server_query(server, sql.data, 0, NULL, err);
    buffer_release(&sql);
    return rc;
}

int operator_try_where(struct operator_call *call, struct error *err)
{
    int step = 0, rc = 0;
    while (step >= 0 && rc == 0) {
        rc = try_condition(call, step, err);
        step = statement_next_step(call->op, step);
    }
    if (rc == 0)
        return 0;
    const struct error cause = *err;
    return error_set(err, cause.code,
                     "operator %s: --where %s: %s; write a condition on the columns of target_id",
                     call->op->name, call->options->where, cause.text);
}

static int may_swap(const struct operator_call *call, struct error *err)
{
    const struct config *config = call->config;
    int rc = definition_may_swap(config->operators, config->operator_count, call->op, err);
    return rc < 0 ? error_prefix(err, "operator %s", call->op->name) : 0;
}

enum cli_exit operator_rebuild(struct operator_call *call, struct error *err)
{
    const char *where = call->options->where;
    bool swap = call->options->swap;
    if (call->op->form == CONFIG_CALL) {
        error_set(err, -EINVAL,
                  "operator %s: calls a function for each event: it has no rows that could be "
                  "computed anew",
                  call->op->name);
        return CLI_FAILED;
    }
    if (where && operator_try_where(call, err) < 0)
        return CLI_FAILED;
    if (swap && may_swap(call, err) < 0)
        return CLI_FAILED;
    if (command(call,
                swap ? "SELECT walpiper.rebuild_swap($1) WHERE $2::text IS NULL"
                     : "SELECT walpiper.rebuild($1, $2)",
                where, err) < 0)
        return CLI_FAILED;
    printf("operator %s: computes anew %s%s%s\n", call->op->name,
           where  ? "the ids where "
           : swap ? "every id, in a new table"
                  : "every id",
           where ? where : "", when(call));
    return CLI_DONE;
}
