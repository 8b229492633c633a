#include "feed/filter.h"

#include "event/record.h"
#include "feed/like.h"

#include <errno.h>

/* A compiled condition: this, the column, the operands; each operand has its length before it. */
struct condition_head {
    uint8_t op, value_class;
    uint16_t column_len;
    uint32_t operands_len;
};

/* --- types ----------------------------------------------------------------------------------- */

static bool find_type(struct str name, enum event_type *ret_type)
{
    for (enum event_type type = EVENT_INSERT; type <= EVENT_TRUNCATE; type++) {
        if (str_equal(name, str_from(event_type_name(type)))) {
            *ret_type = type;
            return true;
        }
    }
    return false;
}

int filter_parse_types(unsigned *ret_types, struct str text, struct error *err)
{
    struct str rest = text;
    enum event_type type;
    unsigned types = 0;

    do {
        struct str name = str_cut(&rest, ',');
        if (!find_type(name, &type))
            return error_set(err, -EINVAL,
                             "Parameter \"types\": \"%.*s\" is no type; there are insert, update, "
                             "delete and truncate",
                             STR_ARG(str_truncate(name, 64)));
        types |= FILTER_TYPE(type);
    } while (rest.data != NULL);
    *ret_types = types;
    return 0;
}

/* --- compiling ------------------------------------------------------------------------------- */

static const char *const operator_names[] = {
    [FILTER_EQ] = "eq.",   [FILTER_NEQ] = "neq.",   [FILTER_GT] = "gt.",
    [FILTER_GTE] = "gte.", [FILTER_LT] = "lt.",     [FILTER_LTE] = "lte.",
    [FILTER_IN] = "in.",   [FILTER_LIKE] = "like.", [FILTER_NULL] = "is.",
};

/* One condition on its way. */
struct compiler {
    struct buffer *out;
    struct filter_condition condition;
    struct str operand; /* behind the operator */
    struct error *err;
};

#define COLUMN_ARG(compiler) STR_ARG(str_truncate((compiler)->condition.column, 64))

static bool cut_operator(struct str *text, enum filter_operator *ret)
{
    for (size_t i = 0; i < sizeof(operator_names) / sizeof(operator_names[0]); i++) {
        struct str name = str_from(operator_names[i]);
        if (str_starts_with(*text, name)) {
            *text = (struct str){text->data + name.len, text->len - name.len};
            *ret = (enum filter_operator)i;
            return true;
        }
    }
    return false;
}

static int put_operand(struct compiler *c, struct str text)
{
    size_t at = c->out->len;
    uint32_t len = 0;

    buffer_append(c->out, &len, sizeof(len));
    int status = sort_key(c->out, c->condition.value_class, text);
    if (status == -EINVAL)
        return error_set(c->err, -EINVAL,
                         "Filter \"%.*s\": \"%.*s\" is no value of the column's type",
                         COLUMN_ARG(c), STR_ARG(str_truncate(text, 64)));
    if (c->out->failed == 0) {
        len = (uint32_t)(c->out->len - at - sizeof(len));
        memcpy(c->out->data + at, &len, sizeof(len));
    }
    return c->out->failed;
}

static int refuse_list(const struct compiler *c)
{
    return error_set(c->err, -EINVAL,
                     "Filter \"%.*s\": write in.(a,b,c), with double quotes around what holds a "
                     "comma, a quote or a parenthesis",
                     COLUMN_ARG(c));
}

/* "a,b" or "\"c, d\"": backslashes escape inside of quotes. False when a quote has no end. */
static bool cut_quoted(struct str *rest, struct buffer *item)
{
    size_t at = 1;

    for (; at < rest->len && rest->data[at] != '"'; at++) {
        if (rest->data[at] == '\\' && at + 1 < rest->len)
            at++;
        buffer_append_char(item, rest->data[at]);
    }
    if (at >= rest->len)
        return false;
    *rest = (struct str){rest->data + at + 1, rest->len - at - 1};
    return true;
}

static void cut_plain(struct str *rest, struct buffer *item)
{
    size_t len = 0;

    while (len < rest->len && rest->data[len] != ',')
        len++;
    buffer_append(item, rest->data, len);
    *rest = (struct str){rest->data + len, rest->len - len};
}

static int put_items(struct compiler *c, struct str rest, struct buffer *item)
{
    for (;;) {
        buffer_reset(item);
        if (rest.len == 0 || rest.data[0] != '"')
            cut_plain(&rest, item);
        else if (!cut_quoted(&rest, item))
            return refuse_list(c);
        int status = item->failed != 0 ? item->failed : put_operand(c, buffer_str(item));
        if (status < 0 || rest.len == 0)
            return status;
        if (rest.data[0] != ',')
            return refuse_list(c);
        rest = (struct str){rest.data + 1, rest.len - 1};
    }
}

static int put_list(struct compiler *c)
{
    struct str list = c->operand;
    struct buffer item;

    if (list.len < 2 || list.data[0] != '(' || list.data[list.len - 1] != ')')
        return refuse_list(c);
    list = (struct str){list.data + 1, list.len - 2};
    if (list.len == 0)
        return 0; /* nothing is in it */
    buffer_init(&item, list.len);
    int status = put_items(c, list, &item);
    buffer_release(&item);
    return status;
}

static int put_pattern(struct compiler *c)
{
    enum value_class value_class = c->condition.value_class;

    if (value_class != CLASS_TEXT && value_class != CLASS_PADDED)
        return error_set(c->err, -EINVAL, "Filter \"%.*s\": like is for columns of text",
                         COLUMN_ARG(c));
    if (!like_is_sound(c->operand))
        return error_set(c->err, -EINVAL,
                         "Filter \"%.*s\": the pattern ends with a backslash; write two",
                         COLUMN_ARG(c));
    return buffer_append_str(c->out, c->operand);
}

/* TRUE and FALSE of a bool are values like others: null is neither. */
static int put_is(struct compiler *c)
{
    bool is_bool = c->condition.value_class == CLASS_BOOL;

    if (str_equal(c->operand, STR("not_null"))) {
        c->condition.op = FILTER_NOT_NULL;
        return 0;
    }
    if (str_equal(c->operand, STR("null")))
        return 0;
    if (is_bool && (str_equal(c->operand, STR("true")) || str_equal(c->operand, STR("false")))) {
        c->condition.op = FILTER_EQ;
        return put_operand(c, c->operand);
    }
    return error_set(c->err, -EINVAL,
                     "Filter \"%.*s\": write is.null or is.not_null, and of a bool is.true or "
                     "is.false",
                     COLUMN_ARG(c));
}

static int put_ordered(struct compiler *c)
{
    if (!value_class_has_order(c->condition.value_class))
        return error_set(c->err, -EINVAL,
                         "Filter \"%.*s\": values of this type have no order here; there are eq, "
                         "neq, in and is",
                         COLUMN_ARG(c));
    return put_operand(c, c->operand);
}

static int put_operands(struct compiler *c)
{
    switch (c->condition.op) {
    case FILTER_GT:
    case FILTER_GTE:
    case FILTER_LT:
    case FILTER_LTE:
        return put_ordered(c);
    case FILTER_IN:
        return put_list(c);
    case FILTER_LIKE:
        return put_pattern(c);
    case FILTER_NULL:
        return put_is(c);
    default:
        return put_operand(c, c->operand);
    }
}

static int put_condition(struct compiler *c)
{
    struct condition_head head = {0};
    size_t at = c->out->len;

    buffer_append(c->out, &head, sizeof(head));
    buffer_append_str(c->out, c->condition.column);
    size_t operands_at = c->out->len;
    int status = put_operands(c);
    if (status == 0)
        status = c->out->failed;
    if (status < 0)
        return status;
    head = (struct condition_head){
        .op = (uint8_t)c->condition.op,
        .value_class = (uint8_t)c->condition.value_class,
        .column_len = (uint16_t)c->condition.column.len,
        .operands_len = (uint32_t)(c->out->len - operands_at),
    };
    memcpy(c->out->data + at, &head, sizeof(head));
    return 0;
}

int filter_compile(struct buffer *out, struct str column, uint32_t type_oid, struct str text,
                   struct error *err)
{
    struct compiler c = {.out = out, .operand = text, .err = err};

    c.condition.column = column;
    c.condition.value_class = value_class_of(type_oid);
    if (column.len > UINT16_MAX || !cut_operator(&c.operand, &c.condition.op))
        return error_set(err, -EINVAL,
                         "Filter \"%.*s\": \"%.*s\" has no operator; write eq., neq., gt., gte., "
                         "lt., lte., in., is. or like. before the value",
                         COLUMN_ARG(&c), STR_ARG(str_truncate(text, 64)));
    int status = put_condition(&c);
    if (status == -ENOMEM || status == -EMSGSIZE)
        return error_set(err, status, "Filter \"%.*s\": %s", COLUMN_ARG(&c),
                         status == -ENOMEM ? "out of memory" : "too long");
    return status;
}

/* --- compiled conditions --------------------------------------------------------------------- */

bool filter_next(struct str *rest, struct filter_condition *ret)
{
    struct condition_head head;

    if (rest->len < sizeof(head))
        return false;
    memcpy(&head, rest->data, sizeof(head));
    const char *column = rest->data + sizeof(head);
    const char *operands = column + head.column_len;
    *ret = (struct filter_condition){
        .op = (enum filter_operator)head.op,
        .value_class = (enum value_class)head.value_class,
        .column = {column, head.column_len},
        .operands = {operands, head.operands_len},
    };
    size_t used = sizeof(head) + head.column_len + head.operands_len;
    *rest = (struct str){rest->data + used, rest->len - used};
    return true;
}

bool filter_operand_next(struct str *rest, struct str *ret_key)
{
    uint32_t len;

    if (rest->len < sizeof(len))
        return false;
    memcpy(&len, rest->data, sizeof(len));
    *ret_key = (struct str){rest->data + sizeof(len), len};
    *rest = (struct str){rest->data + sizeof(len) + len, rest->len - sizeof(len) - len};
    return true;
}

static bool is_among(struct str operands, struct str key)
{
    struct str operand;

    while (filter_operand_next(&operands, &operand)) {
        if (str_equal(operand, key))
            return true;
    }
    return false;
}

static bool compare(enum filter_operator op, int order)
{
    switch (op) {
    case FILTER_EQ:
        return order == 0;
    case FILTER_NEQ:
        return order != 0;
    case FILTER_GT:
        return order > 0;
    case FILTER_GTE:
        return order >= 0;
    case FILTER_LT:
        return order < 0;
    case FILTER_LTE:
        return order <= 0;
    default:
        return false;
    }
}

bool filter_holds(const struct filter_condition *condition, const struct filter_value *value)
{
    struct str rest = condition->operands;
    struct str operand;

    if (condition->op == FILTER_NULL || value->null)
        return condition->op == FILTER_NULL && value->null;
    if (condition->op == FILTER_NOT_NULL)
        return true;
    if (condition->op == FILTER_LIKE)
        return like_matches(condition->operands, value->text);
    if (!value->has_key)
        return false;
    if (condition->op == FILTER_IN)
        return is_among(condition->operands, value->key);
    return filter_operand_next(&rest, &operand) &&
           compare(condition->op, sort_key_compare(value->key, operand));
}
