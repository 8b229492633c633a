/* feed/filter_column.h - a column that filters of one topic look at: what the event of now has in
 * it, made comparable once, and the filters that it leads to: by one of the values that they want,
 * or by the bound above or below which they want all. So an event comes to the filters that it may
 * pass without looking at the others.
 *
 * Private to the room. Owns its buckets, and borrows the places in them, which lie in the nodes. */
#ifndef FEED_FILTER_COLUMN_H
#define FEED_FILTER_COLUMN_H

#include "feed/filter.h"
#include "feed/hash.h"
#include <bsd/sys/tree.h>

struct filter_bucket;
struct filter_node;

enum side { SIDE_OLD, SIDE_NEW, SIDES };

/* One of the values, or the bound, by which a node is found. */
struct filter_place {
    struct filter_node *node;
    struct filter_bucket *bucket;
    struct filter_place *prev, *next;
};

RB_HEAD(filter_bounds, filter_bucket);

struct filter_column {
    struct filter_column *prev, *next;
    enum value_class value_class;
    size_t references;
    struct filter_bucket *values; /* of those who want one of them */
    struct filter_bounds lower;   /* gt, gte */
    struct filter_bounds upper;   /* lt, lte */
    uint64_t serial;              /* of the event that the following is of */
    struct filter_value held[SIDES];
    struct buffer texts[SIDES], keys[SIDES];
    size_t name_len;
    char name[];
};

/* A reference to the one of COLUMNS that CONDITION looks at, made if it is not there. NULL when
 * memory is out. */
struct filter_column *filter_column_get(struct filter_column **columns,
                                        const struct filter_condition *condition);
void filter_column_unref(struct filter_column **columns, struct filter_column *column);

/* Whether CONDITION leads from a value to its filter, and by how many places: 0 when it does not.
 */
size_t filter_places(const struct filter_condition *condition);
/* Puts PLACES, as many as filter_places() says, where CONDITION wants them. Some may stay empty:
 * the same value twice. 0, or -ENOMEM: then those that were put are to be taken out again. */
int filter_column_put(struct filter_column *column, const struct filter_condition *condition,
                      struct filter_place *places);
/* Nothing when PLACE is empty. */
void filter_place_leave(struct filter_place *place);

/* What EVENT, the one with SERIAL, has in COLUMN: by side. Read once an event. */
const struct filter_value *filter_column_read(struct filter_column *column,
                                              const struct event *event, uint64_t serial);

typedef void (*filter_place_visit)(void *arg, struct filter_node *node);
/* Visits the nodes that may want HELD, or, where the old record counts, too, OLD (else NULL). Both
 * are known. A node may come twice. VISIT may take out the places of the node that it is given, and
 * no others; COLUMN must stay. */
void filter_column_lead(struct filter_column *column, const struct filter_value *held,
                        const struct filter_value *old, filter_place_visit visit, void *arg);

#endif
