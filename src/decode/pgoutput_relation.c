#define HASH_NONFATAL_OOM 1
#include "decode/pgoutput_relation.h"

#include "event/relation_text.h"

#include <errno.h>
#include <stdlib.h>

#define IN_IDENTITY 1 /* the one flag of a column */
#define NOT_FOUND UINT16_MAX

/* uthash's macros nest deeper than our own code may.
 * NOLINTBEGIN(readability-function-size) */
static struct pgoutput_relation *find_by_oid(const struct pgoutput_relations *relations,
                                             uint32_t oid)
{
    struct pgoutput_relation *found;

    HASH_FIND(hh, relations->by_oid, &oid, sizeof(oid), found);
    return found;
}

/* False when memory is out: uthash then leaves it out. */
static bool add(struct pgoutput_relations *relations, struct pgoutput_relation *relation)
{
    HASH_ADD(hh, relations->by_oid, oid, sizeof(relation->oid), relation);
    return relation->hh.tbl != NULL;
}

static void release(struct pgoutput_relation *relation)
{
    if (relation != NULL)
        relation_text_release(&relation->relation);
    free(relation);
}

static void drop(struct pgoutput_relations *relations, struct pgoutput_relation *relation)
{
    HASH_DELETE(hh, relations->by_oid, relation);
    release(relation);
}
/* NOLINTEND(readability-function-size) */

void pgoutput_relations_clear(struct pgoutput_relations *relations)
{
    relations->last = NULL;
    pgoutput_relations_pass(relations);
    while (relations->by_oid != NULL)
        drop(relations, relations->by_oid);
}

const struct pgoutput_relation *pgoutput_relations_find(struct pgoutput_relations *relations,
                                                        uint32_t oid)
{
    if (relations->last == NULL || relations->last->oid != oid)
        relations->last = find_by_oid(relations, oid);
    return relations->last;
}

static int read_column(struct byte_reader *reader, struct pgoutput_column *column,
                       struct error *err)
{
    uint8_t flags;
    uint32_t modifier;

    if (!read_u8(reader, &flags) || !read_text(reader, &column->name) ||
        !read_u32(reader, &column->type_oid) || !read_u32(reader, &modifier))
        return byte_reader_ends(err);
    if ((flags & ~IN_IDENTITY) != 0)
        return error_set(err, -EBADMSG, "a column has the unknown flags %u", flags);
    /* That the type 0 is missing from the cache would mean that something else is. */
    if (column->type_oid == 0)
        return error_set(err, -EBADMSG, "a column has no type");
    column->in_identity = flags == IN_IDENTITY;
    column->primary_key = false;
    return 0;
}

static uint16_t find_column(const struct pgoutput_draft *draft, struct str name)
{
    for (uint16_t i = 0; i < draft->count; i++)
        if (str_equal(draft->columns[i].name, name))
            return i;
    return NOT_FOUND;
}

static int read_columns(struct pgoutput_draft *draft, uint16_t count, struct byte_reader *reader,
                        struct error *err)
{
    for (draft->count = 0; draft->count < count; draft->count++) {
        struct pgoutput_column *column = &draft->columns[draft->count];
        int r = read_column(reader, column, err);
        if (r < 0)
            return r;
        if (find_column(draft, column->name) != NOT_FOUND)
            return error_set(err, -EBADMSG, "two columns have one name");
    }
    return 0;
}

static int read_draft(struct pgoutput_draft *draft, struct byte_reader *reader, struct error *err)
{
    uint8_t identity;
    uint16_t count;

    draft->schema = draft->table = (struct str){NULL, 0};
    if (!read_u32(reader, &draft->oid) || !read_text(reader, &draft->schema) ||
        !read_text(reader, &draft->table) || !read_u8(reader, &identity) ||
        !read_u16(reader, &count))
        return byte_reader_ends(err);
    if (identity == '\0' || strchr("dinf", identity) == NULL)
        return error_set(err, -EBADMSG, "unknown replica identity 0x%02x", identity);
    if (count > PGOUTPUT_COLUMNS_MAX)
        return error_set(err, -EBADMSG, "more than %d columns", PGOUTPUT_COLUMNS_MAX);
    draft->identity = (char)identity;
    /* The plugin's way to save bytes. */
    if (draft->schema.len == 0)
        draft->schema = STR("pg_catalog");
    int r = read_columns(draft, count, reader, err);
    return r < 0 ? r : byte_reader_done(reader, err);
}

static bool has_column(const struct relation *relation, struct str name)
{
    for (uint16_t i = 0; i < relation->column_count; i++)
        if (str_equal(relation->columns[i].name, name))
            return true;
    return false;
}

/* Where column INDEX of KNOWN is now: under its name, or renamed in its place. */
static uint16_t follow_column(const struct pgoutput_draft *draft, const struct relation *known,
                              uint16_t index)
{
    const struct relation_column *column = &known->columns[index];
    uint16_t found = find_column(draft, column->name);

    if (found != NOT_FOUND || index >= draft->count)
        return found;
    const struct pgoutput_column *there = &draft->columns[index];
    bool renamed = there->type_oid == column->type->oid && !has_column(known, there->name);
    return renamed ? index : NOT_FOUND;
}

static void forget_primary_key(struct pgoutput_draft *draft)
{
    for (uint16_t i = 0; i < draft->count; i++)
        draft->columns[i].primary_key = false;
}

static void keep_primary_key(struct pgoutput_draft *draft, const struct relation *known)
{
    for (uint16_t i = 0; i < known->column_count; i++) {
        if (!known->columns[i].primary_key)
            continue;
        uint16_t index = follow_column(draft, known, i);
        if (index == NOT_FOUND) {
            forget_primary_key(draft);
            return;
        }
        draft->columns[index].primary_key = true;
    }
}

/* See the header of pgoutput_relation.h. */
static void find_primary_key(struct pgoutput_draft *draft, const struct pgoutput_relation *before,
                             const struct relation_cache *cache)
{
    const struct relation *known = before != NULL
                                       ? &before->relation
                                       : relation_cache_find(cache, draft->schema, draft->table);

    if (draft->identity == 'd')
        for (uint16_t i = 0; i < draft->count; i++)
            draft->columns[i].primary_key = draft->columns[i].in_identity;
    else if (known != NULL)
        keep_primary_key(draft, known);
}

static void fill(struct pgoutput_relation *relation, const struct pgoutput_draft *draft,
                 const struct relation_cache *cache)
{
    bool *in_identity = (bool *)&relation->columns[draft->count];
    char *at = (char *)&in_identity[draft->count];

    relation->oid = draft->oid;
    relation->identity = draft->identity;
    relation->in_identity = in_identity;
    relation->relation = (struct relation){
        .schema = str_put(&at, draft->schema),
        .table = str_put(&at, draft->table),
        .column_count = draft->count,
        .columns = relation->columns,
    };
    for (uint16_t i = 0; i < draft->count; i++) {
        const struct pgoutput_column *column = &draft->columns[i];
        in_identity[i] = column->in_identity;
        relation->columns[i] = (struct relation_column){
            .name = str_put(&at, column->name),
            .type = relation_cache_type(cache, column->type_oid),
            .primary_key = column->primary_key,
        };
    }
}

static struct pgoutput_relation *new_relation(const struct pgoutput_draft *draft,
                                              const struct relation_cache *cache)
{
    size_t size = sizeof(struct pgoutput_relation) + draft->schema.len + draft->table.len +
                  draft->count * (sizeof(struct relation_column) + sizeof(bool));

    for (uint16_t i = 0; i < draft->count; i++)
        size += draft->columns[i].name.len;
    struct pgoutput_relation *relation = calloc(1, size);
    if (relation == NULL)
        return NULL;
    fill(relation, draft, cache);
    if (relation_cache_complete(cache, &relation->relation) < 0) {
        free(relation);
        return NULL;
    }
    return relation;
}

int pgoutput_relations_put(struct pgoutput_relations *relations, const struct relation_cache *cache,
                           struct byte_reader *reader, uint32_t *ret_missing_type,
                           struct error *err)
{
    struct pgoutput_draft *draft = &relations->draft;

    int r = read_draft(draft, reader, err);
    if (r < 0)
        return r;
    for (uint16_t i = 0; i < draft->count; i++) {
        if (relation_cache_type(cache, draft->columns[i].type_oid) != NULL)
            continue;
        *ret_missing_type = draft->columns[i].type_oid;
        return error_set(err, -ENOENT, "type %u is not in the catalog that was read",
                         *ret_missing_type);
    }
    struct pgoutput_relation *before = find_by_oid(relations, draft->oid);
    if (before == NULL && HASH_COUNT(relations->by_oid) >= PGOUTPUT_RELATIONS_MAX)
        return error_set(err, -EBADMSG, "more than %d relations in one stream",
                         PGOUTPUT_RELATIONS_MAX);
    find_primary_key(draft, before, cache);
    struct pgoutput_relation *relation = new_relation(draft, cache);
    if (relation != NULL && before != NULL)
        relation->old_nulls_unknown = before->old_nulls_unknown;
    /* The new one first: when that fails, the old one is still there. The old one is then taken out
     * by address. */
    if (relation == NULL || !add(relations, relation)) {
        release(relation);
        return error_set(err, -ENOMEM, "memory is out");
    }
    if (before != NULL)
        drop(relations, before);
    relations->last = relation;
    relations->shown[0] = relations->shown[1];
    relations->shown[1] = relation->oid;
    return 0;
}

void pgoutput_relations_pass(struct pgoutput_relations *relations)
{
    relations->shown[0] = relations->shown[1] = 0;
}

static bool has_lesser_partition(const struct pgoutput_relations *relations, uint32_t root)
{
    for (const struct pgoutput_relation *at = relations->by_oid; at != NULL; at = at->hh.next)
        if (at->root == root && at->identity != 'f')
            return true;
    return false;
}

void pgoutput_relations_before_row(struct pgoutput_relations *relations, uint32_t oid)
{
    struct pgoutput_relation *root = NULL, *partition = NULL;

    if (relations->shown[0] == oid && relations->shown[1] != oid) {
        root = find_by_oid(relations, oid);
        partition = find_by_oid(relations, relations->shown[1]);
    }
    pgoutput_relations_pass(relations);
    if (root == NULL || partition == NULL)
        return;
    partition->root = oid;
    root->old_nulls_unknown = has_lesser_partition(relations, oid);
}
