#include "decode/column_rules.h"

#include "base/str.h"

#include <stdlib.h>

static int compare_names(struct str a, struct str b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len == 0 ? 0 : memcmp(a.data, b.data, a.len);
}

static int compare(const void *left, const void *right)
{
    const struct column_rule *a = left, *b = right;
    int order = compare_names(a->table, b->table);

    if (order == 0)
        order = compare_names(a->schema, b->schema);
    if (order == 0)
        order = compare_names(a->column, b->column);
    return order != 0 ? order : (int)a->kind - (int)b->kind;
}

void column_rules_sort(struct column_rules *rules)
{
    if (rules->count > 0)
        qsort(rules->items, rules->count, sizeof(rules->items[0]), compare);
}

static bool has(const struct column_rules *rules, const struct relation *relation, uint16_t index,
                enum column_rule_kind kind)
{
    const struct column_rule wanted = {relation->schema, relation->table,
                                       relation->columns[index].name, kind};

    return bsearch(&wanted, rules->items, rules->count, sizeof(wanted), compare) != NULL;
}

void column_rules_apply(const struct column_rules *rules, struct relation *relation)
{
    if (rules == NULL || rules->count == 0)
        return;
    relation->excluded_count = 0;
    for (uint16_t i = 0; i < relation->column_count; i++) {
        struct relation_column *column = &relation->columns[i];
        column->excluded_before = relation->excluded_count;
        column->excluded = has(rules, relation, i, COLUMN_EXCLUDE);
        relation->excluded_count = (uint16_t)(relation->excluded_count + column->excluded);
        column->ignored = has(rules, relation, i, COLUMN_IGNORE);
        relation->has_ignored |= column->ignored;
    }
}

bool column_rules_quote(const struct column_rules *rules, struct str type)
{
    for (size_t i = 0; rules != NULL && i < rules->number_count; i++)
        if (str_equal(rules->numbers_as_strings[i], type))
            return true;
    return false;
}

void column_rules_release(struct column_rules *rules)
{
    free(rules->items);
    *rules = (struct column_rules){0};
}
