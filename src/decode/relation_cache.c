#include "decode/relation_cache.h"

#include "decode/type_table.h"

#include <errno.h>

struct relation_key {
    struct str schema;
    struct str table;
};

static inline int keys_differ(const struct relation_key *a, const struct relation_key *b)
{
    return !str_equal(a->table, b->table) || !str_equal(a->schema, b->schema);
}

#define HASH_NONFATAL_OOM 1
#define HASH_KEYCMP(a, b, len) keys_differ((a), (b))
#include <uthash.h>

struct left_out {
    struct left_out *next;
    size_t len;
    char name[];
};

/* One relation in one block of memory: this, its columns, its names. */
struct cached_relation {
    struct relation relation;  /* first: what callers have is where this is */
    struct left_out *left_out; /* owned; goes to the one that replaces it */
    struct relation_key key;   /* its two names */
    UT_hash_handle hh;
    struct cached_relation *next_retired;
    struct relation_column columns[];
};

struct relation_cache {
    struct type_table types;
    struct cached_relation *relations;
    struct cached_relation *retired; /* replaced, but perhaps still borrowed */
};

/* uthash's macros nest deeper than our own code may.
 * NOLINTBEGIN(readability-function-size) */
static unsigned hash_of(const struct relation_key *key)
{
    unsigned schema, table;

    HASH_JEN(key->schema.data, key->schema.len, schema);
    HASH_JEN(key->table.data, key->table.len, table);
    return schema * 31 + table;
}

static struct cached_relation *find_cached(const struct relation_cache *cache,
                                           const struct relation_key *key)
{
    struct cached_relation *cached;
    unsigned hash = hash_of(key);

    HASH_FIND_BYHASHVALUE(hh, cache->relations, key, sizeof(*key), hash, cached);
    return cached;
}

/* False when memory is out: uthash then leaves it out. */
static bool add_cached(struct relation_cache *cache, struct cached_relation *cached)
{
    unsigned hash = hash_of(&cached->key);

    HASH_ADD_KEYPTR_BYHASHVALUE(hh, cache->relations, &cached->key, sizeof(cached->key), hash,
                                cached);
    return cached->hh.tbl != NULL;
}

static void free_left_out(struct left_out *left_out)
{
    while (left_out != NULL) {
        struct left_out *next = left_out->next;
        free(left_out);
        left_out = next;
    }
}

static void retire(struct relation_cache *cache, struct cached_relation *cached)
{
    HASH_DELETE(hh, cache->relations, cached);
    cached->next_retired = cache->retired;
    cache->retired = cached;
}
/* NOLINTEND(readability-function-size) */

struct relation_cache *relation_cache_new(void)
{
    return calloc(1, sizeof(struct relation_cache));
}

void relation_cache_collect(struct relation_cache *cache)
{
    while (cache->retired != NULL) {
        struct cached_relation *cached = cache->retired;
        cache->retired = cached->next_retired;
        free_left_out(cached->left_out);
        free(cached);
    }
}

void relation_cache_clear_relations(struct relation_cache *cache)
{
    while (cache->relations != NULL)
        retire(cache, cache->relations);
}

void relation_cache_free(struct relation_cache *cache)
{
    if (cache == NULL)
        return;
    relation_cache_clear_relations(cache);
    relation_cache_collect(cache);
    type_table_release(&cache->types);
    free(cache);
}

int relation_cache_add_type(struct relation_cache *cache, uint32_t oid, struct str name,
                            uint32_t base, uint32_t element, char delimiter)
{
    const struct type_row row = {oid, name, base, element, delimiter};

    return type_table_put(&cache->types, &row);
}

const struct type_info *relation_cache_type(const struct relation_cache *cache, uint32_t oid)
{
    return type_table_find(&cache->types, oid);
}

const struct relation *relation_cache_find(const struct relation_cache *cache, struct str schema,
                                           struct str table)
{
    const struct relation_key key = {schema, table};
    const struct cached_relation *cached = find_cached(cache, &key);

    return cached == NULL ? NULL : &cached->relation;
}

/* Copies NAME to *AT, which moves on. */
static struct str put_name(char **at, struct str name)
{
    struct str copy = {*at, name.len};

    if (name.len > 0)
        memcpy(*at, name.data, name.len);
    *at += name.len;
    return copy;
}

static struct cached_relation *new_cached(const struct relation_cache *cache,
                                          const struct relation_key *key,
                                          const struct relation_cache_column *columns,
                                          uint16_t count)
{
    size_t size = sizeof(struct cached_relation) + count * sizeof(struct relation_column);
    size_t names = key->schema.len + key->table.len;

    for (uint16_t i = 0; i < count; i++)
        names += columns[i].name.len;
    struct cached_relation *cached = calloc(1, size + names);
    if (cached == NULL)
        return NULL;

    char *at = (char *)cached + size;
    cached->key.schema = put_name(&at, key->schema);
    cached->key.table = put_name(&at, key->table);
    cached->relation = (struct relation){
        .schema = cached->key.schema,
        .table = cached->key.table,
        .column_count = count,
        .columns = cached->columns,
    };
    for (uint16_t i = 0; i < count; i++) {
        cached->columns[i] = (struct relation_column){
            .name = put_name(&at, columns[i].name),
            .type = relation_cache_type(cache, columns[i].type_oid),
            .primary_key = columns[i].primary_key,
        };
    }
    return cached;
}

/* NOLINTNEXTLINE(readability-function-size): seven parameters, each of them needed */
int relation_cache_put(struct relation_cache *cache, struct str schema, struct str table,
                       const struct relation_cache_column *columns, uint16_t count,
                       const struct relation **ret_relation, uint32_t *ret_missing_type)
{
    const struct relation_key key = {schema, table};

    for (uint16_t i = 0; i < count; i++) {
        if (relation_cache_type(cache, columns[i].type_oid) == NULL) {
            *ret_missing_type = columns[i].type_oid;
            return -ENOENT;
        }
    }
    struct cached_relation *cached = new_cached(cache, &key, columns, count);
    if (cached == NULL)
        return -ENOMEM;
    /* The new one first: when that fails, the old one is still there. For a moment both are; a
     * find gives the newer of equals, and the old one is taken out by address. */
    struct cached_relation *old = find_cached(cache, &key);
    if (!add_cached(cache, cached)) {
        free(cached);
        return -ENOMEM;
    }
    if (old != NULL) {
        cached->left_out = old->left_out;
        old->left_out = NULL;
        retire(cache, old);
    }
    *ret_relation = &cached->relation;
    return 0;
}

int relation_cache_leave_out(struct relation_cache *cache, struct str schema, struct str table,
                             struct str column)
{
    const struct relation_key key = {schema, table};
    struct cached_relation *cached = find_cached(cache, &key);

    if (cached == NULL)
        return -ENOENT;
    struct left_out *left_out = malloc(sizeof(*left_out) + column.len);
    if (left_out == NULL)
        return -ENOMEM;
    left_out->len = column.len;
    if (column.len > 0)
        memcpy(left_out->name, column.data, column.len);
    left_out->next = cached->left_out;
    cached->left_out = left_out;
    return 0;
}

bool relation_cache_leaves_out(const struct relation *relation, struct str column)
{
    const struct cached_relation *cached = (const struct cached_relation *)relation;

    for (const struct left_out *at = cached->left_out; at != NULL; at = at->next)
        if (str_equal((struct str){at->name, at->len}, column))
            return true;
    return false;
}

bool relation_cache_is_whole(const struct relation *relation)
{
    return ((const struct cached_relation *)relation)->left_out == NULL;
}
