/* feed/filter.h - which events of a topic a subscriber wants: types, and conditions on columns,
 * written as PostgREST has them: "gte.4", "in.(1,2,\"a,b\")", "is.null", "like.*foo*".
 *
 * A condition is compiled for the type of its column into bytes; two filters are the same when
 * their bytes are. Null compares to nothing. Pure. */
#ifndef FEED_FILTER_H
#define FEED_FILTER_H

#include "base/error.h"
#include "feed/sort_key.h"
#include <walpiper/event.h>

#define FILTER_TYPE(type) (1u << (type))
#define FILTER_ALL_TYPES                                                                           \
    (FILTER_TYPE(EVENT_INSERT) | FILTER_TYPE(EVENT_UPDATE) | FILTER_TYPE(EVENT_DELETE) |           \
     FILTER_TYPE(EVENT_TRUNCATE))

struct filter {
    unsigned types;        /* FILTER_TYPE() of each */
    struct str conditions; /* compiled; all of them must hold. Borrowed */
};

/* "insert,delete". 0, or -EINVAL naming what is no type. */
int filter_parse_types(unsigned *ret_types, struct str text, struct error *err);

/* Appends the condition TEXT on COLUMN, whose base type has TYPE_OID. 0; -EINVAL naming column and
 * offence; or OUT's failure. */
int filter_compile(struct buffer *out, struct str column, uint32_t type_oid, struct str text,
                   struct error *err);

/* --- compiled conditions --------------------------------------------------------------------- */

enum filter_operator {
    FILTER_EQ,
    FILTER_NEQ,
    FILTER_GT,
    FILTER_GTE,
    FILTER_LT,
    FILTER_LTE,
    FILTER_IN,
    FILTER_LIKE,
    FILTER_NULL,
    FILTER_NOT_NULL,
};

struct filter_condition {
    enum filter_operator op;
    enum value_class value_class;
    struct str column;
    struct str operands; /* for filter_operand_next(); of FILTER_LIKE the pattern */
};

/* Cuts the next condition from *REST; false at the end. */
bool filter_next(struct str *rest, struct filter_condition *ret);
/* Cuts the next operand, a sort key. */
bool filter_operand_next(struct str *rest, struct str *ret_key);

/* What a record has in a column. */
struct filter_value {
    bool known;
    bool null;
    bool has_key; /* false: the text is no value of the class that the filter was made for */
    struct str text, key;
};

/* VALUE is known. */
bool filter_holds(const struct filter_condition *condition, const struct filter_value *value);

#endif
