#include "feed/filter_column.h"

#include "event/record.h"
#include "event/type.h"

#include <errno.h>

/* What a value leaves behind for the next one. */
#define KEPT_MAX (64u << 10)
#define KEY_MAX UINT32_MAX

enum bucket_kind { BUCKET_VALUE, BUCKET_LOWER, BUCKET_UPPER };

/* The nodes that want one value, or all above or below one. */
struct filter_bucket {
    union {
        UT_hash_handle hh;
        RB_ENTRY(filter_bucket) order;
    };
    enum bucket_kind kind;
    bool in_hash;
    struct filter_column *column;
    struct filter_place *places;
    size_t key_len;
    char key[];
};

static struct str bucket_key(const struct filter_bucket *bucket)
{
    return (struct str){bucket->key, bucket->key_len};
}

static int compare_bounds(const struct filter_bucket *a, const struct filter_bucket *b)
{
    return sort_key_compare(bucket_key(a), bucket_key(b));
}

RB_PROTOTYPE(filter_bounds, filter_bucket, order, compare_bounds)
RB_GENERATE(filter_bounds, filter_bucket, order, compare_bounds)

/* --- columns --------------------------------------------------------------------------------- */

static struct filter_column *column_new(struct filter_column **columns,
                                        const struct filter_condition *condition)
{
    struct filter_column *column = calloc(1, sizeof(*column) + condition->column.len);

    if (column == NULL)
        return NULL;
    column->value_class = condition->value_class;
    column->name_len = condition->column.len;
    memcpy(column->name, condition->column.data, condition->column.len);
    RB_INIT(&column->lower);
    RB_INIT(&column->upper);
    for (int side = 0; side < SIDES; side++) {
        buffer_init(&column->texts[side], KEY_MAX);
        buffer_init(&column->keys[side], KEY_MAX);
    }
    DL_APPEND(*columns, column);
    return column;
}

static struct str column_name(const struct filter_column *column)
{
    return (struct str){column->name, column->name_len};
}

struct filter_column *filter_column_get(struct filter_column **columns,
                                        const struct filter_condition *condition)
{
    struct filter_column *column;

    DL_FOREACH(*columns, column)
    {
        if (column->value_class == condition->value_class &&
            str_equal(column_name(column), condition->column))
            break;
    }
    if (column == NULL)
        column = column_new(columns, condition);
    if (column != NULL)
        column->references++;
    return column;
}

void filter_column_unref(struct filter_column **columns, struct filter_column *column)
{
    if (column == NULL || --column->references > 0)
        return;
    DL_DELETE(*columns, column);
    for (int side = 0; side < SIDES; side++) {
        buffer_release(&column->texts[side]);
        buffer_release(&column->keys[side]);
    }
    free(column);
}

/* --- what an event has ----------------------------------------------------------------------- */

/* The plain text of a JSON value: most lie in the event as they are. */
static int read_text(struct buffer *scratch, struct str json, struct str *ret_text)
{
    bool quoted = json.len >= 2 && json.data[0] == '"';

    if (quoted && memchr(json.data, '\\', json.len) == NULL) {
        *ret_text = (struct str){json.data + 1, json.len - 2};
        return 0;
    }
    *ret_text = json;
    if (!quoted)
        return 0;
    int status = json_scalar_text(scratch, json);
    *ret_text = buffer_str(scratch);
    return status;
}

/* Memory that is out makes a value unknown: it is not missed for that. */
static void read_value(struct filter_column *column, enum side side, struct str json)
{
    struct filter_value value = {.known = json.data != NULL};
    struct buffer *key = &column->keys[side];

    value.null = value.known && str_equal(json, STR("null"));
    if (value.known && !value.null) {
        int status = read_text(&column->texts[side], json, &value.text);
        if (status == 0)
            status = sort_key(key, column->value_class, value.text);
        value.key = buffer_str(key);
        value.has_key = status == 0;
        value.known = status != -ENOMEM && status != -EMSGSIZE;
    }
    column->held[side] = value;
}

static void reset_buffer(struct buffer *buffer)
{
    if (buffer->capacity > KEPT_MAX)
        buffer_release(buffer);
    buffer_reset(buffer);
}

const struct filter_value *filter_column_read(struct filter_column *column,
                                              const struct event *event, uint64_t serial)
{
    struct event_column found = {0};

    if (column->serial == serial)
        return column->held;
    column->serial = serial;
    for (int side = 0; side < SIDES; side++) {
        reset_buffer(&column->texts[side]);
        reset_buffer(&column->keys[side]);
    }
    (void)event_column_find(event, column_name(column), &found);
    read_value(column, SIDE_OLD, found.old_value);
    read_value(column, SIDE_NEW, found.new_value);
    return column->held;
}

/* --- places ---------------------------------------------------------------------------------- */

static struct filter_bounds *bounds_of(struct filter_column *column, enum bucket_kind kind)
{
    return kind == BUCKET_LOWER ? &column->lower : &column->upper;
}

/* False when memory was out. */
static bool bucket_add(struct filter_bucket *bucket)
{
    struct filter_column *column = bucket->column;

    bucket->in_hash = true;
    if (bucket->kind == BUCKET_VALUE)
        HASH_ADD_KEYPTR(hh, column->values, bucket->key, bucket->key_len, bucket);
    else
        RB_INSERT(filter_bounds, bounds_of(column, bucket->kind), bucket);
    return bucket->in_hash;
}

static struct filter_bucket *bucket_new(struct filter_column *column, enum bucket_kind kind,
                                        struct str key)
{
    struct filter_bucket *bucket = calloc(1, sizeof(*bucket) + key.len);

    if (bucket == NULL)
        return NULL;
    bucket->kind = kind;
    bucket->column = column;
    bucket->key_len = key.len;
    memcpy(bucket->key, key.data, key.len);
    return bucket;
}

static struct filter_bucket *find_value(const struct filter_column *column, struct str key)
{
    struct filter_bucket *bucket;

    HASH_FIND(hh, column->values, key.data, key.len, bucket);
    return bucket;
}

static struct filter_bucket *bucket_get(struct filter_column *column, enum bucket_kind kind,
                                        struct str key)
{
    struct filter_bucket *made = bucket_new(column, kind, key);

    if (made == NULL)
        return NULL;
    struct filter_bucket *there = kind == BUCKET_VALUE
                                      ? find_value(column, key)
                                      : RB_FIND(filter_bounds, bounds_of(column, kind), made);
    if (there == NULL && bucket_add(made))
        return made;
    free(made);
    return there;
}

static enum bucket_kind kind_of(enum filter_operator op)
{
    if (op == FILTER_EQ || op == FILTER_IN)
        return BUCKET_VALUE;
    return op == FILTER_GT || op == FILTER_GTE ? BUCKET_LOWER : BUCKET_UPPER;
}

size_t filter_places(const struct filter_condition *condition)
{
    struct str rest = condition->operands;
    struct str key;
    size_t count = 0;

    switch (condition->op) {
    case FILTER_EQ:
    case FILTER_IN:
    case FILTER_GT:
    case FILTER_GTE:
    case FILTER_LT:
    case FILTER_LTE:
        while (filter_operand_next(&rest, &key))
            count++;
        return count;
    default:
        return 0;
    }
}

int filter_column_put(struct filter_column *column, const struct filter_condition *condition,
                      struct filter_place *places)
{
    struct str rest = condition->operands;
    struct str key;

    for (size_t i = 0; filter_operand_next(&rest, &key); i++) {
        struct filter_bucket *bucket = bucket_get(column, kind_of(condition->op), key);
        if (bucket == NULL)
            return -ENOMEM;
        if (bucket->places != NULL && bucket->places->prev->node == places[i].node)
            continue;
        places[i].bucket = bucket;
        DL_APPEND(bucket->places, &places[i]);
    }
    return 0;
}

void filter_place_leave(struct filter_place *place)
{
    struct filter_bucket *bucket = place->bucket;

    if (bucket == NULL)
        return;
    place->bucket = NULL;
    DL_DELETE(bucket->places, place);
    if (bucket->places != NULL)
        return;
    if (bucket->kind == BUCKET_VALUE)
        HASH_DEL(bucket->column->values, bucket);
    else
        RB_REMOVE(filter_bounds, bounds_of(bucket->column, bucket->kind), bucket);
    free(bucket);
}

/* --- from a value to the filters ------------------------------------------------------------- */

static void visit_places(struct filter_bucket *bucket, filter_place_visit visit, void *arg)
{
    struct filter_place *place, *next;

    if (bucket == NULL)
        return;
    DL_FOREACH_SAFE(bucket->places, place, next)
    {
        visit(arg, place->node);
    }
}

/* Those who want all above a bound below KEY, or at it. */
static void visit_lower(struct filter_column *column, struct str key, filter_place_visit visit,
                        void *arg)
{
    struct filter_bucket *bucket, *next;

    for (bucket = RB_MIN(filter_bounds, &column->lower); bucket != NULL; bucket = next) {
        if (sort_key_compare(bucket_key(bucket), key) > 0)
            return;
        next = RB_NEXT(filter_bounds, &column->lower, bucket);
        visit_places(bucket, visit, arg);
    }
}

static void visit_upper(struct filter_column *column, struct str key, filter_place_visit visit,
                        void *arg)
{
    struct filter_bucket *bucket, *next;

    for (bucket = RB_MAX(filter_bounds, &column->upper); bucket != NULL; bucket = next) {
        if (sort_key_compare(bucket_key(bucket), key) < 0)
            return;
        next = RB_PREV(filter_bounds, &column->upper, bucket);
        visit_places(bucket, visit, arg);
    }
}

static void lead(struct filter_column *column, const struct filter_value *held,
                 filter_place_visit visit, void *arg)
{
    if (!held->has_key)
        return;
    visit_places(find_value(column, held->key), visit, arg);
    visit_lower(column, held->key, visit, arg);
    visit_upper(column, held->key, visit, arg);
}

void filter_column_lead(struct filter_column *column, const struct filter_value *held,
                        const struct filter_value *old, filter_place_visit visit, void *arg)
{
    lead(column, held, visit, arg);
    if (old != NULL && !(held->has_key && old->has_key && str_equal(held->key, old->key)))
        lead(column, old, visit, arg);
}
