/* operator/statements.h - the SQL of one operator. Pure: text from a definition. */
#ifndef OPERATOR_STATEMENTS_H
#define OPERATOR_STATEMENTS_H

#include "base/buffer.h"
#include "config/config.h"

#define STATEMENT_MAX (1 << 16)

/* Names of the prepared statements of a session. */
#define STATEMENT_ADVANCE "walpiper_advance"
#define STATEMENT_REBUILD_BEGIN "walpiper_rebuild_begin"
#define STATEMENT_REBUILD_ADVANCE "walpiper_rebuild_advance"
#define STATEMENT_FENCE "walpiper_fence"
#define STATEMENT_VISIBLE "walpiper_visible"
#define STATEMENT_DELETE "walpiper_delete"
#define STATEMENT_QUERY "walpiper_query"
#define STATEMENT_PARK "walpiper_park"
#define STATEMENT_PARK_AGAIN "walpiper_park_again"
#define STATEMENT_HALT "walpiper_halt"
#define STATEMENT_TOUCH_PARKED "walpiper_touch_parked"
#define STATEMENT_UNPARK "walpiper_unpark"
#define STATEMENT_CLAIM "walpiper_claim"
#define STATEMENT_CHECKPOINT "walpiper_checkpoint"
#define STATEMENT_HOLD "walpiper_hold"
#define STATEMENT_LOOK "walpiper_look"
#define STATEMENT_ALL_PARKED "walpiper_all_parked"
#define STATEMENT_DUE "walpiper_due"
/* Those that the database of the sources is asked. */
#define STATEMENT_WRITERS "walpiper_writers"
#define STATEMENT_WRITE_STILL "walpiper_write_still"
#define STATEMENT_UNSEEN "walpiper_unseen"
#define STATEMENT_RIVAL "walpiper_rival"

#define STATEMENT_SWAP_OPEN "walpiper_swap_open"
#define STATEMENT_SWAP_ENTER "walpiper_swap_enter"
#define STATEMENT_SWAP_LEAVE "walpiper_swap_leave"
#define STATEMENT_SWAP_EXCHANGE "walpiper_swap_exchange"
#define STATEMENT_SWAP_END "walpiper_swap_end"
/* Of the new table of a swap; swap_open() in sql/state_swap.sql forgets them. */
#define STATEMENT_SWAP_QUERY "walpiper_swap_query"
#define STATEMENT_SWAP_DELETE "walpiper_swap_delete"
#define STATEMENT_SWAP_KEEP "walpiper_swap_keep"

/* What ids read from tables, and values, print alike with in every session. */
#define STATEMENT_SETTINGS                                                                         \
    "set_config('datestyle', 'ISO, YMD', false), "                                                 \
    "set_config('intervalstyle', 'postgres', false), set_config('timezone', 'UTC', false), "       \
    "set_config('bytea_output', 'hex', false), set_config('extra_float_digits', '3', false)"

/* The types of the columns of a target's id; of the one column of keys. */
struct id_types {
    size_t count;
    char names[CONFIG_ID_COLUMNS_MAX][300]; /* as SQL has them: two quoted names at most */
    unsigned oids[CONFIG_ID_COLUMNS_MAX], array_oids[CONFIG_ID_COLUMNS_MAX];
};

struct statement_text {
    const char *name, *sql;
};
/* Those that are the same for every operator, for the schema walpiper (pg/state_text.h); ends with
 * a NULL name. */
extern const struct statement_text statement_texts[];
/* The same for the database of the sources, which may have no such schema: they need none. */
extern const struct statement_text statement_source_texts[];

/* Appends the numbers 1 to COUNT, each between PREFIX and SUFFIX. */
void statement_numbered(struct buffer *out, const char *prefix, size_t count, const char *suffix);
/* Appends the ids in arrays, one parameter for each column: "unnest($1::bigint[], ...)". */
void statement_arrays(struct buffer *out, const struct id_types *types);
/* The same as the relation k of columns c1, c2... */
void statement_ids(struct buffer *out, const struct id_types *types);

/* Appends the DELETE of the rows whose ids are in arrays, one parameter for each column. */
int statement_delete(struct buffer *out, const struct config_operator *op,
                     const struct id_types *types);

/* Appends the INSERT into the table TO of those rows of the target whose ids are in arrays, one
 * parameter for each column, and which TO does not have. COLUMNS are those that can be written, as
 * SQL has them. */
int statement_keep(struct buffer *out, const struct config_operator *op,
                   const struct config_operator *to, const struct id_types *types,
                   const char *columns);

/* Ids in one answer to the query of keys. */
#define STATEMENT_KEYS_PAGE 5000
#define STATEMENT_NAME_MAX 40
const char *statement_keys_name(char name[STATEMENT_NAME_MAX], size_t source);
/* Appends the query for the ids of SOURCE's keys in order, a page of them: $1 is an array of values
 * of type KEY, the further parameters are the columns of the last id before the page, or NULL. */
int statement_keys(struct buffer *out, const struct config_operator_source *source,
                   const struct id_types *key, const struct id_types *types);

/* Appends the call of the function with $1, the event. */
int statement_call(struct buffer *out, const struct config_operator *op);

/* Steps of a rebuild: 0 reads ids of the target, N those of source N - 1, unless that has keys. The
 * one after STEP; -1: that was the last. */
int statement_next_step(const struct config_operator *op, int step);
/* Appends whether an id, in columns of the relation t that are called as those of target_id, is an
 * orphan: a table of delete_with lacks it. */
void statement_orphan(struct buffer *out, const struct config_operator *op);
/* Appends the query for the next LIMIT ids of STEP in order: the id, a text for each of its
 * columns, and whether its target row is an orphan, to be deleted before the query runs. With
 * AFTER, the parameters are the columns of the last id before them; without, it has none.
 *
 * WHERE is a condition on the columns of target_id, which ids must meet; NULL: all do.
 *
 * When there is a table of delete_with, only orphans are read of the target, as the step of that
 * table gives all other ids. But an operator with a database of its own has no such tables there:
 * all its ids are read, and statement_orphans() tells of a page of them, in arrays of texts, which
 * are orphans, in the same order and columns. */
int statement_page(struct buffer *out, const struct config_operator *op, int step, bool after,
                   const char *where, unsigned limit);
bool statement_has_orphans(const struct config_operator *op);
int statement_orphans(struct buffer *out, const struct config_operator *op);

#endif
