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

/* True when COLUMNS has the column NAME; *NEXT is then the index behind it. Mostly it is where to
 * look first: messages list columns in the order of the table. */
static bool is_sent(const struct wal2json_columns *columns, struct str name, uint16_t *next)
{
    uint16_t i = *next;

    if (i >= columns->count || !str_equal(columns->items[i].name, name))
        for (i = 0; i < columns->count; i++)
            if (str_equal(columns->items[i].name, name))
                break;
    if (i == columns->count)
        return false;
    *next = (uint16_t)(i + 1);
    return true;
}

/* True when the identity is all of the row before. The catalog says so of RELATION; if that was not
 * so yet, MESSAGE has a key there. */
static bool has_full_identity(const struct relation *relation,
                              const struct wal2json_message *message)
{
    return relation_cache_is_full(relation) && message->identity.count > message->pk.count &&
           message->identity.count >= message->columns.count;
}

/* Can there be COLUMN in the table although MESSAGE, an update, does not send it? Only as a large
 * untouched value; *NEXT as for is_sent(). */
static bool may_be_untouched(const struct relation_column *column, bool full,
                             const struct wal2json_message *message, uint16_t *next)
{
    return !is_fixed_length(column->type) &&
           (!full || is_sent(&message->identity, column->name, next));
}

/* True when what an update leaves out of RELATION can only be large untouched values. */
static bool may_leave_out_rest(const struct relation *relation,
                               const struct wal2json_message *message)
{
    bool full = has_full_identity(relation, message);
    uint16_t next = 0, next_old = 0;

    if (message->columns.count == relation->column_count)
        return true;
    for (uint16_t i = 0; i < relation->column_count; i++) {
        const struct relation_column *column = &relation->columns[i];
        if (!is_sent(&message->columns, column->name, &next) &&
            !may_be_untouched(column, full, message, &next_old))
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

/* True when the columns of an insert are those of RELATION, in its order unless it is the root of
 * the table that the message is about: partitions have orders of their own. */
static bool shows_all(const struct relation *relation, const struct wal2json_columns *columns,
                      bool any_order)
{
    if (columns->count != relation->column_count)
        return false;
    for (uint16_t i = 0; i < columns->count && !any_order; i++)
        if (columns->items[i].index != i)
            return false;
    return true;
}

/* True when RELATION is what MESSAGE shows. A partition's primary key may be its own. */
static bool fits(const struct relation *relation, struct wal2json_message *message,
                 enum relation_role role)
{
    struct wal2json_columns *columns = &message->columns;

    if (message->action == 'T')
        return true;
    if (!locate(relation, columns) || !locate(relation, &message->identity))
        return false;
    if (message->action == 'I' && !shows_all(relation, columns, role == RELATION_PARTITION))
        return false;
    if (message->action == 'U' && !may_leave_out_rest(relation, message))
        return false;
    if (message->action == 'D' && has_full_identity(relation, message) &&
        message->identity.count != relation->column_count)
        return false;
    return role == RELATION_PARTITION || same_primary_key(relation, &message->pk);
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

/* Is the column INDEX of KNOWN, that MESSAGE does not send, there all the same? A delete sends a
 * key or all, an insert has all columns. */
static bool still_there(const struct relation *known, uint16_t index,
                        const struct wal2json_message *message)
{
    const struct relation_column *column = &known->columns[index];
    bool full = has_full_identity(known, message);
    uint16_t next = 0;

    if (message->action == 'D')
        return !full || is_sent(&message->identity, column->name, &next);
    return message->action == 'U' && may_be_untouched(column, full, message, &next);
}

static bool draft_from_known(struct wal2json_draft *draft, const struct relation *known,
                             uint16_t index, enum relation_role role)
{
    const struct relation_column *column = &known->columns[index];
    struct relation_cache_column *kept =
        draft_column(draft, column->name, column->type->oid, draft->count);

    if (kept == NULL)
        return false;
    kept->primary_key = role == RELATION_PARTITION && column->primary_key;
    kept->outside_identity = relation_cache_hides_old(known, index);
    return true;
}

/* What is KNOWN together with the columns of MESSAGE, in the order of either: those that it shows
 * come as it has them, and the others where they were before. A partition has an order of its own:
 * there the root's counts. */
static bool draft_known(struct wal2json_draft *draft, const struct relation *known,
                        const struct wal2json_message *message, enum relation_role role)
{
    const struct wal2json_columns *columns = &message->columns;
    uint16_t next = 0, taken = 0;

    for (uint16_t i = 0; i < known->column_count; i++) {
        bool sent = is_sent(columns, known->columns[i].name, &next);
        if (sent && role != RELATION_PARTITION)
            for (; taken < next; taken++)
                draft_column(draft, columns->items[taken].name, columns->items[taken].type_oid,
                             draft->count);
        else if ((sent || still_there(known, i, message)) &&
                 !draft_from_known(draft, known, i, role))
            return false;
    }
    return true;
}

static bool draft_primary_key(struct wal2json_draft *draft, const struct wal2json_columns *pk)
{
    for (uint16_t i = 0; i < pk->count; i++) {
        const struct wal2json_column *column = &pk->items[i];
        struct relation_cache_column *key = draft_column(draft, column->name, column->type_oid, i);
        if (key == NULL)
            return false;
        key->primary_key = true;
    }
    return true;
}

/* The relation that MESSAGE shows: of an insert exactly its columns; of others, which do not show
 * all, together with what is KNOWN. The root of a partition keeps its order and its primary key.
 * False when there are too many columns. */
static bool describe(struct wal2json_draft *draft, const struct wal2json_message *message,
                     const struct relation *known, enum relation_role role)
{
    draft->count = 0;
    if (known != NULL && (message->action != 'I' || role == RELATION_PARTITION))
        if (!draft_known(draft, known, message, role))
            return false;
    if (!draft_columns(draft, &message->columns) || !draft_columns(draft, &message->identity))
        return false;
    return role == RELATION_PARTITION || draft_primary_key(draft, &message->pk);
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

/* As if the row before were sent by the root's replica identity: see relation_cache_hides_old(). */
static void drop_hidden(const struct relation *root, struct wal2json_columns *identity)
{
    uint16_t kept = 0;

    for (uint16_t i = 0; i < identity->count; i++)
        if (!relation_cache_hides_old(root, identity->items[i].index))
            identity->items[kept++] = identity->items[i];
    identity->count = kept;
}

static int replace(struct relation_cache *cache, struct relation_name name,
                   const struct wal2json_draft *draft, const struct relation **ret_relation,
                   uint32_t *ret_missing_type, struct error *err)
{
    int r = relation_cache_put(cache, name.schema, name.table, draft->columns, draft->count,
                               ret_relation, ret_missing_type);

    if (r == -ENOENT)
        return error_set(err, r, "type %u is not in the catalog that was read", *ret_missing_type);
    return r < 0 ? error_set(err, r, "memory is out") : 0;
}

/* What is known does not fit the message: a question to the catalog, or another *RELATION. */
static int find_anew(struct relation_cache *cache, struct wal2json_message *message,
                     struct wal2json_draft *draft, const struct relation **relation,
                     uint32_t *ret_missing_type, struct error *err)
{
    struct relation_name name = {message->schema, message->table};
    enum relation_role role = relation_cache_resolve(cache, name, message->timestamp, relation);
    const struct relation *newer = *relation == NULL ? NULL : relation_cache_newer(*relation);

    if (newer != NULL && fits(newer, message, role)) {
        *relation = relation_cache_renew(cache, *relation);
        return fits(*relation, message, role) ? 0 : error_set(err, -ENOMEM, "memory is out");
    }
    if (relation_cache_ask(cache, name)) {
        *ret_missing_type = 0;
        return error_set(err, -ENOENT, "the catalog is asked about it");
    }
    if (!describe(draft, message, *relation, role))
        return error_set(err, -EBADMSG, "more than %d columns", WAL2JSON_COLUMNS_MAX);
    if (role == RELATION_PARTITION)
        name = (struct relation_name){(*relation)->schema, (*relation)->table};
    int r = replace(cache, name, draft, relation, ret_missing_type, err);
    if (r < 0)
        return r;
    if (!fits(*relation, message, role))
        return error_set(err, -EBADMSG, "a column is there twice or with two types");
    return 0;
}

int wal2json_relation(struct relation_cache *cache, struct wal2json_message *message,
                      struct wal2json_draft *draft, const struct relation **ret_relation,
                      uint32_t *ret_missing_type, struct error *err)
{
    struct relation_name name = {message->schema, message->table};
    const struct relation *relation;
    enum relation_role role = relation_cache_resolve(cache, name, message->timestamp, &relation);

    /* A TRUNCATE of the root comes as its own, one of a partition alone is none of the root. */
    if (role == RELATION_UNPUBLISHED || (role == RELATION_PARTITION && message->action == 'T')) {
        *ret_relation = NULL;
        return 0;
    }
    if (relation != NULL && !relation_cache_is_whole(relation)) {
        drop_left_out(relation, &message->columns);
        drop_left_out(relation, &message->identity);
        drop_left_out(relation, &message->pk);
    }
    if (relation == NULL || !fits(relation, message, role)) {
        int r = find_anew(cache, message, draft, &relation, ret_missing_type, err);
        if (r < 0)
            return r;
    }
    if (role == RELATION_PARTITION)
        drop_hidden(relation, &message->identity);
    *ret_relation = relation;
    return 0;
}
