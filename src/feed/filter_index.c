#include "feed/filter_index.h"

#include "event/record.h"
#include "event/type.h"

#include <errno.h>

/* What a value leaves behind for the next one. */
#define KEPT_MAX (64u << 10)
#define KEY_MAX UINT32_MAX

enum side { SIDE_OLD, SIDE_NEW, SIDES };

/* A column that filters of the topic look at. */
struct filter_column {
    struct filter_column *prev, *next;
    enum value_class value_class;
    size_t references;
    struct filter_bucket *buckets; /* of those that want one value of it */
    uint64_t serial;               /* of the event that the values are of */
    struct filter_value values[SIDES];
    struct buffer texts[SIDES], keys[SIDES];
    size_t name_len;
    char name[];
};

/* The nodes that want one value of a column. */
struct filter_bucket {
    UT_hash_handle hh;
    bool in_hash;
    struct filter_column *column;
    struct filter_node *nodes;
    size_t key_len;
    char key[];
};

struct filter_index {
    struct filter_node *by_filter;
    struct filter_node *others; /* without a bucket */
    struct filter_column *columns;
    uint64_t serial;
    struct filter_walk *walk; /* the event of now */
};

/* One event on its way. */
struct filter_walk {
    const struct event *event;
    unsigned pass;
    size_t evaluated;
    filter_visit visit;
    void *arg;
};

/* --- columns --------------------------------------------------------------------------------- */

static struct filter_column *column_new(struct filter_index *index,
                                        const struct filter_condition *condition)
{
    struct filter_column *column = calloc(1, sizeof(*column) + condition->column.len);

    if (column == NULL)
        return NULL;
    column->value_class = condition->value_class;
    column->name_len = condition->column.len;
    memcpy(column->name, condition->column.data, condition->column.len);
    for (int side = 0; side < SIDES; side++) {
        buffer_init(&column->texts[side], KEY_MAX);
        buffer_init(&column->keys[side], KEY_MAX);
    }
    DL_APPEND(index->columns, column);
    return column;
}

static struct str column_name(const struct filter_column *column)
{
    return (struct str){column->name, column->name_len};
}

static struct filter_column *column_get(struct filter_index *index,
                                        const struct filter_condition *condition)
{
    struct filter_column *column;

    DL_FOREACH(index->columns, column)
    {
        if (column->value_class == condition->value_class &&
            str_equal(column_name(column), condition->column))
            break;
    }
    if (column == NULL)
        column = column_new(index, condition);
    if (column != NULL)
        column->references++;
    return column;
}

static void column_unref(struct filter_index *index, struct filter_column *column)
{
    if (column == NULL || --column->references > 0)
        return;
    DL_DELETE(index->columns, column);
    for (int side = 0; side < SIDES; side++) {
        buffer_release(&column->texts[side]);
        buffer_release(&column->keys[side]);
    }
    free(column);
}

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
static void load_value(struct filter_column *column, enum side side, struct str json)
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
    column->values[side] = value;
}

static void reset_buffer(struct buffer *buffer)
{
    if (buffer->capacity > KEPT_MAX)
        buffer_release(buffer);
    buffer_reset(buffer);
}

/* Once an event. */
static const struct filter_value *load(struct filter_index *index, struct filter_column *column)
{
    struct event_column found = {0};

    if (column->serial == index->serial)
        return column->values;
    column->serial = index->serial;
    for (int side = 0; side < SIDES; side++) {
        reset_buffer(&column->texts[side]);
        reset_buffer(&column->keys[side]);
    }
    (void)event_column_find(index->walk->event, column_name(column), &found);
    load_value(column, SIDE_OLD, found.old_value);
    load_value(column, SIDE_NEW, found.new_value);
    return column->values;
}

/* --- buckets --------------------------------------------------------------------------------- */

static struct filter_bucket *bucket_find(const struct filter_column *column, struct str key)
{
    struct filter_bucket *bucket;

    HASH_FIND(hh, column->buckets, key.data, key.len, bucket);
    return bucket;
}

static struct filter_bucket *bucket_get(struct filter_column *column, struct str key)
{
    struct filter_bucket *bucket = bucket_find(column, key);

    if (bucket != NULL)
        return bucket;
    bucket = calloc(1, sizeof(*bucket) + key.len);
    if (bucket == NULL)
        return NULL;
    bucket->column = column;
    bucket->key_len = key.len;
    memcpy(bucket->key, key.data, key.len);
    bucket->in_hash = true;
    HASH_ADD_KEYPTR(hh, column->buckets, bucket->key, bucket->key_len, bucket);
    if (bucket->in_hash)
        return bucket;
    free(bucket);
    return NULL;
}

static void bucket_leave(struct filter_bucket *bucket, struct filter_node *node)
{
    DL_DELETE(bucket->nodes, node);
    if (bucket->nodes != NULL)
        return;
    HASH_DEL(bucket->column->buckets, bucket);
    free(bucket);
}

/* --- nodes ----------------------------------------------------------------------------------- */

static size_t count_conditions(struct str conditions)
{
    struct filter_condition condition;
    size_t count = 0;

    while (filter_next(&conditions, &condition))
        count++;
    return count;
}

static int add_columns(struct filter_node *node)
{
    struct str rest = node->filter.conditions;
    struct filter_condition condition;

    while (filter_next(&rest, &condition)) {
        struct filter_column *column = column_get(node->index, &condition);
        if (column == NULL)
            return -ENOMEM;
        node->columns[node->column_count++] = column;
    }
    return 0;
}

/* By the first condition that wants one value, if there is any. */
static int place(struct filter_node *node)
{
    struct str rest = node->filter.conditions;
    struct filter_condition condition;
    struct str key;

    for (size_t i = 0; filter_next(&rest, &condition); i++) {
        if (condition.op != FILTER_EQ || !filter_operand_next(&condition.operands, &key))
            continue;
        node->bucket = bucket_get(node->columns[i], key);
        if (node->bucket == NULL)
            return -ENOMEM;
        DL_APPEND(node->bucket->nodes, node);
        return 0;
    }
    DL_APPEND(node->index->others, node);
    return 0;
}

static void release(struct filter_node *node)
{
    for (size_t i = 0; i < node->column_count; i++)
        column_unref(node->index, node->columns[i]);
    free(node);
}

/* KEY is the types, then the conditions: it lies behind the node and its columns. */
static struct filter_node *node_new(struct filter_index *index, const struct filter *filter,
                                    struct str key)
{
    size_t columns = count_conditions(filter->conditions);
    size_t columns_len = columns * sizeof(struct filter_column *);
    struct filter_node *node = calloc(1, sizeof(*node) + columns_len + key.len);

    if (node == NULL)
        return NULL;
    char *bytes = (char *)(node + 1) + columns_len;
    memcpy(bytes, key.data, key.len);
    node->index = index;
    node->audience.is_filtered = true;
    node->columns = (struct filter_column **)(node + 1);
    node->filter = (struct filter){
        filter->types, {bytes + sizeof(filter->types), key.len - sizeof(filter->types)}};
    node->in_hash = true;
    if (add_columns(node) == 0 && place(node) == 0) {
        HASH_ADD_KEYPTR(hh, index->by_filter, bytes, key.len, node);
        if (node->in_hash)
            return node;
        filter_index_remove(node);
        return NULL;
    }
    release(node);
    return NULL;
}

struct filter_node *filter_index_get(struct filter_index *index, const struct filter *filter)
{
    struct filter_node *node = NULL;
    struct buffer key;

    buffer_init(&key, sizeof(filter->types) + filter->conditions.len);
    buffer_append(&key, &filter->types, sizeof(filter->types));
    if (buffer_append_str(&key, filter->conditions) == 0) {
        HASH_FIND(hh, index->by_filter, key.data, key.len, node);
        if (node == NULL)
            node = node_new(index, filter, buffer_str(&key));
    }
    buffer_release(&key);
    return node;
}

void filter_index_remove(struct filter_node *node)
{
    if (node->bucket != NULL)
        bucket_leave(node->bucket, node);
    else
        DL_DELETE(node->index->others, node);
    if (node->in_hash)
        HASH_DEL(node->index->by_filter, node);
    release(node);
}

/* --- an event -------------------------------------------------------------------------------- */

static bool side_holds(const struct filter_node *node, enum side side, bool unknown_holds)
{
    struct str rest = node->filter.conditions;
    struct filter_condition condition;

    for (size_t i = 0; filter_next(&rest, &condition); i++) {
        const struct filter_value *value = &load(node->index, node->columns[i])[side];
        if (value->known ? !filter_holds(&condition, value) : !unknown_holds)
            return false;
    }
    return true;
}

static bool passes(const struct filter_node *node)
{
    enum event_type type = node->index->walk->event->type;

    if ((node->filter.types & FILTER_TYPE(type)) == 0)
        return false;
    if (type == EVENT_DELETE)
        return side_holds(node, SIDE_OLD, true);
    return type == EVENT_TRUNCATE || side_holds(node, SIDE_NEW, true) ||
           (type == EVENT_UPDATE && side_holds(node, SIDE_OLD, false));
}

static void try_nodes(struct filter_node *nodes, struct filter_walk *walk)
{
    struct filter_node *node, *next;

    DL_FOREACH_SAFE(nodes, node, next)
    {
        if (node->audience.riders[walk->pass] == NULL)
            continue;
        walk->evaluated++;
        if (passes(node))
            walk->visit(walk->arg, node);
    }
}

static void try_all_buckets(struct filter_column *column, struct filter_walk *walk)
{
    struct filter_bucket *bucket, *next;

    HASH_ITER(hh, column->buckets, bucket, next)
    {
        try_nodes(bucket->nodes, walk);
    }
}

/* A node that is visited may take its bucket and its column with it: both buckets are looked up
 * before. */
static void try_column(struct filter_index *index, struct filter_column *column)
{
    const struct filter_value *values = load(index, column);
    struct filter_walk *walk = index->walk;
    enum event_type type = walk->event->type;
    const struct filter_value *counts = &values[type == EVENT_DELETE ? SIDE_OLD : SIDE_NEW];
    struct filter_bucket *bucket = NULL, *before = NULL;

    if (type == EVENT_TRUNCATE || !counts->known) {
        try_all_buckets(column, walk);
        return;
    }
    if (counts->has_key)
        bucket = bucket_find(column, counts->key);
    if (type == EVENT_UPDATE && values[SIDE_OLD].has_key)
        before = bucket_find(column, values[SIDE_OLD].key);
    if (bucket != NULL)
        try_nodes(bucket->nodes, walk);
    if (before != NULL && before != bucket)
        try_nodes(before->nodes, walk);
}

size_t filter_index_match(struct filter_index *index, const struct event *event,
                          unsigned index_of_pass, filter_visit visit, void *arg)
{
    struct filter_walk walk = {event, index_of_pass, 0, visit, arg};
    struct filter_column *column, *next;

    index->serial++;
    index->walk = &walk;
    try_nodes(index->others, &walk);
    DL_FOREACH_SAFE(index->columns, column, next)
    {
        if (column->buckets != NULL)
            try_column(index, column);
    }
    index->walk = NULL;
    return walk.evaluated;
}

struct filter_index *filter_index_new(void)
{
    return calloc(1, sizeof(struct filter_index));
}

void filter_index_free(struct filter_index *index)
{
    free(index);
}

bool filter_index_is_empty(const struct filter_index *index)
{
    return index->by_filter == NULL;
}
