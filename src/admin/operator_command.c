/* POST /operators/NAME/{retry,skip,pause,resume,rebuild}: the functions of sql/state.sql. What they
 * ask for, a running service does within a second. */
#include "admin/operator_ask.h"
#include "base/percent.h"
#include "operator/definition.h"
#include "operator/id.h"
#include "operator/statements.h"
#include "pg/result.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX ((size_t)64 << 10)
#define NAME_SHOWN_MAX 64

struct command {
    const char *name;
    const char *sql;
    const char *option; /* its $2; NULL: it has none */
    bool counts;        /* it says of how many ids */
    bool rebuilds;
    const struct command *swap; /* what it is with swap: true; NULL: it has no such option */
};

static const struct command rebuild_swap = {
    "rebuild with swap", "SELECT walpiper.rebuild_swap($1)", NULL, false, true, NULL};

static const struct command commands[] = {
    {"retry", "SELECT walpiper.retry($1, $2)", "id", true, false, NULL},
    {"skip", "SELECT walpiper.skip($1, $2)", "id", true, false, NULL},
    {"pause", "SELECT walpiper.pause($1)", NULL, false, false, NULL},
    {"resume", "SELECT walpiper.resume($1)", NULL, false, false, NULL},
    {"rebuild", "SELECT walpiper.rebuild($1, $2)", "where", false, true, &rebuild_swap},
};

struct asked {
    struct admin *admin;
    size_t i;
    const struct command *command;
    char *option; /* owned; NULL: not said */
};

static void asked_free(struct asked *asked)
{
    free(asked->option);
    free(asked);
}

/* --- the answer ------------------------------------------------------------------------------ */

static const char *name_of(const struct admin *admin, size_t i)
{
    return admin->context.config->operators[i].name;
}

static int answer_done(const struct admin *admin, size_t i, const PGresult *rows, json_t **ret_json)
{
    *ret_json = json_pack("{s:s, s:b}", "operator", name_of(admin, i), "done", true);
    return 200;
}

static int answer_ids(const struct admin *admin, size_t i, const PGresult *rows, json_t **ret_json)
{
    int64_t ids = 0;

    (void)str_to_int64(pg_cell(rows, 0, 0), &ids);
    *ret_json = json_pack("{s:s, s:b, s:I}", "operator", name_of(admin, i), "done", true, "ids",
                          (json_int_t)ids);
    return 200;
}

static int answer_id(const struct admin *admin, size_t i, const PGresult *rows, json_t **ret_json)
{
    if (!str_equal(pg_cell(rows, 0, 0), STR("0")))
        return answer_ids(admin, i, rows, ret_json);
    *ret_json = json_pack("{s:o}", "error",
                          json_sprintf("operator %s has not parked this id", name_of(admin, i)));
    return 404;
}

/* --- running --------------------------------------------------------------------------------- */

static int may_run(const struct asked *asked, struct error *err)
{
    const struct config *config = asked->admin->context.config;
    const struct config_operator *op = &config->operators[asked->i];

    if (asked->command->rebuilds && op->form == CONFIG_CALL)
        return error_set(err, -EINVAL,
                         "operator %s calls a function for each event: it has no rows that could "
                         "be computed anew",
                         op->name);
    if (asked->command != &rebuild_swap)
        return 0;
    return definition_may_swap(config->operators, config->operator_count, op, err);
}

/* A condition that the server does not take would end the rebuild later, with a line in a log that
 * the one who asked may never see. */
static void append_check(struct buffer *out, const struct asked *asked)
{
    const struct config *config = asked->admin->context.config;

    buffer_append_str(out, STR("EXPLAIN "));
    statement_page(out, &config->operators[asked->i], 0, false, asked->option, 1);
    buffer_append_char(out, '\0');
}

static void ask(const struct asked *asked, struct http_exchange *exchange, const char *check)
{
    const struct command *command = asked->command;
    const struct operator_ask ask = {
        .check = check,
        .sql = command->sql,
        .second = asked->option,
        .value_count = command->option ? 2 : 1,
        .answer = !command->counts ? answer_done
                  : asked->option  ? answer_id
                                   : answer_ids,
    };

    operator_ask(asked->admin, exchange, asked->i, &ask);
}

/* Takes ASKED. */
static void run(struct asked *asked, struct http_exchange *exchange)
{
    bool has_condition = asked->command->rebuilds && asked->option;
    struct error err = {0};
    struct buffer check;

    buffer_init(&check, STATEMENT_MAX + TEXT_MAX);
    if (may_run(asked, &err) < 0) {
        admin_refuse(exchange, 409, "%s", err.text);
    } else {
        if (has_condition)
            append_check(&check, asked);
        if (check.failed != 0)
            admin_refuse(exchange, 503, "out of memory");
        else
            ask(asked, exchange, has_condition ? check.data : NULL);
    }
    buffer_release(&check);
    asked_free(asked);
}

/* --- options --------------------------------------------------------------------------------- */

/* ID as the state tables have it: of several columns an array of texts. */
static int part_text(const json_t *part, char number[24], struct str *ret_text)
{
    if (json_is_string(part)) {
        *ret_text = (struct str){json_string_value(part), json_string_length(part)};
        return 0;
    }
    if (!json_is_integer(part))
        return -EINVAL;
    int len = snprintf(number, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(part));
    *ret_text = (struct str){number, (size_t)len};
    return 0;
}

static int id_text(struct buffer *out, const json_t *value)
{
    struct str parts[CONFIG_ID_COLUMNS_MAX];
    char numbers[CONFIG_ID_COLUMNS_MAX][24];
    size_t count = json_is_array(value) ? json_array_size(value) : 1;

    if (count > CONFIG_ID_COLUMNS_MAX || (json_is_array(value) && count < 2))
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        const json_t *part = json_is_array(value) ? json_array_get(value, i) : value;
        if (part_text(part, numbers[i], &parts[i]) < 0)
            return -EINVAL;
    }
    return id_join(out, parts, count);
}

static int keep_option(struct asked *asked, const struct buffer *text, struct error *err)
{
    const char *name = asked->command->option;

    if (asked->option)
        return error_set(err, -EINVAL, "%s is said twice", name);
    if (text->failed != 0)
        return error_set(err, -EINVAL, "%s is too long", name);
    asked->option = str_dup(buffer_str(text));
    return asked->option ? 0 : error_set(err, -ENOMEM, "out of memory");
}

static int take_swap(struct asked *asked, bool swap, struct error *err)
{
    if (!swap)
        return 0;
    asked->command = asked->command->swap;
    return asked->option ? error_set(err, -EINVAL, "rebuild takes swap or where, not both") : 0;
}

static bool is_swap(const struct asked *asked, struct str name)
{
    return asked->command->swap && str_equal(name, STR("swap"));
}

static int check_option(const struct asked *asked, struct str name, struct error *err)
{
    const struct command *command = asked->command;

    if (command->option && str_equal(name, str_from(command->option)))
        return 0;
    return error_set(err, -EINVAL, "%s takes no %.*s%s%s", command->name,
                     STR_ARG(str_truncate(name, NAME_SHOWN_MAX)), command->option ? ", but " : "",
                     command->option ? command->option : "");
}

static int read_query(struct asked *asked, struct str query, struct error *err)
{
    struct str name, value;
    struct buffer text;
    int rc = 0;

    buffer_init(&text, TEXT_MAX);
    while (rc == 0 && http_query_next(&query, &name, &value)) {
        buffer_reset(&text);
        if (is_swap(asked, name)) {
            rc = take_swap(asked, str_equal(value, STR("true")), err);
            continue;
        }
        rc = check_option(asked, name, err);
        if (rc == 0 && percent_decode(&text, value, true) < 0)
            rc = error_set(err, -EINVAL, "%s is not well percent-encoded", asked->command->option);
        if (rc == 0)
            rc = keep_option(asked, &text, err);
    }
    buffer_release(&text);
    return rc;
}

static int read_value(struct asked *asked, const char *name, const json_t *value, struct error *err)
{
    bool is_id = strcmp(name, "id") == 0;
    struct buffer text;

    if (is_swap(asked, str_from(name)) && json_is_boolean(value))
        return take_swap(asked, json_is_true(value), err);
    int rc = check_option(asked, str_from(name), err);
    if (rc < 0)
        return rc;
    buffer_init(&text, TEXT_MAX);
    if (is_id ? id_text(&text, value) < 0 : !json_is_string(value))
        rc = error_set(err, -EINVAL, "%s must be %s", name,
                       is_id ? "a string, an integer, or an array of them" : "a string");
    if (rc == 0 && !is_id)
        buffer_append_str(&text, str_from(json_string_value(value)));
    if (rc == 0)
        rc = keep_option(asked, &text, err);
    buffer_release(&text);
    return rc;
}

static int read_body(struct asked *asked, struct str body, struct error *err)
{
    json_error_t why;
    json_t *json = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, &why), *value;
    const char *name;
    int rc = 0;

    if (!json_is_object(json)) {
        json_decref(json);
        return error_set(err, -EINVAL, "the body is no JSON object");
    }
    json_object_foreach(json, name, value)
    {
        if (rc == 0)
            rc = read_value(asked, name, value, err);
    }
    json_decref(json);
    return rc;
}

/* --- the request ----------------------------------------------------------------------------- */

static void on_body(void *owner, struct http_exchange *exchange, struct str body)
{
    struct asked *asked = owner;
    struct error err = {0};

    if (read_body(asked, body, &err) == 0) {
        run(asked, exchange);
        return;
    }
    admin_refuse(exchange, err.code == -EINVAL ? 400 : 503, "%s", err.text);
    asked_free(asked);
}

static void on_body_gone(void *owner, const char *reason)
{
    asked_free(owner);
}

static bool is_json(const struct http_request *request)
{
    struct str type = http_request_header(request, STR("Content-Type"));
    return str_equal_nocase(str_trim(str_cut(&type, ';')), STR("application/json"));
}

static const struct command *command_of(struct str path)
{
    const struct command *command = commands;
    const char *last = (const char *)memrchr(path.data, '/', path.len) + 1;
    struct str name = {last, (size_t)(path.data + path.len - last)};

    while (!str_equal(str_from(command->name), name))
        command++; /* the routes name no other */
    return command;
}

void admin_operator_command(struct admin *admin, struct http_exchange *exchange, struct str word)
{
    static const struct http_body_events events = {on_body, on_body_gone};
    const struct http_request *request = http_exchange_request(exchange);
    bool has_body = request->content_length > 0 || request->chunked;
    struct error err = {0};
    size_t i;

    if (!admin_find_operator(admin, exchange, word, &i))
        return;
    if (has_body && !is_json(request)) {
        admin_refuse(exchange, 415, "Content-Type must be application/json");
        return;
    }
    struct asked *asked = calloc(1, sizeof(*asked));
    if (!asked) {
        admin_refuse(exchange, 503, "out of memory");
        return;
    }
    *asked = (struct asked){.admin = admin, .i = i, .command = command_of(request->path)};
    if (read_query(asked, request->query, &err) < 0) {
        admin_refuse(exchange, err.code == -EINVAL ? 400 : 503, "%s", err.text);
        asked_free(asked);
    } else if (has_body) {
        http_take_body(exchange, &events, asked);
    } else {
        run(asked, exchange);
    }
}
