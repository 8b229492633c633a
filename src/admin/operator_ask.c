#include "admin/operator_ask.h"
#include "pg/state_text.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define SQL_MAX 4096

struct asking {
    struct state_request request;
    struct admin *admin;
    struct http_exchange *exchange; /* NULL: the client is gone */
    size_t i;
    struct buffer sql;
    char *check, *second, *third;
    int (*answer)(const struct admin *admin, size_t i, const PGresult *rows, json_t **ret_json);
    int status; /* of the answer; 0: there were no rows */
    json_t *json;
};

static struct asking *of_request(struct state_request *request)
{
    return (struct asking *)((char *)request - offsetof(struct asking, request));
}

static void asking_free(struct asking *asking)
{
    buffer_release(&asking->sql);
    free(asking->check);
    free(asking->second);
    free(asking->third);
    json_decref(asking->json);
    free(asking);
}

static void on_rows(struct state_request *request, const PGresult *rows)
{
    struct asking *asking = of_request(request);
    asking->status = asking->answer(asking->admin, asking->i, rows, &asking->json);
}

/* The schema, a table of it or a function is missing. */
static bool has_no_tables(const struct error *why)
{
    static const char *const states[] = {"3F000", "42P01", "42883"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(why->sqlstate, states[i]) == 0)
            return true;
    return false;
}

static void refuse(const struct asking *asking, const struct error *why)
{
    const char *name = asking->admin->context.config->operators[asking->i].name;

    if (asking->request.check_failed)
        admin_refuse(asking->exchange, 400, "%s", why->text);
    else if (strcmp(why->sqlstate, "P0001") == 0)
        admin_refuse(asking->exchange, 409, "%s", why->text);
    else if (has_no_tables(why))
        admin_refuse(asking->exchange, 409, "operator %s has not run yet: %s", name, why->text);
    else if (why->sqlstate[0] == '\0' || why->code == -ECONNRESET)
        admin_refuse(asking->exchange, 503, "the database cannot be asked now: %s", why->text);
    else
        admin_refuse(asking->exchange, strncmp(why->sqlstate, "22", 2) == 0 ? 400 : 500,
                     "operator %s: %s", name, why->text);
}

static void on_done(struct state_request *request, const struct error *why)
{
    struct asking *asking = of_request(request);

    if (asking->exchange && why)
        refuse(asking, why);
    else if (asking->exchange && asking->status == 0)
        admin_refuse(asking->exchange, 500, "the database has answered without rows");
    else if (asking->exchange)
        admin_respond_json(asking->exchange, asking->status, json_incref(asking->json));
    asking_free(asking);
}

/* --- while it waits -------------------------------------------------------------------------- */

/* The database answers soon, or is given up. */
static void on_drain(void *owner, struct http_exchange *exchange)
{
}

/* What was asked for is done all the same. */
static void on_gone(void *owner, const char *reason)
{
    struct asking *asking = owner;
    asking->exchange = NULL;
}

/* --- asking ---------------------------------------------------------------------------------- */

static int copy(char **ret, const char *text)
{
    *ret = text ? str_dup(str_from(text)) : NULL;
    return text && !*ret ? -ENOMEM : 0;
}

static struct asking *asking_new(struct admin *admin, size_t i, const struct operator_ask *ask)
{
    const struct config *config = admin->context.config;
    struct asking *asking = calloc(1, sizeof(*asking));

    if (!asking)
        return NULL;
    asking->admin = admin;
    asking->i = i;
    asking->answer = ask->answer;
    buffer_init(&asking->sql, SQL_MAX);
    pg_state_text(&asking->sql, config->state_schema, ask->sql);
    buffer_append_char(&asking->sql, '\0');
    if (copy(&asking->check, ask->check) < 0 || copy(&asking->second, ask->second) < 0 ||
        copy(&asking->third, ask->third) < 0 || asking->sql.failed != 0) {
        asking_free(asking);
        return NULL;
    }
    asking->request = (struct state_request){
        .params =
            config->operators[i].database ? &admin->context.targets[i] : admin->context.params,
        .check = asking->check,
        .sql = asking->sql.data,
        .value_count = ask->value_count,
        .values = {config->operators[i].name, asking->second, asking->third},
        .on_rows = on_rows,
        .on_done = on_done,
    };
    return asking;
}

void operator_ask(struct admin *admin, struct http_exchange *exchange, size_t i,
                  const struct operator_ask *ask)
{
    static const struct http_wait_events events = {on_drain, on_gone};
    struct asking *asking = asking_new(admin, i, ask);

    if (!asking) {
        admin_refuse(exchange, 503, "out of memory");
        return;
    }
    if (state_db_ask(admin->state_db, &asking->request) < 0) {
        asking_free(asking);
        admin_refuse(exchange, 503, "too many questions wait for the database");
        return;
    }
    asking->exchange = http_respond_later(exchange, &events, asking);
}
