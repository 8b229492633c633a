#include "decode/wal2json_relation.h"

#include <errno.h>

#define NOT_FOUND UINT16_MAX

/* The column NAME, which is mostly at HINT: messages list columns in the order of the table. */
static uint16_t find_column(const struct relation *relation, struct str name, uint16_t hint)
{
    if (hint < relation->column_count && str_equal(relation->columns[hint].name, name))
        return hint;
    for (uint16_t i = 0; i < relation->column_count; i++)
        if (str_equal(relation->columns[i].name, name))
            return i;
    return NOT_FOUND;
}

/* Sets the index of each column; false when RELATION has one not at all or with another type. */
static bool locate(const struct relation *relation, struct wal2json_columns *columns)
{
    uint16_t hint = 0;

    for (uint16_t i = 0; i < columns->count; i++) {
        struct wal2json_column *column = &columns->items[i];
        uint16_t index = find_column(relation, column->name, hint);
        if (index == NOT_FOUND || relation->columns[index].type->oid != column->type_oid)
            return false;
        column->index = index;
        hint = (uint16_t)(index + 1);
    }
    return true;
}

/* True for built-in types that are never stored apart from their row, so that every update sends
 * them. Types of extensions count as large ones. */
static bool is_fixed_length(const struct type_info *type)
{
    switch (type->oid) {
    case 16:   /* bool */
    case 20:   /* int8 */
    case 21:   /* int2 */
    case 23:   /* int4 */
    case 26:   /* oid */
    case 700:  /* float4 */
    case 701:  /* float8 */
    case 1082: /* date */
    case 1083: /* time */
    case 1114: /* timestamp */
    case 1184: /* timestamptz */
    case 1186: /* interval */
    case 1266: /* timetz */
    case 2950: /* uuid */
        return true;
    default:
        return false;
    }
}

/* True when COLUMNS has the column NAME. What was located is in the order of the relation, so *NEXT
 * is where to look first. */
static bool is_sent(const struct wal2json_columns *columns, struct str name, uint16_t *next)
{
    if (*next < columns->count && str_equal(columns->items[*next].name, name)) {
        (*next)++;
        return true;
    }
    for (uint16_t i = 0; i < columns->count; i++)
        if (str_equal(columns->items[i].name, name))
            return true;
    return false;
}

/* True when what an update leaves out of RELATION can only be large untouched values. */
static bool may_leave_out_rest(const struct relation *relation,
                               const struct wal2json_columns *columns)
{
    uint16_t next = 0;

    if (columns->count == relation->column_count)
        return true;
    for (uint16_t i = 0; i < relation->column_count; i++) {
        const struct relation_column *column = &relation->columns[i];
        if (!is_sent(columns, column->name, &next) && is_fixed_length(column->type))
            return false;
    }
    return true;
}

static bool same_primary_key(const struct relation *relation, const struct wal2json_columns *pk)
{
    uint16_t hint = 0;
    uint16_t count = 0;

    for (uint16_t i = 0; i < pk->count; i++) {
        uint16_t index = find_column(relation, pk->items[i].name, hint);
        if (index == NOT_FOUND || !relation->columns[index].primary_key)
            return false;
        hint = (uint16_t)(index + 1);
    }
    for (uint16_t i = 0; i < relation->column_count; i++)
        count = (uint16_t)(count + relation->columns[i].primary_key);
    return count == pk->count;
}

/* True when RELATION is what MESSAGE shows. */
static bool fits(const struct relation *relation, struct wal2json_message *message)
{
    struct wal2json_columns *columns = &message->columns;

    if (message->action == 'T')
        return true;
    if (!locate(relation, columns) || !locate(relation, &message->identity))
        return false;
    if (message->action == 'I') {
        if (columns->count != relation->column_count)
            return false;
        for (uint16_t i = 0; i < columns->count; i++)
            if (columns->items[i].index != i)
                return false;
    }
    if (message->action == 'U' && !may_leave_out_rest(relation, columns))
        return false;
    return same_primary_key(relation, &message->pk);
}

/* Adds the column, or gives the one of its name this type. NULL when there are too many. */
static struct relation_cache_column *draft_column(struct wal2json_draft *draft, struct str name,
                                                  uint32_t type_oid, uint16_t hint)
{
    uint16_t i = hint;

    if (i >= draft->count || !str_equal(draft->columns[i].name, name))
        for (i = 0; i < draft->count; i++)
            if (str_equal(draft->columns[i].name, name))
                break;
    if (i == WAL2JSON_COLUMNS_MAX)
        return NULL;
    if (i == draft->count)
        draft->columns[draft->count++] = (struct relation_cache_column){.name = name};
    draft->columns[i].type_oid = type_oid;
    return &draft->columns[i];
}

static bool draft_columns(struct wal2json_draft *draft, const struct wal2json_columns *columns)
{
    for (uint16_t i = 0; i < columns->count; i++)
        if (draft_column(draft, columns->items[i].name, columns->items[i].type_oid, i) == NULL)
            return false;
    return true;
}

/* What KNOWN still tells: all but what an update would have sent. */
static void draft_known(struct wal2json_draft *draft, const struct relation *known,
                        const struct wal2json_message *message)
{
    uint16_t next = 0;

    for (uint16_t i = 0; i < known->column_count; i++) {
        const struct relation_column *column = &known->columns[i];
        bool sent = is_sent(&message->columns, column->name, &next);
        if (message->action != 'U' || sent || !is_fixed_length(column->type))
            draft_column(draft, column->name, column->type->oid, draft->count);
    }
}

/* The relation that MESSAGE shows: of an insert exactly its columns; of others, which do not show
 * all, together with what is KNOWN. False when there are too many columns. */
static bool describe(struct wal2json_draft *draft, const struct wal2json_message *message,
                     const struct relation *known)
{
    draft->count = 0;
    if (known != NULL && message->action != 'I')
        draft_known(draft, known, message);
    if (!draft_columns(draft, &message->columns) || !draft_columns(draft, &message->identity))
        return false;
    for (uint16_t i = 0; i < message->pk.count; i++) {
        const struct wal2json_column *column = &message->pk.items[i];
        struct relation_cache_column *key = draft_column(draft, column->name, column->type_oid, i);
        if (key == NULL)
            return false;
        key->primary_key = true;
    }
    return true;
}

/* As if what the publication leaves out had not been sent. */
static void drop_left_out(const struct relation *relation, struct wal2json_columns *columns)
{
    uint16_t kept = 0;

    for (uint16_t i = 0; i < columns->count; i++)
        if (!relation_cache_leaves_out(relation, columns->items[i].name))
            columns->items[kept++] = columns->items[i];
    columns->count = kept;
}

int wal2json_relation(struct relation_cache *cache, struct wal2json_message *message,
                      struct wal2json_draft *draft, const struct relation **ret_relation,
                      uint32_t *ret_missing_type, struct error *err)
{
    const struct relation *known = relation_cache_find(cache, message->schema, message->table);

    if (known != NULL && !relation_cache_is_whole(known)) {
        drop_left_out(known, &message->columns);
        drop_left_out(known, &message->identity);
        drop_left_out(known, &message->pk);
    }
    if (known != NULL && fits(known, message)) {
        *ret_relation = known;
        return 0;
    }
    if (!describe(draft, message, known))
        return error_set(err, -EBADMSG, "more than %d columns", WAL2JSON_COLUMNS_MAX);

    const struct relation *relation;
    int r = relation_cache_put(cache, message->schema, message->table, draft->columns, draft->count,
                               &relation, ret_missing_type);
    if (r == -ENOENT)
        return error_set(err, r, "type %u is not in the catalog that was read", *ret_missing_type);
    if (r < 0)
        return error_set(err, r, "memory is out");
    if (!fits(relation, message))
        return error_set(err, -EBADMSG, "a column is there twice or with two types");
    *ret_relation = relation;
    return 0;
}
