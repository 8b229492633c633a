/* api/publish_table.h - inserts batches into the events table, each in one transaction, all or
 * nothing.
 *
 * One connection a serving loop, opened on demand, closed when idle; batches are pipelined on it,
 * in order. What waits is bounded. A batch with a key is inserted once, whoever sends it how often:
 * its ids are stored under the key in the same transaction (sql/published.sql), so neither a
 * restart nor another serving loop or process changes that. Owns its connection; borrows the
 * requests. */
#ifndef API_PUBLISH_TABLE_H
#define API_PUBLISH_TABLE_H

#include "api/context.h"
#include "api/publish_batch.h"

struct publish_table;

enum publish_result {
    PUBLISH_DONE,
    PUBLISH_REFUSED,    /* by the table, for what the batch holds */
    PUBLISH_KEY_REUSED, /* the key was used for another batch */
    PUBLISH_AWAY,       /* try again later; whether it was inserted is not known */
    PUBLISH_BROKEN,     /* no retry helps; it was logged */
};

struct publish_outcome {
    enum publish_result result;
    struct str ids;             /* of PUBLISH_DONE: JSON values, with commas between them */
    struct publish_fault fault; /* else */
};

enum publish_state { PUBLISH_IDLE = 0, PUBLISH_QUEUED, PUBLISH_SENT };

/* Embedded by who asks. */
struct publish_request {
    struct publish_batch batch;
    char *key;       /* NULL: none */
    char digest[40]; /* of what was asked with it */
    /* Called once, never from inside publish_table_add(); frees the request. */
    void (*on_outcome)(struct publish_request *self, const struct publish_outcome *outcome);
    /* The rest is the table's. */
    enum publish_state state;
    bool looks_up; /* the key is taken: what did it give? */
    bool key_taken;
    size_t answered; /* items whose result is here */
    int64_t failed;  /* the item that the server refused, or -1 */
    struct buffer ids;
    bool found, same;
    struct publish_request *prev, *next;
};

int publish_table_new(struct publish_table **ret_table, struct loop *loop,
                      const struct api_context *context, struct error *err);
/* What is under way has the outcome PUBLISH_AWAY. NULL is fine. */
void publish_table_free(struct publish_table *table);

/* 0, or -EBUSY: too much waits already. */
int publish_table_add(struct publish_table *table, struct publish_request *request);
/* Takes it back when nothing of it was sent: true, and there is no outcome. */
bool publish_table_cancel(struct publish_table *table, struct publish_request *request);

#endif
