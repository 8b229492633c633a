/* GET /operators, /operators/NAME and /processed. */
#include "admin/operator_ask.h"
#include "api/processed_query.h"
#include "base/percent.h"
#include "pg/result.h"
#include <errno.h>
#include <stdio.h>

#define PARKED_DEFAULT 50
#define PARKED_MAX 1000
#define NAME_SHOWN_MAX 64

bool admin_find_operator(const struct admin *admin, struct http_exchange *exchange, struct str name,
                         size_t *ret_i)
{
    const struct config *config = admin->context.config;

    for (size_t i = 0; i < config->operator_count; i++) {
        if (!str_equal(str_from(config->operators[i].name), name))
            continue;
        *ret_i = i;
        return true;
    }
    admin_refuse(exchange, 404, "there is no operator %.*s",
                 STR_ARG(str_truncate(name, NAME_SHOWN_MAX)));
    return false;
}

void admin_operators(struct admin *admin, struct http_exchange *exchange, struct str word)
{
    admin_respond_json(exchange, 200, operators_json(admin));
}

/* --- one, with its parked ids ---------------------------------------------------------------- */

#define UTC(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* One row more than wanted says that there are more. */
static const char parked_sql[] =
    "SELECT json_build_object('id', p.id, 'error', p.error, 'sqlstate', p.sqlstate, 'attempts', "
    "p.attempts, 'next_try', " UTC("p.next_try") ", 'since', " UTC(
        "p.since") "), p.id, "
                   "row_number() OVER (ORDER BY p.id) > $3::int8 FROM walpiper.parked p WHERE "
                   "p.operator = $1 "
                   "AND ($2::text IS NULL OR p.id > $2) ORDER BY p.id LIMIT $3::int8 + 1";

static int answer_parked(const struct admin *admin, size_t i, const PGresult *rows,
                         json_t **ret_json)
{
    json_t *json = operator_json(admin, i), *ids = json_array(), *next = json_null();

    for (int row = 0; row < PQntuples(rows); row++) {
        bool beyond = pg_true(rows, row, 2);
        struct str text = pg_cell(rows, row, 0);
        if (beyond && row > 0)
            next = json_string(PQgetvalue(rows, row - 1, 1));
        else
            json_array_append_new(ids, json_loadb(text.data, text.len, 0, NULL));
    }
    json_object_set_new(json, "parked_ids", ids);
    json_object_set_new(json, "next", next);
    *ret_json = json;
    return 200;
}

struct page {
    struct buffer after; /* with a NUL behind it, when it was said */
    int64_t limit;
};

static int read_page(struct page *page, struct str query, struct error *err)
{
    struct str name, value;

    for (; http_query_next(&query, &name, &value);) {
        if (str_equal(name, STR("limit"))) {
            if (str_to_int64(value, &page->limit) < 0 || page->limit < 1 ||
                page->limit > PARKED_MAX)
                return error_set(err, -EINVAL, "limit must be a whole number from 1 to %d",
                                 PARKED_MAX);
        } else if (!str_equal(name, STR("after"))) {
            return error_set(err, -EINVAL, "there is no parameter %.*s: limit and after",
                             STR_ARG(str_truncate(name, NAME_SHOWN_MAX)));
        } else {
            buffer_reset(&page->after);
            if (percent_decode(&page->after, value, true) < 0)
                return error_set(err, -EINVAL, "after is no id");
            buffer_append_char(&page->after, '\0');
        }
    }
    return 0;
}

void admin_operator(struct admin *admin, struct http_exchange *exchange, struct str word)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct page page = {.limit = PARKED_DEFAULT};
    struct error err = {0};
    char limit[24];
    size_t i;

    if (!admin_find_operator(admin, exchange, word, &i))
        return;
    buffer_init(&page.after, request->target.len + 1);
    if (read_page(&page, request->query, &err) < 0) {
        admin_refuse(exchange, 400, "%s", err.text);
    } else {
        snprintf(limit, sizeof(limit), "%lld", (long long)page.limit);
        operator_ask(admin, exchange, i,
                     &(struct operator_ask){.sql = parked_sql,
                                            .second = page.after.len > 0 ? page.after.data : NULL,
                                            .third = limit,
                                            .value_count = 3,
                                            .answer = answer_parked});
    }
    buffer_release(&page.after);
}

/* --- read your writes ------------------------------------------------------------------------ */

static bool is_any(const struct config_operator *op, const void *what)
{
    return true;
}

static bool is_named(const struct config_operator *op, const void *what)
{
    const struct str *name = what;
    return str_equal(str_from(op->name), *name);
}

void admin_processed(struct admin *admin, struct http_exchange *exchange, struct str word)
{
    struct str rest = http_exchange_request(exchange)->query, name, value, wanted = {NULL, 0};
    struct processed_query query;
    struct error err = {0};
    size_t i;

    if (processed_query_parse(&query, rest, &err) < 0) {
        admin_refuse(exchange, 400, "%s", err.text);
        return;
    }
    while (http_query_next(&rest, &name, &value)) {
        if (str_equal(name, STR("operator"))) {
            wanted = value;
        } else if (!processed_query_names(name)) {
            admin_refuse(exchange, 400, "there is no parameter %.*s: lsn or since, operator, wait",
                         STR_ARG(str_truncate(name, NAME_SHOWN_MAX)));
            return;
        }
    }
    if (wanted.data && !admin_find_operator(admin, exchange, wanted, &i))
        return;
    const struct awaiting_question question = {
        .concerns = wanted.data ? is_named : is_any,
        .what = &wanted,
        .by_lsn = query.by_lsn,
        .lsn = query.lsn,
        .time_us = query.time_us,
        .wait_ms = query.wait_ms,
    };
    if (!awaiting_ask(&admin->awaiting, exchange, &question))
        admin_refuse(exchange, 404, "no operator is configured");
}
