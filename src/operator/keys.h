/* operator/keys.h - the values that events of a live batch have for its sources with keys: queries
 * that give the ids which such a value touches. They are asked page by page before the batch itself
 * is run, and the ids of a page are batches of their own, so that one value may stand for any
 * number of ids. Owns values and page. Bounded as the batch is: ask keys_full() before adding.
 *
 * What changes the answer while it is read is an event of its own, which comes later. */
#ifndef OPERATOR_KEYS_H
#define OPERATOR_KEYS_H

#include "operator/dirty.h"
#include "operator/page.h"
#include "operator/session.h"

struct key;

struct keys {
    struct key *values; /* each once */
    size_t count, bytes;
    bool started;  /* the batch is closed: no more are added until keys_clear() */
    size_t source; /* whose ids are read */
    char *after;   /* owned: the last id that is done; NULL: none */
    struct page page;
};

void keys_clear(struct keys *keys); /* safe on a zeroed one */

/* A value of the operator's source number SOURCE; copied. 0 or -ENOMEM. */
int keys_add(struct keys *keys, size_t source, struct str value);
static inline bool keys_full(const struct keys *keys, size_t max)
{
    return keys->count >= max || keys->bytes >= DIRTY_BYTES_MAX;
}

enum keys_need {
    KEYS_NOTHING, /* all ids were given */
    KEYS_PAGE,
    KEYS_IDS,
};
enum keys_need keys_need(struct keys *keys);

/* Sends the query for the next page to the sources' database; the caller syncs. 0, or -ENOMEM:
 * nothing was sent. */
int keys_send_page(struct keys *keys, struct session *session, pg_on_result on_result);
/* 0 or -ENOMEM: it is asked for again. */
int keys_take_page(struct keys *keys, const PGresult *result);
/* Adds ids of the page to DIRTY until that is full. 0 or -ENOMEM. */
int keys_give_ids(struct keys *keys, size_t columns, struct dirty *dirty);

#endif
