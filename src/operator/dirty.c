#include "operator/dirty.h"
#include "base/hash.h"
#include <errno.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct dirty_id {
    UT_hash_handle hh; /* also keeps the order */
    bool wants_delete, wants_query;
    unsigned failures;
    char sqlstate[6];
    char *failure;
    char *json;
    char text[];
};

void dirty_init(struct dirty *dirty, size_t ids_max)
{
    size_t xids_max = ids_max * DIRTY_XIDS_AN_ID;
    *dirty = (struct dirty){
        .ids_max = ids_max,
        .xids_max = xids_max > DIRTY_XIDS_MIN ? xids_max : DIRTY_XIDS_MIN,
    };
}

void dirty_clear(struct dirty *dirty)
{
    struct dirty_id *id = dirty->ids, *next;
    HASH_CLEAR(hh, dirty->ids); /* the table; the ids still lead from one to the next */
    for (; id; id = next) {
        next = id->hh.next;
        free(id->failure);
        free(id->json);
        free(id);
    }
    dirty->count = dirty->bytes = dirty->xid_count = 0;
    dirty->xid = 0;
}

void dirty_release(struct dirty *dirty)
{
    dirty_clear(dirty);
    free(dirty->xids);
    dirty_init(dirty, dirty->ids_max);
}

static unsigned hash_of(struct str text)
{
    unsigned hash;
    HASH_VALUE(text.data, text.len, hash);
    return hash;
}

static inline struct dirty_id *find(const struct dirty *dirty, struct str text, unsigned hash)
{
    struct dirty_id *id = NULL;
    const char *key = text.data ? text.data : "";
    HASH_FIND_BYHASHVALUE(hh, dirty->ids, key, text.len, hash, id);
    return id;
}

struct dirty_id *dirty_find(const struct dirty *dirty, struct str text)
{
    return find(dirty, text, hash_of(text));
}

static struct dirty_id *add(struct dirty *dirty, struct str text, unsigned hash)
{
    struct dirty_id *id = calloc(1, sizeof(*id) + text.len + 1);
    if (!id)
        return NULL;
    if (text.len > 0)
        memcpy(id->text, text.data, text.len);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, dirty->ids, id->text, text.len, hash, id);
    if (!id->hh.tbl) { /* no memory for the table */
        free(id);
        return NULL;
    }
    dirty->count++;
    dirty->bytes += text.len;
    return id;
}

static inline bool is_ours(const struct dirty *dirty, struct str text)
{
    return !dirty->lane || lane_has(dirty->lane, text);
}

static inline bool is_last_xid(const struct dirty *dirty, uint32_t xid)
{
    return dirty->xid_count > 0 && dirty->xids[dirty->xid_count - 1] == xid;
}

/* The id, which is of our lane, and the event's transaction; NULL when memory is out. */
static inline struct dirty_id *take(struct dirty *dirty, struct str text)
{
    if (dirty->xid && !is_last_xid(dirty, dirty->xid) && dirty_add_xid(dirty, dirty->xid) < 0)
        return NULL;
    unsigned hash = hash_of(text);
    struct dirty_id *id = find(dirty, text, hash);
    return id ? id : add(dirty, text, hash);
}

int dirty_touch(struct dirty *dirty, struct str text, enum dirty_wish wish)
{
    if (!is_ours(dirty, text))
        return 0;
    struct dirty_id *id = take(dirty, text);
    if (!id)
        return -ENOMEM;
    if (wish == DIRTY_DELETE)
        id->wants_delete = true;
    id->wants_query = wish == DIRTY_REFRESH;
    return 0;
}

int dirty_add_event(struct dirty *dirty, struct str text, struct str json)
{
    if (!is_ours(dirty, text))
        return 0;
    char *copy = str_dup(json);
    struct dirty_id *id = copy ? take(dirty, text) : NULL;
    if (!id) {
        free(copy);
        return -ENOMEM;
    }
    free(id->json);
    id->json = copy;
    id->wants_query = true;
    dirty->bytes += json.len;
    return 0;
}

int dirty_add_xid(struct dirty *dirty, uint32_t xid)
{
    if (!dirty->xids) {
        dirty->xids = calloc(dirty->xids_max, sizeof(*dirty->xids));
        if (!dirty->xids)
            return -ENOMEM;
    }
    if (is_last_xid(dirty, xid))
        return 0;
    if (dirty->xid_count == dirty->xids_max)
        return -ENOMEM;
    dirty->xids[dirty->xid_count++] = xid;
    return 0;
}

struct dirty_id *dirty_first(const struct dirty *dirty)
{
    return dirty->ids;
}

struct dirty_id *dirty_next(const struct dirty_id *id)
{
    return id->hh.next;
}

const char *dirty_text(const struct dirty_id *id)
{
    return id->text;
}

const char *dirty_json(const struct dirty_id *id)
{
    return id->json;
}

bool dirty_wants_delete(const struct dirty_id *id)
{
    return id->wants_delete;
}

bool dirty_wants_query(const struct dirty_id *id)
{
    return id->wants_query;
}

void dirty_set_failures(struct dirty_id *id, unsigned failures)
{
    id->failures = failures;
}

unsigned dirty_failures(const struct dirty_id *id)
{
    return id->failures;
}

int dirty_set_failure(struct dirty_id *id, const char *text, const char *sqlstate)
{
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(id->failure);
    id->failure = copy;
    id->failures++;
    snprintf(id->sqlstate, sizeof(id->sqlstate), "%s", sqlstate);
    return 0;
}

const char *dirty_failure_text(const struct dirty_id *id)
{
    return id->failure;
}

const char *dirty_failure_sqlstate(const struct dirty_id *id)
{
    return id->sqlstate;
}
