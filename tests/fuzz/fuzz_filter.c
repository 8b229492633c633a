/* A filter of a client on a column of any type, in the first two lines, and values, one a line: the
 * filter is refused by its column's name, or what it was compiled to can be read; of each value a
 * filter with eq says what its opposite denies, and order is one order. */
#include "feed/filter.h"
#include "fuzz.h"

#include <errno.h>

static const uint32_t oids[] = {16,   17,   20,   25,   700,  701,  1042,
                                1082, 1083, 1114, 1184, 1700, 2950, 3802};
#define OIDS (sizeof(oids) / sizeof(oids[0]))

/* The same operand behind another operator. */
static bool holds(struct filter_condition condition, enum filter_operator op,
                  const struct filter_value *value)
{
    condition.op = op;
    return filter_holds(&condition, value);
}

static void check_value(const struct filter_condition *condition, const struct filter_value *value)
{
    (void)filter_holds(condition, value);
    if (condition->op > FILTER_LTE || !value->has_key)
        return;
    bool less = holds(*condition, FILTER_LT, value);
    bool equal = holds(*condition, FILTER_EQ, value);
    bool greater = holds(*condition, FILTER_GT, value);
    promise(less + equal + greater == 1);
    promise(equal != holds(*condition, FILTER_NEQ, value));
    promise((less || equal) == holds(*condition, FILTER_LTE, value));
    promise((greater || equal) == holds(*condition, FILTER_GTE, value));
}

static void check_values(const struct filter_condition *condition, struct str rest)
{
    struct buffer key;

    buffer_init(&key, 1 << 20);
    while (rest.data != NULL) {
        struct filter_value value = {.known = true, .text = str_cut(&rest, '\n')};
        buffer_reset(&key);
        int r = sort_key(&key, condition->value_class, value.text);
        promise(r == 0 || r == -EINVAL);
        value.has_key = r == 0;
        value.key = buffer_str(&key);
        check_value(condition, &value);
    }
    buffer_release(&key);
}

static void check_filter(uint32_t oid, struct str text, struct str values)
{
    struct filter_condition condition;
    struct buffer compiled;
    struct error err = {0};

    buffer_init(&compiled, 1 << 20);
    int r = filter_compile(&compiled, STR("column"), oid, text, &err);
    promise(r == 0 || (r == -EINVAL && strstr(err.text, "\"column\"") != NULL));
    struct str rest = buffer_str(&compiled);
    if (r == 0) {
        promise(filter_next(&rest, &condition));
        promise(rest.len == 0 && is_inside(condition.operands, buffer_str(&compiled)));
        check_values(&condition, values);
    }
    buffer_release(&compiled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = exact_copy(data, size);
    struct str rest = text;
    struct str type = str_cut(&rest, '\n');
    struct str filter = str_cut(&rest, '\n');
    unsigned types;
    struct error err = {0};

    check_filter(oids[type.len > 0 ? (unsigned char)type.data[0] % OIDS : 0], filter, rest);
    int r = filter_parse_types(&types, filter, &err);
    promise(r == -EINVAL || (types != 0 && (types & ~FILTER_ALL_TYPES) == 0));
    free_copy(text);
    return 0;
}
