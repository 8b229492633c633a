/* decode/column_rules.h - what the configuration says of columns, by name. Decided once for a
 * relation, when it becomes known, by whichever plugin; an event then costs no look-up. Owns its
 * rows, borrows the names. Pure. */
#ifndef DECODE_COLUMN_RULES_H
#define DECODE_COLUMN_RULES_H

#include "event/change.h"

#include <stddef.h>

enum column_rule_kind { COLUMN_EXCLUDE };

struct column_rule {
    struct str schema, table, column;
    enum column_rule_kind kind;
};

struct column_rules {
    struct column_rule *items; /* in order, after column_rules_sort() */
    size_t count;
};

void column_rules_sort(struct column_rules *rules);
/* Sets what RELATION says of its columns. RULES may be NULL. */
void column_rules_apply(const struct column_rules *rules, struct relation *relation);
void column_rules_release(struct column_rules *rules); /* safe on a zeroed one */

#endif
