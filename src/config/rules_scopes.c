/* config/rules_scopes.c - the scopes of a marked table: which parents its topics have. */
#include "config/name.h"
#include "config/rules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in a topic: by itself or with its schema, which the first dot ends. */
struct parent {
    struct str schema, table; /* the latter ends in NUL */
};

static struct parent parent_of(const char *name)
{
    struct str rest = str_from(name);
    struct str head = str_cut(&rest, '.');

    return rest.data ? (struct parent){head, rest} : (struct parent){STR("public"), head};
}

static const char *parent_complaint(const char *name)
{
    struct parent parent = parent_of(name);
    char schema[IDENTIFIER_MAX + 2]; /* of one that is too long enough to see it */

    snprintf(schema, sizeof(schema), "%.*s", STR_ARG(parent.schema));
    const char *complaint = name_check_identifier(schema);
    if (!complaint)
        complaint = name_check_identifier(parent.table.data);
    if (!complaint && strchr(name, '/'))
        complaint = "a '/' in the parent's name parts the topic; choose another name";
    return complaint;
}

static bool is_same_column(const struct config_scope_column *a, const struct config_scope_column *b)
{
    struct parent of_a = parent_of(a->parent), of_b = parent_of(b->parent);

    return strcmp(a->column, b->column) == 0 && str_equal(of_a.schema, of_b.schema) &&
           str_equal(of_a.table, of_b.table);
}

static bool is_same(const struct config_scope *a, const struct config_scope *b)
{
    if (a->column_count != b->column_count)
        return false;
    for (size_t i = 0; i < a->column_count; i++)
        if (!is_same_column(&a->columns[i], &b->columns[i]))
            return false;
    return true;
}

static int read_column(struct rules *r, struct config_scope *scope, struct raw_scope_column *from,
                       const struct node *place)
{
    struct config_scope_column *to = &scope->columns[scope->column_count];

    int code = rules_check(r, name_check_identifier(from->column), place);
    if (code == 0)
        code = rules_check(r, parent_complaint(from->parent), place);
    if (code < 0)
        return code;
    to->column = rules_take(&from->column);
    to->parent = rules_take(&from->parent);
    scope->column_count++;
    return 0;
}

static const struct node *place_of(const struct rules *r, size_t table, size_t scope, size_t column)
{
    return node_at(r->tree, "tables[%zu].scopes[%zu].columns[%zu].column", table, scope, column);
}

static int read_scope(struct rules *r, size_t table, size_t index)
{
    struct raw_scope *from = &r->raw->tables[table].scopes[index];
    struct config_table *to = &r->config->tables[table];
    struct config_scope *scope = &to->scopes[index];

    if (from->columns_count > CONFIG_SCOPE_COLUMNS_MAX)
        return node_fail(r->tree, place_of(r, table, index, CONFIG_SCOPE_COLUMNS_MAX), r->err,
                         "a scope has at most %d columns; remove some", CONFIG_SCOPE_COLUMNS_MAX);
    scope->columns = calloc(from->columns_count, sizeof(*scope->columns));
    if (!scope->columns)
        return rules_no_memory(r);
    to->scope_count = index + 1;
    for (size_t i = 0; i < from->columns_count; i++) {
        int code = read_column(r, scope, &from->columns[i], place_of(r, table, index, i));
        if (code < 0)
            return code;
    }
    for (size_t i = 0; i < index; i++)
        if (is_same(&to->scopes[i], scope))
            return node_fail(r->tree, place_of(r, table, index, 0), r->err,
                             "the same scope twice; remove one");
    return 0;
}

int rules_scopes(struct rules *r, size_t table)
{
    size_t count = r->raw->tables[table].scopes_count;

    if (count == 0)
        return 0;
    r->config->tables[table].scopes = calloc(count, sizeof(struct config_scope));
    if (!r->config->tables[table].scopes)
        return rules_no_memory(r);
    for (size_t i = 0; i < count; i++) {
        int code = read_scope(r, table, i);
        if (code < 0)
            return code;
    }
    return 0;
}
