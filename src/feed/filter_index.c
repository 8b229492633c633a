#include "feed/filter_index.h"

#include <errno.h>

struct filter_index {
    struct filter_node *by_filter;
    struct filter_node *others; /* to which no value of a column leads */
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

/* --- nodes ----------------------------------------------------------------------------------- */

/* How a filter is kept: it has so many conditions, and is found by the one with INDEX and so many
 * places. None, if there is none that leads to it. */
struct plan {
    size_t conditions;
    size_t index;
    size_t places;
    struct filter_condition condition;
};

/* One value is better than several, and those better than all above or below one. */
static int rank(const struct filter_condition *condition)
{
    if (filter_places(condition) == 0)
        return 0;
    if (condition->op == FILTER_EQ)
        return 3;
    return condition->op == FILTER_IN ? 2 : 1;
}

static struct plan make_plan(struct str conditions)
{
    struct plan plan = {0};
    struct filter_condition condition;
    int best = 0;

    while (filter_next(&conditions, &condition)) {
        if (rank(&condition) > best) {
            best = rank(&condition);
            plan.index = plan.conditions;
            plan.condition = condition;
            plan.places = filter_places(&condition);
        }
        plan.conditions++;
    }
    return plan;
}

static int add_columns(struct filter_node *node)
{
    struct str rest = node->filter.conditions;
    struct filter_condition condition;

    while (filter_next(&rest, &condition)) {
        struct filter_column *column = filter_column_get(&node->index->columns, &condition);
        if (column == NULL)
            return -ENOMEM;
        node->columns[node->column_count++] = column;
    }
    return 0;
}

static int place(struct filter_node *node, const struct plan *plan)
{
    if (plan->places == 0) {
        DL_APPEND(node->index->others, node);
        return 0;
    }
    node->place_count = plan->places;
    for (size_t i = 0; i < plan->places; i++)
        node->places[i].node = node;
    node->found_by = node->columns[plan->index];
    return filter_column_put(node->found_by, &plan->condition, node->places);
}

static void release(struct filter_node *node)
{
    for (size_t i = 0; i < node->place_count; i++)
        filter_place_leave(&node->places[i]);
    for (size_t i = 0; i < node->column_count; i++)
        filter_column_unref(&node->index->columns, node->columns[i]);
    free(node);
}

/* KEY is the types, then the conditions: it lies behind the node, its places and its columns. */
static struct filter_node *node_alloc(struct str key, const struct plan *plan)
{
    size_t places_len = plan->places * sizeof(struct filter_place);
    size_t columns_len = plan->conditions * sizeof(struct filter_column *);
    struct filter_node *node = calloc(1, sizeof(*node) + places_len + columns_len + key.len);

    if (node == NULL)
        return NULL;
    node->places = (struct filter_place *)(node + 1);
    node->columns = (struct filter_column **)(node->places + plan->places);
    node->key = (struct str){(char *)(node->columns + plan->conditions), key.len};
    memcpy((char *)node->key.data, key.data, key.len);
    return node;
}

static struct filter_node *node_new(struct filter_index *index, const struct filter *filter,
                                    struct str key)
{
    struct plan plan = make_plan(filter->conditions);
    struct filter_node *node = node_alloc(key, &plan);

    if (node == NULL)
        return NULL;
    node->index = index;
    node->audience.is_filtered = true;
    node->filter = (struct filter){
        filter->types, {node->key.data + sizeof(filter->types), key.len - sizeof(filter->types)}};
    if (add_columns(node) < 0 || place(node, &plan) < 0) {
        release(node);
        return NULL;
    }
    node->in_hash = true;
    HASH_ADD_KEYPTR(hh, index->by_filter, node->key.data, node->key.len, node);
    if (node->in_hash)
        return node;
    filter_index_remove(node);
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
    if (node->place_count == 0)
        DL_DELETE(node->index->others, node);
    if (node->in_hash)
        HASH_DEL(node->index->by_filter, node);
    release(node);
}

/* --- an event -------------------------------------------------------------------------------- */

static const struct filter_value *read_column(struct filter_index *index,
                                              struct filter_column *column)
{
    return filter_column_read(column, index->walk->event, index->serial);
}

static bool side_holds(const struct filter_node *node, enum side side, bool unknown_holds)
{
    struct str rest = node->filter.conditions;
    struct filter_condition condition;

    for (size_t i = 0; filter_next(&rest, &condition); i++) {
        const struct filter_value *value = &read_column(node->index, node->columns[i])[side];
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

/* Several values may lead to the same node. */
static void try_node(void *arg, struct filter_node *node)
{
    struct filter_walk *walk = arg;

    if (node->audience.riders[walk->pass] == NULL || node->serial == node->index->serial)
        return;
    node->serial = node->index->serial;
    walk->evaluated++;
    if (passes(node))
        walk->visit(walk->arg, node);
}

/* COLUMN may lead to any of its nodes; NULL: every node counts. */
static void try_all(struct filter_index *index, const struct filter_column *column)
{
    struct filter_node *node, *next;

    HASH_ITER(hh, index->by_filter, node, next)
    {
        if (column == NULL || node->found_by == column)
            try_node(index->walk, node);
    }
}

static void try_others(struct filter_index *index)
{
    struct filter_node *node, *next;

    DL_FOREACH_SAFE(index->others, node, next)
    {
        try_node(index->walk, node);
    }
}

static void try_column(struct filter_index *index, struct filter_column *column)
{
    enum event_type type = index->walk->event->type;
    const struct filter_value *held = read_column(index, column);
    const struct filter_value *counts = &held[type == EVENT_DELETE ? SIDE_OLD : SIDE_NEW];

    if (!counts->known)
        try_all(index, column);
    else
        filter_column_lead(column, counts, type == EVENT_UPDATE ? &held[SIDE_OLD] : NULL, try_node,
                           index->walk);
}

/* The nodes that are visited may go, and their columns with the last of them. */
static void try_columns(struct filter_index *index)
{
    struct filter_column *column, *next;

    if (index->columns != NULL)
        index->columns->references++;
    for (column = index->columns; column != NULL; column = next) {
        try_column(index, column);
        next = column->next;
        if (next != NULL)
            next->references++;
        filter_column_unref(&index->columns, column);
    }
}

size_t filter_index_match(struct filter_index *index, const struct event *event,
                          unsigned index_of_pass, filter_visit visit, void *arg)
{
    struct filter_walk walk = {event, index_of_pass, 0, visit, arg};

    index->serial++;
    index->walk = &walk;
    if (event->type == EVENT_TRUNCATE) {
        try_all(index, NULL);
    } else {
        try_others(index);
        try_columns(index);
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
