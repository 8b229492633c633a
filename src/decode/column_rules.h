/* decode/column_rules.h - what the configuration says of columns, and of types of numbers, by name.
 * Decided once for a relation or type, when it becomes known, by whichever plugin; an event then
 * costs no look-up. Owns its rows, borrows the names. Pure. */
#ifndef DECODE_COLUMN_RULES_H
#define DECODE_COLUMN_RULES_H

#include "event/change.h"

#include <stddef.h>

#define COLUMN_RULES_NUMBERS 6 /* types whose values are numbers in JSON */

enum column_rule_kind { COLUMN_EXCLUDE, COLUMN_IGNORE };

struct column_rule {
    struct str schema, table, column;
    enum column_rule_kind kind;
};

struct column_rules {
    struct column_rule *items; /* in order, after column_rules_sort() */
    size_t count;
    struct str numbers_as_strings[COLUMN_RULES_NUMBERS]; /* pg_type.typname */
    size_t number_count;
};

void column_rules_sort(struct column_rules *rules);
/* Sets what RELATION says of its columns. RULES may be NULL. */
void column_rules_apply(const struct column_rules *rules, struct relation *relation);
bool column_rules_quote(const struct column_rules *rules, struct str type); /* likewise */
void column_rules_release(struct column_rules *rules); /* safe on a zeroed one */

#endif
