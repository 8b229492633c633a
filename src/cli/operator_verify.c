/* Whether a read model is what its query gives. An id whose row is not right at the first look may
 * be one that the operator is about to write: it is looked at again, each time when the operator
 * has applied what the look before could see, until it is right, or has been wrong in the same way
 * throughout. */
#include "base/clock.h"
#include "cli/operator_call.h"
#include "cli/operator_statements.h"
#include "cli/verify_look.h"
#include "cli/verify_report.h"
#include "cli/verify_wait.h"
#include "operator/page.h"
#include "operator/verify.h"
#include "pg/array.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define SUSPECTS_MAX 500
#define SUSPECT_REPEATS 2 /* looks after the first one that must find the same */
#define SUSPECT_LOOKS 6   /* then it is not decided */
#define IDS_MAX ((size_t)1 << 20)

struct verification {
    struct operator_call *call;
    struct verify_look look;
    struct id_types types;
    struct verdict suspects[SUSPECTS_MAX];
    size_t suspect_count;
    struct verify_report report;
};

static int no_memory(struct error *err)
{
    return error_set(err, -ENOMEM, "no memory for ids");
}

/* --- suspects --------------------------------------------------------------------------------- */

static bool is_open(const struct verdict *v)
{
    return v->kind != VERDICT_RIGHT && v->repeats < SUSPECT_REPEATS;
}

/* Puts what was FOUND now in the place of what was found before. */
static void replace(struct verdict *suspect, struct verdict *found)
{
    struct verdict before = *suspect;
    found->repeats = verdict_same(&before, found) ? before.repeats + 1 : 0;
    *suspect = *found;
    *found = before;
}

static int look_again(struct verification *v, struct verdict *const *suspects, size_t count,
                      struct error *err)
{
    struct verdict found[VERIFY_SLICE] = {0};
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        found[i].text = strdup(suspects[i]->text);
        rc = found[i].text ? 0 : no_memory(err);
    }
    if (rc == 0)
        rc = verify_look(&v->look, found, count, true, err);
    for (size_t i = 0; i < count; i++) {
        if (rc == 0)
            replace(suspects[i], &found[i]);
        verdict_release(&found[i]);
    }
    return rc;
}

static int look_at_open(struct verification *v, struct error *err)
{
    struct verdict *open[VERIFY_SLICE];
    size_t count = 0;
    int rc = 0;
    for (size_t i = 0; i < v->suspect_count && rc == 0; i++) {
        if (is_open(&v->suspects[i]))
            open[count++] = &v->suspects[i];
        if (count == VERIFY_SLICE || (count > 0 && i + 1 == v->suspect_count)) {
            rc = look_again(v, open, count, err);
            count = 0;
        }
    }
    return rc;
}

/* Of those that are open; *RET_FRESH: how many were seen so by one look only. */
static bool any_open(const struct verification *v, size_t *ret_fresh)
{
    size_t open = 0, fresh = 0;
    for (size_t i = 0; i < v->suspect_count; i++) {
        open += is_open(&v->suspects[i]);
        fresh += is_open(&v->suspects[i]) && v->suspects[i].repeats == 0;
    }
    *ret_fresh = fresh;
    return open > 0;
}

/* That which more than one look found has outlived all that the operator could have applied: the
 * further ones are for rows that come and go in the rhythm of our looks. */
static int wait_between(struct verification *v, size_t fresh, struct error *err)
{
    if (fresh > 0)
        return verify_wait(v->call, v->look.lsn, err);
    long ms = 20 + (long)(random_u32() % 80);
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
    return 0;
}

/* Those that are parked are known to be wrong. */
static int find_parked(struct verification *v, struct error *err)
{
    static const char sql[] = "SELECT p.id FROM walpiper.parked p WHERE p.operator = $1"
                              " AND p.id = ANY ($2::text[]) ORDER BY p.id COLLATE \"C\"";
    const struct server *s = &v->call->server;
    struct buffer ids;
    buffer_init(&ids, IDS_MAX * 8);
    for (size_t i = 0; i < v->suspect_count; i++)
        pg_array_item(&ids, v->suspects[i].text);
    int rc = pg_array_end(&ids) < 0 ? no_memory(err) : 0;
    if (rc == 0)
        rc = operator_call_query(v->call, sql, 2, (const char *[]){v->call->op->name, ids.data},
                                 err);
    for (int row = 0; rc == 0 && row < server_rows(s); row++)
        for (size_t i = 0; i < v->suspect_count; i++)
            if (v->suspects[i].kind != VERDICT_RIGHT &&
                strcmp(v->suspects[i].text, server_cell(s, row, 0)) == 0)
                v->suspects[i].kind = VERDICT_PARKED;
    buffer_release(&ids);
    return rc;
}

static int tell_suspects(struct verification *v, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; i < v->suspect_count && rc == 0; i++) {
        struct verdict *suspect = &v->suspects[i];
        if (is_open(suspect) && suspect->kind != VERDICT_UNDECIDED &&
            suspect->kind != VERDICT_PARKED)
            rc = verdict_fail(suspect, false, "it changes all the time");
        if (rc == 0)
            rc = verify_report_id(&v->report, suspect);
    }
    return rc < 0 ? no_memory(err) : 0;
}

static void drop_suspects(struct verification *v)
{
    for (size_t i = 0; i < v->suspect_count; i++)
        verdict_release(&v->suspects[i]);
    v->suspect_count = 0;
}

static int settle(struct verification *v, struct error *err)
{
    size_t fresh;
    int rc = 0;
    for (unsigned looks = 0; rc == 0 && looks < SUSPECT_LOOKS && any_open(v, &fresh); looks++) {
        rc = wait_between(v, fresh, err);
        if (rc == 0)
            rc = look_at_open(v, err);
    }
    if (rc == 0 && v->suspect_count > 0)
        rc = find_parked(v, err);
    if (rc == 0)
        rc = tell_suspects(v, err);
    drop_suspects(v);
    return rc;
}

/* --- all ids ---------------------------------------------------------------------------------- */

/* What is read of the tables for a sample. A condition may hold for few rows, wherever these are:
 * then all is looked at. */
static int ask_for_percent(struct verification *v, struct server *server,
                           const struct verify_scope *scope, double *percent, struct error *err)
{
    const struct config_operator *op = v->call->op;
    char sample[24];
    int rc = 0;
    snprintf(sample, sizeof(sample), "%" PRId64, scope->sample);
    for (int step = 0; step >= 0 && rc == 0; step = statement_next_step(op, step)) {
        if (step == 0 ? !scope->target : !scope->sources)
            continue;
        const struct config_operator_source *source = step == 0 ? NULL : &op->sources[step - 1];
        const char *values[] = {source ? source->schema : op->target_schema,
                                source ? source->table : op->target_table, sample};
        rc = server_query(server, verify_percent_sql, 3, values, err);
        percent[step] = rc == 0 ? strtod(server_cell(server, 0, 0), NULL) : 100;
    }
    return rc;
}

/* The ids are read once, and kept by the server outside of any transaction. */
static int declare_ids(struct verification *v, struct server *server,
                       const struct verify_scope *scope, struct error *err)
{
    struct buffer sql;
    buffer_init(&sql, STATEMENT_MAX);
    buffer_append_str(&sql, STR("DECLARE walpiper_ids NO SCROLL CURSOR WITH HOLD FOR "));
    verify_ids(&sql, v->call->op, &v->types, scope);
    int rc = buffer_append_char(&sql, '\0');
    if (rc < 0)
        error_set(err, rc, "--where: is too long");
    if (rc == 0)
        rc = server_query(server, "BEGIN", 0, NULL, err);
    if (rc == 0)
        rc = server_query(server, sql.data, 0, NULL, err);
    if (rc == 0)
        rc = server_query(server, "COMMIT", 0, NULL, err);
    buffer_release(&sql);
    return rc;
}

static int open_ids(struct verification *v, struct server *server, struct verify_scope scope,
                    struct error *err)
{
    const struct operator_call *call = v->call;
    int rc = 0;
    scope.where = call->options->where;
    scope.sample = call->options->all ? 0 : call->sample;
    double *percent = calloc(call->op->source_count + 1, sizeof(*percent));
    if (!percent)
        return no_memory(err);
    if (scope.sample > 0 && !scope.where) {
        scope.percent = percent;
        rc = ask_for_percent(v, server, &scope, percent, err);
    }
    if (rc == 0)
        rc = declare_ids(v, server, &scope, err);
    free(percent);
    return rc;
}

static int read_ids(const struct verification *v, struct server *server, struct verdict *ids,
                    size_t *ret_count, struct error *err)
{
    char sql[80];
    int columns = (int)v->call->op->target_id.count;
    struct buffer text;
    snprintf(sql, sizeof(sql), "FETCH %d FROM walpiper_ids", VERIFY_SLICE);
    int rc = server_query(server, sql, 0, NULL, err);
    if (rc < 0)
        return rc;
    buffer_init(&text, IDS_MAX);
    for (int row = 0; row < server_rows(server) && rc == 0; row++) {
        const struct page page = {server->result, row};
        rc = page_id(&page, (size_t)columns, &text);
        ids[row].text = rc == 0 ? str_dup(buffer_str(&text)) : NULL;
        ids[row].orphan = server_true(server, row, columns);
        if (!ids[row].text)
            rc = no_memory(err);
    }
    buffer_release(&text);
    *ret_count = (size_t)server_rows(server);
    return rc;
}

/* Takes those of IDS that are not right. */
static int suspect(struct verification *v, struct verdict *ids, size_t count, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (ids[i].kind == VERDICT_RIGHT)
            continue;
        if (v->suspect_count == SUSPECTS_MAX)
            rc = settle(v, err);
        if (rc == 0) {
            v->suspects[v->suspect_count++] = ids[i];
            ids[i] = (struct verdict){0};
        }
    }
    return rc;
}

/* Those that have a row were looked at with the target's ids. */
static size_t drop_seen(struct verdict *ids, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct verdict id = ids[i];
        ids[i] = (struct verdict){0};
        if (id.there)
            verdict_release(&id);
        else
            ids[kept++] = id;
    }
    return kept;
}

/* *RET_MORE is false when there are no more. */
static int next_slice(struct verification *v, struct server *server, struct verify_scope scope,
                      bool *ret_more, struct error *err)
{
    struct verdict ids[VERIFY_SLICE] = {0};
    bool whole = scope.target && scope.sources;
    size_t count = 0;
    int rc = read_ids(v, server, ids, &count, err);
    *ret_more = count > 0;
    if (rc == 0)
        rc = verify_look(&v->look, ids, count, !whole, err);
    if (!scope.target)
        count = drop_seen(ids, count);
    if (rc == 0)
        rc = suspect(v, ids, count, err);
    for (size_t i = 0; i < VERIFY_SLICE; i++)
        verdict_release(&ids[i]);
    v->report.checked += count;
    return rc;
}

static int verify_in(struct verification *v, struct server *server, struct verify_scope scope,
                     struct error *err)
{
    bool more = true;
    int rc = open_ids(v, server, scope, err);
    while (rc == 0 && more)
        rc = next_slice(v, server, scope, &more, err);
    return rc;
}

/* --- the verb --------------------------------------------------------------------------------- */

static int prepare(struct verification *v, struct error *err)
{
    struct operator_call *call = v->call;
    if (call->op->form == CONFIG_CALL)
        return error_set(err, -EINVAL,
                         "calls a function for each event: nothing says what its rows should be");
    v->look = (struct verify_look){.server = &call->server, .op = call->op};
    int rc = operator_call_sources(call, &v->look.sources, err);
    if (rc == 0)
        rc = operator_types(&call->server, call->op, &v->types, err);
    return rc == 0 ? verify_look_prepare(&v->look, &v->types, err) : rc;
}

static int verify_all(struct verification *v, struct error *err)
{
    struct server *server = v->look.server, *sources = v->look.sources;
    bool together = server == sources;
    int rc = verify_in(v, server, (struct verify_scope){.target = true, .sources = together}, err);
    if (rc == 0 && !together)
        rc = verify_in(v, sources, (struct verify_scope){.sources = true}, err);
    return rc == 0 ? settle(v, err) : rc;
}

/* Why it may be no wonder. */
static int tell_wrong(struct verification *v, struct error *err)
{
    static const char sql[] =
        "SELECT CASE WHEN o.halted IS NOT NULL THEN 'it has halted, and may only be behind; '"
        " WHEN o.paused THEN 'it is paused, and may only be behind; '"
        " WHEN NOT EXISTS (SELECT FROM walpiper.checkpoint c JOIN pg_stat_activity a"
        "  ON a.pid = c.pid WHERE c.operator = o.name)"
        "  THEN 'no service has it, and it may only be behind; '"
        " WHEN EXISTS (SELECT FROM walpiper.checkpoint c WHERE c.operator = o.name"
        "  AND c.rebuild_step IS NOT NULL) THEN 'a rebuild is under way; ' ELSE '' END"
        " FROM walpiper.operator o WHERE o.name = $1";
    const char *name = v->call->op->name;
    struct error ignored = {0};
    bool known = operator_call_query(v->call, sql, 1, &name, &ignored) == 0 &&
                 server_rows(&v->call->server) > 0;
    return error_set(err, -EINVAL,
                     "operator %s: %" PRIu64 " of %" PRIu64
                     " ids are wrong; %s'walpiper operator rebuild %s' computes them anew",
                     name, v->report.wrong, v->report.checked,
                     known ? server_cell(&v->call->server, 0, 0) : "", name);
}

static int verify(struct verification *v, struct error *err)
{
    const struct operator_call *call = v->call;
    int rc = prepare(v, err);
    if (rc < 0)
        return error_prefix(err, "operator %s", call->op->name);
    verify_report_begin(&v->report, call->op->name, call->options->json);
    rc = verify_all(v, err);
    drop_suspects(v);
    verify_report_end(&v->report, rc == 0);
    if (rc < 0)
        return error_prefix(err, "operator %s", call->op->name);
    return v->report.wrong > 0 ? tell_wrong(v, err) : 0;
}

enum cli_exit operator_verify(struct operator_call *call, struct error *err)
{
    if (operator_must_have_run(call, err) < 0 ||
        (call->options->where && operator_try_where(call, err) < 0))
        return CLI_FAILED;
    struct verification *v = calloc(1, sizeof(*v));
    if (!v) {
        no_memory(err);
        return CLI_FAILED;
    }
    v->call = call;
    int rc = verify(v, err);
    free(v);
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}
