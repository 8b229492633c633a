#include "operator/dirty.h"
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
    struct dirty_id *id, *next;
    HASH_ITER(hh, dirty->ids, id, next)
    {
        HASH_DEL(dirty->ids, id);
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

struct dirty_id *dirty_find(const struct dirty *dirty, struct str text)
{
    struct dirty_id *id = NULL;
    const char *key = text.data ? text.data : "";
    HASH_FIND(hh, dirty->ids, key, text.len, id);
    return id;
}

static struct dirty_id *dirty_add(struct dirty *dirty, struct str text)
{
    struct dirty_id *id = calloc(1, sizeof(*id) + text.len + 1);
    if (!id)
        return NULL;
    if (text.len > 0)
        memcpy(id->text, text.data, text.len);
    HASH_ADD_KEYPTR(hh, dirty->ids, id->text, text.len, id);
    if (!id->hh.tbl) { /* no memory for the table */
        free(id);
        return NULL;
    }
    dirty->count++;
    dirty->bytes += text.len;
    return id;
}

void dirty_set_xid(struct dirty *dirty, uint32_t xid)
{
    dirty->xid = xid;
}

int dirty_touch(struct dirty *dirty, struct str text, enum dirty_wish wish)
{
    if (dirty->lane && !lane_has(dirty->lane, text))
        return 0;
    if (dirty->xid && dirty_add_xid(dirty, dirty->xid) < 0)
        return -ENOMEM;
    struct dirty_id *id = dirty_find(dirty, text);
    if (!id)
        id = dirty_add(dirty, text);
    if (!id)
        return -ENOMEM;
    if (wish == DIRTY_DELETE)
        id->wants_delete = true;
    id->wants_query = wish == DIRTY_REFRESH;
    return 0;
}

int dirty_add_event(struct dirty *dirty, struct str text, struct str json)
{
    char *copy = str_dup(json);
    if (!copy)
        return -ENOMEM;
    int rc = dirty_touch(dirty, text, DIRTY_REFRESH);
    if (rc < 0) {
        free(copy);
        return rc;
    }
    struct dirty_id *id = dirty_find(dirty, text);
    if (!id) { /* of another lane */
        free(copy);
        return 0;
    }
    free(id->json);
    id->json = copy;
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
    if (dirty->xid_count > 0 && dirty->xids[dirty->xid_count - 1] == xid)
        return 0;
    if (dirty->xid_count == dirty->xids_max)
        return -ENOMEM;
    dirty->xids[dirty->xid_count++] = xid;
    return 0;
}

bool dirty_full(const struct dirty *dirty)
{
    return dirty->count >= dirty->ids_max || dirty->xid_count >= dirty->xids_max ||
           dirty->bytes >= DIRTY_BYTES_MAX;
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
