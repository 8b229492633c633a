/* GET /processed/TABLE: have the operators that listen to a table applied what was committed? */
#include "api/internal.h"
#include "api/processed_query.h"

#include <errno.h>
#include <stdlib.h>

#define TEXT_MAX 512
#define NAME_SHOWN_MAX 64

static bool listens(const struct config_operator *op, const void *what)
{
    const struct table_name *table = what;

    for (size_t i = 0; i < op->source_count; i++) {
        const struct table_name source = {str_from(op->sources[i].schema),
                                          str_from(op->sources[i].table)};
        if (table_name_equal(source, *table))
            return true;
    }
    return false;
}

static int check_names(const struct api_request *request, struct error *err)
{
    struct str name, value;

    for (struct str rest = request->http->query; http_query_next(&rest, &name, &value);)
        if (!processed_query_names(name) && !access_names_the_token(&request->access, name))
            return error_set(err, -EINVAL, "There is no parameter \"%.*s\": lsn or since, and wait",
                             STR_ARG(str_truncate(name, NAME_SHOWN_MAX)));
    return 0;
}

static void refuse_table(const struct api_request *request, struct str table)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof(text), "No operator listens to table \"%.*s\"",
             STR_ARG(str_truncate(table, NAME_SHOWN_MAX)));
    api_respond_text(request, 404, str_from(text));
}

void api_processed(struct api *api, const struct api_request *request)
{
    struct str table = request->segments[1];
    struct table_name name = table_name_parse(table);
    struct processed_query query;
    struct error err = {0};

    if (request->segment_count != 2) {
        api_respond_text(request, 404, STR("Not found"));
        return;
    }
    if (!access_topic(&request->access, &table, 1))
        return;
    if (check_names(request, &err) < 0 ||
        processed_query_parse(&query, request->http->query, &err) < 0) {
        api_respond_text(request, 400, str_from(err.text));
        return;
    }
    const struct awaiting_question question = {
        .table = table,
        .concerns = listens,
        .what = &name,
        .by_lsn = query.by_lsn,
        .lsn = query.lsn,
        .time_us = query.time_us,
        .wait_ms = query.wait_ms,
        .expires = access_expires(&request->access),
    };
    if (!awaiting_ask(&api->awaiting, request->exchange, &question))
        refuse_table(request, table);
}
