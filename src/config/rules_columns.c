/* config/rules_columns.c - the lists of columns of a marked table, which must leave alone what
 * topics and operators go by. */
#include "config/name.h"
#include "config/rules.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One list of one table while it is read. */
struct list {
    const char *key;
    char **from;
    size_t count;
    struct config_names *to;
};

/* What else the table's configuration calls COLUMN; NULL: nothing that matters. */
static const char *role_of(const struct config_table *table, const char *column)
{
    if (table->id && strcmp(table->id, column) == 0)
        return "id";
    for (size_t i = 0; i < table->scope_count; i++)
        for (size_t j = 0; j < table->scopes[i].column_count; j++)
            if (strcmp(table->scopes[i].columns[j].column, column) == 0)
                return "scopes";
    return NULL;
}

int rules_column_names(struct rules *r, const struct node *list, char **from, size_t count,
                       struct config_names *to)
{
    const struct node *place = list->first;

    if (count == 0)
        return 0;
    to->items = calloc(count, sizeof(*to->items));
    if (!to->items)
        return rules_no_memory(r);
    for (size_t i = 0; i < count; i++, place = place->next) {
        int code = rules_check(r, name_check_identifier(from[i]), place);
        if (code == 0 && config_names_have(to, from[i]))
            code = node_fail(r->tree, place, r->err, "the same column twice; remove one");
        if (code < 0)
            return code;
        to->items[to->count++].text = rules_take(&from[i]);
    }
    return 0;
}

static int read_list(struct rules *r, size_t table, const struct list *list)
{
    const struct node *place = node_at(r->tree, "tables[%zu].%s", table, list->key);
    int code = rules_column_names(r, place, list->from, list->count, list->to);

    place = place->first;
    for (size_t i = 0; i < list->to->count && code == 0; i++, place = place->next) {
        const char *column = list->to->items[i].text;
        assert(column);
        const char *role = role_of(&r->config->tables[table], column);
        if (role)
            code = node_fail(r->tree, place, r->err,
                             "column %s is named by %s of the same table, and topics go by it; "
                             "remove it here or there",
                             column, role);
    }
    return code;
}

int rules_columns(struct rules *r, size_t table)
{
    struct raw_table *from = &r->raw->tables[table];
    struct config_table *to = &r->config->tables[table];
    const struct list exclude = {"exclude", from->exclude, from->exclude_count, &to->exclude};
    const struct list ignore = {"ignore_updates_of", from->ignore_updates_of,
                                from->ignore_updates_of_count, &to->ignore_updates_of};

    int code = read_list(r, table, &exclude);
    return code < 0 ? code : read_list(r, table, &ignore);
}

int rules_mapped_column(struct rules *r, const char *const names[2], const char *column,
                        const struct node *place)
{
    for (size_t i = 0; i < r->config->table_count; i++) {
        const struct config_table *t = &r->config->tables[i];
        if (!name_same_table(t->schema, t->table, names[0], names[1]))
            continue;
        const char *key = config_names_have(&t->exclude, column)             ? "exclude"
                          : config_names_have(&t->ignore_updates_of, column) ? "ignore_updates_of"
                                                                             : NULL;
        if (key)
            return node_fail(r->tree, place, r->err,
                             "column %s is under %s of tables[%zu], and the operator goes by it; "
                             "remove it there",
                             column, key, i);
    }
    return 0;
}
