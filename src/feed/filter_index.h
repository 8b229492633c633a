/* feed/filter_index.h - the distinct filters that hang below one topic, and which of them an event
 * passes.
 *
 * Each is evaluated once an event at the most, however many subscribers share it. Those that want
 * one or some values of a column are found by its value, and those that want all above or below one
 * in the order of these bounds (filter_column.h); only what is left (neq, like, null, types alone)
 * is looked at for every event.
 *
 * A condition holds for an insert's new record, for a delete's old one, and for an update's new or
 * old one: who follows a filter is told when a row leaves it. A value that the event does not have
 * (the old ones beyond the replica identity, an unchanged large one, one left out of an event that
 * was too large) holds in the record that counts, since nobody may miss what concerns him; the old
 * record of an update only counts where all of its values are known. TRUNCATE passes.
 *
 * Private to the room. Owns its nodes. */
#ifndef FEED_FILTER_INDEX_H
#define FEED_FILTER_INDEX_H

#include "feed/audience.h"
#include "feed/filter.h"
#include "feed/filter_column.h"

struct filter_index;
struct router_topic;

struct filter_node {
    UT_hash_handle hh; /* by its filter */
    bool in_hash;
    struct audience audience;
    struct router_topic *topic;
    struct filter_index *index;
    struct filter_node *prev, *next; /* of those that are always looked at */
    struct str key;                  /* this and all that follows lies behind */
    struct filter filter;
    uint64_t serial; /* of the last event that was compared to it */
    size_t column_count;
    struct filter_column **columns; /* of each condition */
    struct filter_column *found_by; /* the one of them that leads here; NULL: none */
    size_t place_count;
    struct filter_place *places; /* in FOUND_BY */
};

struct filter_index *filter_index_new(void); /* NULL when memory is out */
/* Has no node any more. */
void filter_index_free(struct filter_index *index);
bool filter_index_is_empty(const struct filter_index *index);

/* The node of FILTER, which is copied; a new one has no riders and no references. NULL when memory
 * is out. */
struct filter_node *filter_index_get(struct filter_index *index, const struct filter *filter);
void filter_index_remove(struct filter_node *node);

/* VISIT may remove the node that it is given, but no other and not the index. */
typedef void (*filter_visit)(void *arg, struct filter_node *node);
/* Visits the nodes whose filter EVENT passes, of those with riders on the pass INDEX_OF_PASS. EVENT
 * belongs to the topic. Returns how many it has evaluated. */
size_t filter_index_match(struct filter_index *index, const struct event *event,
                          unsigned index_of_pass, filter_visit visit, void *arg);

#endif
