#include "api/publish_result.h"

#include "event/type.h"
#include "pg/failure.h"
#include "pg/result.h"

static void append_id(struct buffer *ids, struct str id)
{
    int64_t number;

    if (ids->len > 0)
        buffer_append_char(ids, ',');
    if (id.data == NULL)
        buffer_append_str(ids, STR("null"));
    else if (str_to_int64(id, &number) == 0)
        buffer_append_str(ids, id);
    else
        json_quote(ids, id);
}

void publish_result_claim(struct publish_request *request, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    request->key_taken = sqlstate != NULL && strcmp(sqlstate, "23505") == 0;
}

void publish_result_item(struct publish_request *request, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        append_id(&request->ids, PQntuples(result) > 0 ? pg_cell(result, 0, 0) : (struct str){0});
    else if (PQresultStatus(result) == PGRES_FATAL_ERROR && request->failed < 0)
        request->failed = (int64_t)request->answered;
    request->answered++;
}

void publish_result_found(struct publish_request *request, const PGresult *result)
{
    int row = 1;

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0 ||
        !str_equal(pg_cell(result, 0, 0), STR("0")))
        return;
    request->found = true;
    request->same = str_equal(pg_cell(result, 0, 1), str_from(request->digest));
    for (size_t item = 1; request->same && item <= request->batch.count; item++) {
        int64_t stored = 0;
        bool here = row < PQntuples(result) &&
                    str_to_int64(pg_cell(result, row, 0), &stored) == 0 && stored == (int64_t)item;
        append_id(&request->ids, here ? pg_cell(result, row, 1) : (struct str){0});
        row += here;
    }
}

/* An internal error of the server is not the batch's fault, whatever was in it. */
static enum pg_failure_class classify(const struct error *err)
{
    bool internal = strncmp(err->sqlstate, "XX", 2) == 0;

    return internal ? PG_FAILURE_SYSTEMIC : pg_failure_classify(err->sqlstate);
}

struct publish_outcome publish_result_failure(const struct publish_request *request,
                                              const struct error *err)
{
    struct publish_outcome outcome = {.fault = {*err, request->failed, NULL}};

    switch (classify(err)) {
    case PG_FAILURE_DATA:
        outcome.result = PUBLISH_REFUSED;
        if (request->failed >= 0)
            error_prefix(&outcome.fault.err, "event %lld", (long long)request->failed);
        break;
    case PG_FAILURE_TRANSIENT:
        outcome.result = PUBLISH_AWAY;
        break;
    case PG_FAILURE_SYSTEMIC:
        outcome.result = PUBLISH_BROKEN;
        break;
    }
    return outcome;
}

struct publish_outcome publish_result_lookup(const struct publish_request *request)
{
    struct publish_outcome outcome = {PUBLISH_DONE, .ids = buffer_str(&request->ids)};

    if (request->found && !request->same)
        outcome.result = PUBLISH_KEY_REUSED;
    else if (!request->found || request->ids.failed != 0)
        outcome.result = PUBLISH_AWAY; /* the one who had the key has removed it, or failed */
    return outcome;
}
