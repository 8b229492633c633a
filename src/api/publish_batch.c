#include "api/publish_batch.h"

#include "decode/json_reader.h"

#include <stdlib.h>

#define ITEMS_FIRST 16
#define NAME_SHOWN 64 /* of a field that is not known */

struct parse {
    struct publish_batch *batch;
    struct publish_item *item;
    struct json_reader reader;
    struct publish_fault *fault;
};

static int fail(struct parse *parse, const char *field, const char *what)
{
    parse->fault->item = (int64_t)parse->batch->count;
    parse->fault->field = field;
    return error_set(&parse->fault->err, -EINVAL, "event %zu: \"%s\" %s", parse->batch->count,
                     field, what);
}

/* The JSON itself is wrong, or has a \u0000, which the reader refuses; STATUS is the reader's. */
static int fail_json(struct parse *parse, const char *field, int status)
{
    if (status == -ENOMEM)
        return status;
    parse->fault->item = (int64_t)parse->batch->count;
    parse->fault->field = field;
    return error_set(&parse->fault->err, -EINVAL, "event %zu: the JSON is wrong at byte %zu: %s",
                     parse->batch->count, json_offset(&parse->reader), parse->reader.fault);
}

static int fail_batch(struct parse *parse, const char *what)
{
    parse->fault->item = -1;
    parse->fault->field = NULL;
    return error_set(&parse->fault->err, -EINVAL, "%s", what);
}

/* --- one event ------------------------------------------------------------------------------- */

static size_t keep(struct parse *parse, struct str text)
{
    struct buffer *out = &parse->batch->text;
    size_t place = out->len;

    buffer_append_str(out, text);
    buffer_append_char(out, '\0');
    return place;
}

static int read_text(struct parse *parse, const char *field, bool may_be_null, size_t *ret_place)
{
    struct scalar scalar;
    int status;

    if (*ret_place != PUBLISH_NONE)
        return fail(parse, field, "is there twice");
    status = json_read_scalar(&parse->reader, &scalar);
    if (status < 0)
        return fail_json(parse, field, status);
    if (scalar.kind == SCALAR_NULL && may_be_null)
        return 0;
    if (scalar.kind != SCALAR_STRING)
        return fail(parse, field, "must be a string");
    *ret_place = keep(parse, scalar.text);
    return 0;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* Numbers keep their digits: the text goes to the table as it is. */
static int read_payload(struct parse *parse)
{
    struct json_reader *reader = &parse->reader;
    struct publish_item *item = parse->item;
    const char *from = skip_space(reader->at, reader->end);
    struct str plain;
    bool is_string = from < reader->end && *from == '"';
    int status;

    if (item->payload != PUBLISH_NONE)
        return fail(parse, "payload", "is there twice");
    status = is_string ? json_read_string(reader, &plain) : json_skip(reader);
    if (status < 0)
        return fail_json(parse, "payload", status);
    item->payload = keep(parse, (struct str){from, (size_t)(reader->at - from)});
    if (is_string)
        item->plain = keep(parse, plain);
    return 0;
}

static int fail_unknown(struct parse *parse, struct str name)
{
    struct str shown = str_truncate(name, NAME_SHOWN);

    parse->fault->item = (int64_t)parse->batch->count;
    parse->fault->field = NULL;
    return error_set(&parse->fault->err, -EINVAL,
                     "event %zu: field \"%.*s\" is not known; there are type, subscriber, payload "
                     "and timestamp",
                     parse->batch->count, STR_ARG(shown));
}

static int read_member(struct parse *parse, struct str name)
{
    if (str_equal(name, STR("type")))
        return read_text(parse, "type", false, &parse->item->type);
    if (str_equal(name, STR("subscriber")) || str_equal(name, STR("consumer")))
        return read_text(parse, "subscriber", false, &parse->item->consumer);
    if (str_equal(name, STR("timestamp")))
        return read_text(parse, "timestamp", true, &parse->item->timestamp);
    if (str_equal(name, STR("payload")))
        return read_payload(parse);
    return fail_unknown(parse, name);
}

static int add_item(struct publish_batch *batch, struct publish_item **ret_item)
{
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity > 0 ? batch->capacity * 2 : ITEMS_FIRST;
        struct publish_item *items = realloc(batch->items, capacity * sizeof(*items));
        if (items == NULL)
            return -ENOMEM;
        batch->items = items;
        batch->capacity = capacity;
    }
    *ret_item = &batch->items[batch->count];
    **ret_item =
        (struct publish_item){PUBLISH_NONE, PUBLISH_NONE, PUBLISH_NONE, PUBLISH_NONE, PUBLISH_NONE};
    return 0;
}

static int read_event(struct parse *parse)
{
    struct str name;
    int status = add_item(parse->batch, &parse->item);

    if (status < 0)
        return status;
    status = json_enter(&parse->reader, '{');
    while (status == 0 && (status = json_next_member(&parse->reader, &name)) > 0) {
        status = read_member(parse, name);
        if (status < 0)
            return status;
    }
    if (status < 0)
        return fail_json(parse, NULL, status);
    if (parse->item->type == PUBLISH_NONE)
        return fail(parse, "type", "is missing");
    if (parse->item->consumer == PUBLISH_NONE)
        return fail(parse, "subscriber", "is missing");
    parse->batch->count++;
    return 0;
}

/* --- the body -------------------------------------------------------------------------------- */

static int finish(struct parse *parse)
{
    int status = json_finish(&parse->reader);

    if (status < 0)
        return fail_batch(parse, "text follows the end of the JSON value");
    return 0;
}

static int read_array(struct parse *parse)
{
    int status = json_enter(&parse->reader, '[');

    while (status == 0 && (status = json_next_element(&parse->reader)) > 0) {
        status = read_event(parse);
        if (status < 0)
            return status;
    }
    return status < 0 ? fail_json(parse, NULL, status) : finish(parse);
}

static int read_json(struct parse *parse, struct str body)
{
    const char *from = skip_space(body.data, body.data + body.len);

    if (json_start(&parse->reader, body) < 0)
        return fail_batch(parse, "the body is too long");
    if (from < body.data + body.len && *from == '[')
        return read_array(parse);
    int status = read_event(parse);
    return status < 0 ? status : finish(parse);
}

static int read_lines(struct parse *parse, struct str body)
{
    while (body.data != NULL) {
        struct str line = str_cut(&body, '\n');
        int status;
        if (skip_space(line.data, line.data + line.len) == line.data + line.len)
            continue;
        json_start(&parse->reader, line);
        status = read_event(parse);
        if (status == 0 && json_finish(&parse->reader) < 0)
            status = fail_batch(parse, "text follows the end of a line's JSON value");
        if (status < 0)
            return status;
    }
    return 0;
}

int publish_batch_parse(struct publish_batch *ret, struct str body, enum publish_form form,
                        struct publish_fault *ret_fault)
{
    struct publish_batch batch = {0};
    struct parse parse = {.batch = &batch, .fault = ret_fault};
    int status = 0;

    *ret_fault = (struct publish_fault){.item = -1};
    /* Each text once, its NUL, and strings once more. */
    buffer_init(&batch.text, 3 * body.len + 1);
    json_reader_init(&parse.reader);
    if (body.len > 0)
        status = form == PUBLISH_JSON ? read_json(&parse, body) : read_lines(&parse, body);
    if (status == 0 && batch.count == 0)
        status = fail_batch(&parse, "there is no event in the body");
    if (status == 0)
        status = batch.text.failed;
    json_reader_release(&parse.reader);
    if (status < 0)
        publish_batch_release(&batch);
    else
        *ret = batch;
    return status;
}

void publish_batch_release(struct publish_batch *batch)
{
    buffer_release(&batch->text);
    free(batch->items);
    *batch = (struct publish_batch){0};
}

const char *publish_text(const struct publish_batch *batch, size_t place)
{
    return place == PUBLISH_NONE ? NULL : batch->text.data + place;
}
