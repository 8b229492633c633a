#include "admin/operator_json.h"
#include "base/error.h"
#include "base/lsn.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *text_json(const char *text)
{
    json_t *json = text ? json_string(text) : NULL;
    return json ? json : json_null();
}

static json_t *target_json(const struct config_operator *op)
{
    return op->target_table ? json_sprintf("%s.%s", op->target_schema, op->target_table)
                            : json_null();
}

static json_t *error_json(const struct operator_counters *counters)
{
    char text[OPERATOR_ERROR_MAX];
    return operator_counters_error((struct operator_counters *)counters, text) ? text_json(text)
                                                                               : json_null();
}

static json_t *lsn_json(uint64_t lsn)
{
    char text[LSN_TEXT_MAX];
    return lsn > 0 ? json_string(lsn_format(lsn, text)) : json_null();
}

static json_int_t number(const _Atomic uint64_t *counter)
{
    return (json_int_t)counter_read(counter);
}

json_t *operator_json(const struct admin *admin, size_t i)
{
    static const char *const forms[] = {[CONFIG_QUERY] = "query",
                                        [CONFIG_BATCH] = "batch",
                                        [CONFIG_SELECT] = "select",
                                        [CONFIG_CALL] = "call"};
    const struct config_operator *op = &admin->context.config->operators[i];
    const struct operator_counters *counters = &admin->context.operators[i];
    const char *state = atomic_load_explicit(&counters->state, memory_order_relaxed);
    bool rebuilding = counter_read(&counters->rebuilding) != 0;

    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:f, s:I, s:I, s:I, s:I, s:b, s:o, s:o}",
                     "name", op->name, "target", target_json(op), "form", forms[op->form], "state",
                     text_json(state), "applied", lsn_json(counter_read(&counters->applied_lsn)),
                     "lag_bytes",
                     counter_read(&counters->applied_lsn) > 0
                         ? json_integer((json_int_t)admin_operator_lag_bytes(admin, i))
                         : json_null(),
                     "lag_seconds", (double)admin_operator_lag_ms(admin, i) / 1000, "events",
                     number(&counters->events), "dirty", number(&counters->dirty), "parked",
                     number(&counters->parked), "failures", number(&counters->failures),
                     "rebuilding", (int)rebuilding, "rebuild_step",
                     rebuilding ? json_integer(number(&counters->rebuild_step)) : json_null(),
                     "error", error_json(counters));
}

json_t *operators_json(const struct admin *admin)
{
    json_t *operators = json_array();

    for (size_t i = 0; i < admin->context.config->operator_count; i++)
        json_array_append_new(operators, operator_json(admin, i));
    return operators;
}

void admin_respond_json(struct http_exchange *exchange, int status, json_t *json)
{
    static const struct http_header no_store = {STR("Cache-Control"), STR("no-store")};
    char *dump = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;

    http_respond(exchange, &(struct http_response){
                               .status = dump ? status : 503,
                               .content_type = "application/json",
                               .body = dump ? str_from(dump) : STR("{}"),
                               .headers = &no_store,
                               .header_count = 1,
                           });
    free(dump);
    json_decref(json);
}

void admin_refuse(struct http_exchange *exchange, int status, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    admin_respond_json(exchange, status, json_pack("{s:o}", "error", text_json(text)));
}
