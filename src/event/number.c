#include "base/str.h"
#include "event/value.h"

#include <errno.h>
#include <string.h>

/* Past what a float8 can have (308 and -324), and small enough to write zeros for. */
#define EXPONENT_MAX 400

struct number {
    bool negative;
    bool negative_zero;
    struct str whole;    /* digits before the point, one at least */
    struct str fraction; /* digits after it, may be none */
    int exponent;
    bool plain; /* written without an exponent */
};

static struct str take_digits(struct str *text)
{
    size_t len = 0;

    while (len < text->len && text->data[len] >= '0' && text->data[len] <= '9')
        len++;
    struct str digits = {text->data, len};
    *text = (struct str){text->data + len, text->len - len};
    return digits;
}

static bool take_char(struct str *text, char c)
{
    if (text->len == 0 || text->data[0] != c)
        return false;
    *text = (struct str){text->data + 1, text->len - 1};
    return true;
}

static int parse_exponent(struct str text, int *ret_exponent)
{
    bool negative = take_char(&text, '-');
    int64_t exponent;

    if (!negative)
        take_char(&text, '+');
    struct str digits = take_digits(&text);
    if (text.len > 0 || str_to_int64(digits, &exponent) < 0 || exponent > EXPONENT_MAX)
        return -EINVAL;
    *ret_exponent = negative ? -(int)exponent : (int)exponent;
    return 0;
}

static bool all_zero(struct str digits)
{
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] != '0')
            return false;
    }
    return true;
}

static int parse(struct number *ret, struct str text)
{
    struct number n = {.negative = take_char(&text, '-')};

    n.whole = take_digits(&text);
    if (n.whole.len == 0 || (n.whole.len > 1 && n.whole.data[0] == '0'))
        return -EINVAL;
    if (take_char(&text, '.')) {
        n.fraction = take_digits(&text);
        if (n.fraction.len == 0)
            return -EINVAL;
    }
    n.plain = text.len == 0;
    if (!n.plain && ((!take_char(&text, 'e') && !take_char(&text, 'E')) ||
                     parse_exponent(text, &n.exponent) < 0))
        return -EINVAL;
    n.negative_zero = n.negative && all_zero(n.whole) && all_zero(n.fraction);
    *ret = n;
    return 0;
}

/* The digit at PLACE of whole and fraction written without the point; 0 outside. */
static char digit_at(const struct number *n, int64_t place)
{
    if (place < 0)
        return '0';
    size_t at = (size_t)place;
    if (at < n->whole.len)
        return n->whole.data[at];
    at -= n->whole.len;
    return at < n->fraction.len ? n->fraction.data[at] : '0';
}

static int append_expanded(struct buffer *out, const struct number *n)
{
    int64_t point = (int64_t)n->whole.len + n->exponent;
    int64_t end = (int64_t)(n->whole.len + n->fraction.len);
    int64_t first = 0;

    /* The whole part has no zeros in front, and one digit at least. */
    while (first < point - 1 && digit_at(n, first) == '0')
        first++;
    if (point <= 0)
        first = point - 1;
    for (int64_t place = first; place < point; place++)
        buffer_append_char(out, digit_at(n, place));
    if (end > point)
        buffer_append_char(out, '.');
    for (int64_t place = point; place < end; place++)
        buffer_append_char(out, digit_at(n, place));
    return out->failed;
}

static bool has_no_digits(struct str text)
{
    return str_equal(text, STR("NaN")) || str_equal(text, STR("Infinity")) ||
           str_equal(text, STR("-Infinity"));
}

int json_from_number(struct buffer *out, struct str text)
{
    struct number n;

    if (has_no_digits(text))
        return json_quote(out, text);
    if (parse(&n, text) < 0)
        return -EINVAL;
    /* numeric has no negative zero. */
    if (n.negative_zero)
        text = (struct str){text.data + 1, text.len - 1};
    if (n.plain)
        return buffer_append_str(out, text);
    if (n.negative && !n.negative_zero)
        buffer_append_char(out, '-');
    return append_expanded(out, &n);
}

int json_from_numeral(struct buffer *out, struct str text)
{
    if (has_no_digits(text))
        return json_quote(out, text);
    buffer_append_char(out, '"');
    int r = json_from_number(out, text);
    return r < 0 ? r : buffer_append_char(out, '"');
}
