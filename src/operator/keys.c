#include "operator/keys.h"
#include "operator/id.h"
#include "operator/statements.h"
#include "pg/array.h"
#include <errno.h>
#include <stdlib.h>

struct key_name {
    size_t source;
    struct str value;
};

static inline int key_names_differ(const struct key_name *a, const struct key_name *b)
{
    return a->source != b->source || !str_equal(a->value, b->value);
}

#define HASH_NONFATAL_OOM 1
#define HASH_KEYCMP(a, b, len) key_names_differ((a), (b))
#include <uthash.h>

struct key {
    UT_hash_handle hh;
    struct key_name name;
    char value[]; /* of the name; ends in NUL */
};

static void drop(struct keys *keys, struct key *key)
{
    HASH_DEL(keys->values, key);
    free(key);
}

void keys_clear(struct keys *keys)
{
    struct key *key, *next;
    HASH_ITER(hh, keys->values, key, next)
    {
        drop(keys, key);
    }
    free(keys->after);
    page_drop(&keys->page);
    *keys = (struct keys){0};
}

static unsigned hash_of(const struct key_name *name)
{
    unsigned hash;
    HASH_JEN(name->value.data, name->value.len, hash);
    return hash + (unsigned)name->source;
}

static struct key *key_new(const struct key_name *name)
{
    size_t len = name->value.len;
    struct key *key = calloc(1, sizeof(*key) + len + 1);
    if (!key)
        return NULL;
    if (len > 0)
        memcpy(key->value, name->value.data, len);
    key->name = (struct key_name){name->source, {key->value, len}};
    return key;
}

int keys_add(struct keys *keys, size_t source, struct str value)
{
    const struct key_name name = {source, value};
    unsigned hash = hash_of(&name);
    struct key *key;
    HASH_FIND_BYHASHVALUE(hh, keys->values, &name, sizeof(name), hash, key);
    if (key)
        return 0;
    key = key_new(&name);
    if (!key)
        return -ENOMEM;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, keys->values, &key->name, sizeof(name), hash, key);
    if (!key->hh.tbl) { /* no memory for the table */
        free(key);
        return -ENOMEM;
    }
    keys->count++;
    keys->bytes += value.len;
    return 0;
}

/* --- pages ------------------------------------------------------------------------------------ */

/* The next source that values are of, while there are any. */
static bool choose_source(struct keys *keys)
{
    if (!keys->values)
        return false;
    if (!keys->after)
        keys->source = keys->values->name.source;
    return true;
}

enum keys_need keys_need(struct keys *keys)
{
    keys->started = true;
    if (keys->page.rows)
        return KEYS_IDS;
    return choose_source(keys) ? KEYS_PAGE : KEYS_NOTHING;
}

static int list_values(const struct keys *keys, struct buffer *array)
{
    for (const struct key *key = keys->values; key; key = key->hh.next)
        if (key->name.source == keys->source)
            pg_array_item(array, key->value);
    return pg_array_end(array);
}

int keys_send_page(struct keys *keys, struct session *session, pg_on_result on_result)
{
    const char *values[1 + CONFIG_ID_COLUMNS_MAX] = {NULL};
    size_t columns = session->op->target_id.count;
    char name[STATEMENT_NAME_MAX];
    struct buffer array, scratch;
    buffer_init(&array, 8 * DIRTY_BYTES_MAX);
    buffer_init(&scratch, 2 * DIRTY_BYTES_MAX);
    int rc = list_values(keys, &array);
    if (rc == 0 && keys->after)
        rc = id_split(&scratch, keys->after, columns, values + 1);
    if (rc == 0) {
        values[0] = array.data;
        (void)pg_conn_send(session_sources(session),
                           &(struct pg_statement){.name = statement_keys_name(name, keys->source),
                                                  .parameter_count = 1 + (int)columns,
                                                  .values = values,
                                                  .on_result = on_result});
    }
    buffer_release(&array);
    buffer_release(&scratch);
    return rc;
}

static void source_done(struct keys *keys)
{
    struct key *key, *next;
    HASH_ITER(hh, keys->values, key, next)
    {
        if (key->name.source == keys->source)
            drop(keys, key);
    }
    free(keys->after);
    keys->after = NULL;
}

int keys_take_page(struct keys *keys, const PGresult *result)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return 0;
    if (PQntuples(result) > 0)
        return page_take(&keys->page, result);
    source_done(keys);
    return 0;
}

int keys_give_ids(struct keys *keys, size_t columns, struct dirty *dirty)
{
    struct page *page = &keys->page;
    struct buffer id;
    int rc = 0;
    buffer_init(&id, DIRTY_BYTES_MAX);
    for (; !page_is_spent(page) && !dirty_full(dirty) && rc == 0; page->next++) {
        rc = page_id(page, columns, &id);
        if (rc == 0)
            rc = dirty_touch(dirty, buffer_str(&id), DIRTY_REFRESH);
    }
    if (rc == 0 && page_is_spent(page)) {
        free(keys->after);
        keys->after = str_dup(buffer_str(&id));
        rc = keys->after ? 0 : -ENOMEM;
    }
    if (rc == 0 && page_is_spent(page) && PQntuples(page->rows) < STATEMENT_KEYS_PAGE)
        source_done(keys);
    if (rc == 0 && page_is_spent(page))
        page_drop(page);
    buffer_release(&id);
    return rc;
}
