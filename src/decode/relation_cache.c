#include "decode/relation_cache.h"

#include "decode/relation_hash.h"
#include "decode/type_table.h"
#include "event/relation_text.h"

#include <errno.h>

#define NAME_MAX_BYTES 256 /* NAMEDATALEN of a server that was built for long names */

struct left_out {
    struct left_out *next;
    size_t len;
    char name[];
};

/* One relation in one block of memory: this, its columns, its names. */
struct cached_relation {
    struct relation relation;  /* first: what callers have is where this is */
    struct left_out *left_out; /* owned; goes to the one that replaces it */
    uint32_t oid;              /* likewise; 0: not known */
    bool full;                 /* likewise */
    bool *outside_identity;    /* one for each column */
    struct relation_name key;  /* its two names */
    UT_hash_handle hh;
    struct cached_relation *newer; /* of the catalog; goes to the one that replaces this */
    int64_t newer_since;
    struct cached_relation *next_retired;
    struct relation_column columns[];
};

enum question {
    QUESTION_NONE,
    QUESTION_ASKED,
    QUESTION_ANSWERED, /* for the next decode() */
    QUESTION_SETTLED,  /* that decode() is going on */
};

struct relation_cache {
    struct type_table types;
    struct cached_relation *relations;
    struct cached_relation *retired; /* replaced, but perhaps still borrowed */
    struct relation_names names;
    const struct column_rules *rules;
    bool has_catalog;
    enum question question;
    struct relation_name asked;
    char asked_text[2 * NAME_MAX_BYTES]; /* what it consists of */
};

/* uthash's macros nest deeper than our own code may.
 * NOLINTBEGIN(readability-function-size) */
static struct cached_relation *find_cached(const struct relation_cache *cache,
                                           const struct relation_name *key)
{
    struct cached_relation *cached;
    unsigned hash = relation_name_hash(key);

    HASH_FIND_BYHASHVALUE(hh, cache->relations, key, sizeof(*key), hash, cached);
    return cached;
}

/* False when memory is out: uthash then leaves it out. */
static bool add_cached(struct relation_cache *cache, struct cached_relation *cached)
{
    unsigned hash = relation_name_hash(&cached->key);

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

static void free_cached(struct cached_relation *cached)
{
    if (cached == NULL)
        return;
    free_cached(cached->newer);
    free_left_out(cached->left_out);
    relation_text_release(&cached->relation);
    free(cached);
}

struct relation_cache *relation_cache_new(void)
{
    return calloc(1, sizeof(struct relation_cache));
}

void relation_cache_collect(struct relation_cache *cache)
{
    if (cache->question == QUESTION_SETTLED)
        cache->question = QUESTION_NONE;
    if (cache->question == QUESTION_ANSWERED)
        cache->question = QUESTION_SETTLED;
    while (cache->retired != NULL) {
        struct cached_relation *cached = cache->retired;
        cache->retired = cached->next_retired;
        free_cached(cached);
    }
}

void relation_cache_begin_reading(struct relation_cache *cache)
{
    relation_names_clear(&cache->names);
    cache->question = QUESTION_NONE;
}

void relation_cache_clear_relations(struct relation_cache *cache)
{
    while (cache->relations != NULL)
        retire(cache, cache->relations);
    relation_cache_begin_reading(cache);
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

void relation_cache_set_rules(struct relation_cache *cache, const struct column_rules *rules)
{
    cache->rules = rules;
}

int relation_cache_complete(const struct relation_cache *cache, struct relation *relation)
{
    column_rules_apply(cache->rules, relation);
    return relation_text_keep(relation);
}

int relation_cache_add_type(struct relation_cache *cache, uint32_t oid, struct str name,
                            uint32_t base, uint32_t element, char delimiter)
{
    const struct type_row row = {.oid = oid,
                                 .name = name,
                                 .base = base,
                                 .element = element,
                                 .delimiter = delimiter,
                                 .as_string = column_rules_quote(cache->rules, name)};

    return type_table_put(&cache->types, &row);
}

const struct type_info *relation_cache_type(const struct relation_cache *cache, uint32_t oid)
{
    return type_table_find(&cache->types, oid);
}

const struct relation *relation_cache_find(const struct relation_cache *cache, struct str schema,
                                           struct str table)
{
    const struct relation_name key = {schema, table};
    const struct cached_relation *cached = find_cached(cache, &key);

    if (cached != NULL && cached->newer != NULL)
        cached = cached->newer;
    return cached == NULL ? NULL : &cached->relation;
}

static struct cached_relation *new_cached(const struct relation_cache *cache,
                                          const struct relation_name *key,
                                          const struct relation_cache_column *columns,
                                          uint16_t count)
{
    size_t size = sizeof(struct cached_relation) + count * sizeof(struct relation_column);
    size_t names = key->schema.len + key->table.len + count * sizeof(bool);

    for (uint16_t i = 0; i < count; i++)
        names += columns[i].name.len;
    struct cached_relation *cached = calloc(1, size + names);
    if (cached == NULL)
        return NULL;

    cached->outside_identity = (bool *)((char *)cached + size);
    char *at = (char *)(cached->outside_identity + count);
    cached->key.schema = str_put(&at, key->schema);
    cached->key.table = str_put(&at, key->table);
    cached->relation = (struct relation){
        .schema = cached->key.schema,
        .table = cached->key.table,
        .column_count = count,
        .columns = cached->columns,
    };
    for (uint16_t i = 0; i < count; i++) {
        cached->columns[i] = (struct relation_column){
            .name = str_put(&at, columns[i].name),
            .type = relation_cache_type(cache, columns[i].type_oid),
            .primary_key = columns[i].primary_key,
        };
        cached->outside_identity[i] = columns[i].outside_identity;
    }
    if (relation_cache_complete(cache, &cached->relation) < 0) {
        free(cached);
        return NULL;
    }
    return cached;
}

/* False when a type is missing, its OID in *RET_MISSING_TYPE. */
static bool has_types(const struct relation_cache *cache,
                      const struct relation_cache_column *columns, uint16_t count,
                      uint32_t *ret_missing_type)
{
    for (uint16_t i = 0; i < count; i++) {
        if (relation_cache_type(cache, columns[i].type_oid) == NULL) {
            *ret_missing_type = columns[i].type_oid;
            return false;
        }
    }
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): seven parameters, each of them needed */
int relation_cache_put(struct relation_cache *cache, struct str schema, struct str table,
                       const struct relation_cache_column *columns, uint16_t count,
                       const struct relation **ret_relation, uint32_t *ret_missing_type)
{
    const struct relation_name key = {schema, table};

    if (!has_types(cache, columns, count, ret_missing_type))
        return -ENOENT;
    struct cached_relation *cached = new_cached(cache, &key, columns, count);
    if (cached == NULL)
        return -ENOMEM;
    /* The new one first: when that fails, the old one is still there. For a moment both are; a
     * find gives the newer of equals, and the old one is taken out by address. */
    struct cached_relation *old = find_cached(cache, &key);
    if (!add_cached(cache, cached)) {
        free_cached(cached);
        return -ENOMEM;
    }
    if (old != NULL) {
        cached->oid = old->oid;
        cached->full = old->full;
        cached->left_out = old->left_out;
        cached->newer = old->newer;
        cached->newer_since = old->newer_since;
        old->left_out = NULL;
        old->newer = NULL;
        retire(cache, old);
    }
    *ret_relation = &cached->relation;
    return 0;
}

/* --- what the catalog says ------------------------------------------------------------------- */

int relation_cache_put_row(struct relation_cache *cache, const struct relation_cache_row *row,
                           uint32_t *ret_missing_type)
{
    if (!has_types(cache, row->columns, row->count, ret_missing_type))
        return -ENOENT;
    struct cached_relation *cached = new_cached(cache, &row->name, row->columns, row->count);
    if (cached == NULL)
        return -ENOMEM;
    struct cached_relation *old = find_cached(cache, &row->name);
    cached->oid = row->oid;
    cached->full = row->full;
    if (old == NULL && !add_cached(cache, cached)) {
        free_cached(cached);
        return -ENOMEM;
    }
    if (old != NULL) {
        if (old->newer != NULL)
            free_cached(old->newer);
        old->newer = cached;
        old->newer_since = row->since;
        old->oid = row->oid;
        old->full = row->full;
    }
    return 0;
}

const struct relation *relation_cache_newer(const struct relation *relation)
{
    const struct cached_relation *cached = (const struct cached_relation *)relation;

    return cached->newer == NULL ? NULL : &cached->newer->relation;
}

static struct cached_relation *renew(struct relation_cache *cache, struct cached_relation *old)
{
    struct cached_relation *newer = old->newer;

    /* Both are there for a moment, as in put(). */
    if (newer == NULL || !add_cached(cache, newer))
        return old;
    old->newer = NULL;
    retire(cache, old);
    return newer;
}

const struct relation *relation_cache_renew(struct relation_cache *cache,
                                            const struct relation *relation)
{
    const struct relation_name name = {relation->schema, relation->table};

    return &renew(cache, find_cached(cache, &name))->relation;
}

static int leave_out(struct cached_relation *cached, struct str column)
{
    if (relation_cache_leaves_out(&cached->relation, column))
        return 0;
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

/* Of the older one too: its next message may have the column already. */
int relation_cache_leave_out(struct relation_cache *cache, struct str schema, struct str table,
                             struct str column)
{
    const struct relation_name key = {schema, table};
    struct cached_relation *cached = find_cached(cache, &key);

    if (cached == NULL)
        return -ENOENT;
    int r = cached->newer == NULL ? 0 : leave_out(cached->newer, column);
    return r < 0 ? r : leave_out(cached, column);
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

/* --- tables by other names ------------------------------------------------------------------- */

int relation_cache_add_partition(struct relation_cache *cache, struct relation_name partition,
                                 struct relation_name root)
{
    return relation_names_put(&cache->names, partition, root);
}

int relation_cache_pass_over(struct relation_cache *cache, struct relation_name name)
{
    return relation_names_put(&cache->names, name, (struct relation_name){0});
}

static const struct relation *resolve(struct relation_cache *cache, struct relation_name name,
                                      int64_t time)
{
    struct cached_relation *cached = find_cached(cache, &name);

    if (cached != NULL && cached->newer != NULL && time >= cached->newer_since)
        cached = renew(cache, cached);
    return cached == NULL ? NULL : &cached->relation;
}

enum relation_role relation_cache_resolve(struct relation_cache *cache, struct relation_name name,
                                          int64_t time, const struct relation **ret_relation)
{
    *ret_relation = resolve(cache, name, time);
    if (*ret_relation != NULL)
        return RELATION_PUBLISHED;
    const struct relation_name *root = relation_names_find(&cache->names, name);
    if (root == NULL)
        return RELATION_UNKNOWN;
    if (root->table.len == 0)
        return RELATION_UNPUBLISHED;
    *ret_relation = resolve(cache, *root, time);
    return *ret_relation == NULL ? RELATION_UNKNOWN : RELATION_PARTITION;
}

bool relation_cache_hides_old(const struct relation *relation, uint16_t index)
{
    return ((const struct cached_relation *)relation)->outside_identity[index];
}

bool relation_cache_is_full(const struct relation *relation)
{
    return ((const struct cached_relation *)relation)->full;
}

bool relation_cache_has_oid(const struct relation_cache *cache, uint32_t oid)
{
    for (const struct cached_relation *at = cache->relations; at != NULL; at = at->hh.next)
        if (at->oid == oid)
            return true;
    return false;
}

/* --- questions to the catalog ---------------------------------------------------------------- */

void relation_cache_set_catalog(struct relation_cache *cache)
{
    cache->has_catalog = true;
}

bool relation_cache_ask(struct relation_cache *cache, struct relation_name name)
{
    if (!cache->has_catalog || name.schema.len > NAME_MAX_BYTES || name.table.len > NAME_MAX_BYTES)
        return false;
    if (cache->question == QUESTION_SETTLED && relation_name_equal(cache->asked, name))
        return false;
    char *at = cache->asked_text;
    cache->asked.schema = str_put(&at, name.schema);
    cache->asked.table = str_put(&at, name.table);
    cache->question = QUESTION_ASKED;
    return true;
}

struct relation_name relation_cache_asked(const struct relation_cache *cache)
{
    return cache->question == QUESTION_ASKED ? cache->asked : (struct relation_name){0};
}

void relation_cache_answered(struct relation_cache *cache)
{
    if (cache->question == QUESTION_ASKED)
        cache->question = QUESTION_ANSWERED;
}
