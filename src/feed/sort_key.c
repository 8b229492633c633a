#include "feed/sort_key.h"

#include "base/big_endian.h"
#include "feed/sort_key_time.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Fixed by PostgreSQL's src/include/catalog/pg_type.dat. */
static const struct {
    uint32_t oid;
    enum value_class value_class;
} classes[] = {
    {16, CLASS_BOOL},     {17, CLASS_BYTEA},         {18, CLASS_TEXT},    {19, CLASS_TEXT},
    {20, CLASS_NUMBER},   {21, CLASS_NUMBER},        {23, CLASS_NUMBER},  {25, CLASS_TEXT},
    {26, CLASS_NUMBER},   {700, CLASS_FLOAT4},       {701, CLASS_FLOAT8}, {1042, CLASS_PADDED},
    {1043, CLASS_TEXT},   {1082, CLASS_DATE},        {1083, CLASS_TIME},  {1114, CLASS_TIMESTAMP},
    {1700, CLASS_NUMBER}, {1184, CLASS_TIMESTAMPTZ}, {2950, CLASS_UUID},
};

enum value_class value_class_of(uint32_t type_oid)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (classes[i].oid == type_oid)
            return classes[i].value_class;
    }
    return CLASS_OTHER;
}

bool value_class_has_order(enum value_class value_class)
{
    return value_class != CLASS_OTHER;
}

int sort_key_compare(struct str a, struct str b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* --- numbers --------------------------------------------------------------------------------- */

/* 0.DIGITS * 10^EXPONENT; zero has no digits. */
struct decimal {
    bool negative;
    struct str whole, fraction; /* as written */
    size_t skip;                /* leading zeros of both together */
    size_t count;               /* digits from there, without the zeros at the end */
    int64_t exponent;
};

/* More is no number that anybody compares with. */
#define EXPONENT_MAX 1000000

static struct str cut_digits(struct str *rest)
{
    struct str digits = {rest->data, 0};

    while (digits.len < rest->len && rest->data[digits.len] >= '0' && rest->data[digits.len] <= '9')
        digits.len++;
    rest->data += digits.len;
    rest->len -= digits.len;
    return digits;
}

static bool cut_one_of(struct str *rest, const char *characters, char *ret)
{
    if (rest->len == 0 || rest->data[0] == '\0' || strchr(characters, rest->data[0]) == NULL)
        return false;
    *ret = rest->data[0];
    rest->data++;
    rest->len--;
    return true;
}

static bool cut_exponent(struct str *rest, int64_t *ret)
{
    char sign = '+';
    struct str digits;

    (void)cut_one_of(rest, "+-", &sign);
    digits = cut_digits(rest);
    if (str_to_int64(digits, ret) < 0 || *ret > EXPONENT_MAX)
        return false;
    if (sign == '-')
        *ret = -*ret;
    return true;
}

static char digit_at(const struct decimal *decimal, size_t index)
{
    size_t at = decimal->skip + index;

    return at < decimal->whole.len ? decimal->whole.data[at]
                                   : decimal->fraction.data[at - decimal->whole.len];
}

static void trim_zeros(struct decimal *decimal)
{
    size_t digits = decimal->whole.len + decimal->fraction.len;

    while (decimal->skip < digits && digit_at(decimal, 0) == '0')
        decimal->skip++;
    decimal->count = digits - decimal->skip;
    while (decimal->count > 0 && digit_at(decimal, decimal->count - 1) == '0')
        decimal->count--;
    decimal->exponent += (int64_t)decimal->whole.len - (int64_t)decimal->skip;
}

static bool parse_decimal(struct decimal *ret, struct str text)
{
    struct decimal decimal = {0};
    char mark = '+';

    (void)cut_one_of(&text, "+-", &mark);
    decimal.negative = mark == '-';
    decimal.whole = cut_digits(&text);
    if (cut_one_of(&text, ".", &mark))
        decimal.fraction = cut_digits(&text);
    if (decimal.whole.len + decimal.fraction.len == 0)
        return false;
    if (cut_one_of(&text, "eE", &mark) && !cut_exponent(&text, &decimal.exponent))
        return false;
    if (text.len > 0)
        return false;
    trim_zeros(&decimal);
    *ret = decimal;
    return true;
}

/* First byte of a number's key. */
enum {
    KEY_MINUS_INFINITY = 0x10,
    KEY_NEGATIVE = 0x20,
    KEY_ZERO = 0x30,
    KEY_POSITIVE = 0x40,
    KEY_INFINITY = 0x50,
    KEY_NAN = 0x60,
};

/* 0 when TEXT is a number, or none at all. */
static char special_number(struct str text)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    struct str rest = text;
    char sign;

    (void)cut_one_of(&rest, "+-", &sign);
    if (str_equal_nocase(rest, STR("infinity")) || str_equal_nocase(rest, STR("inf")))
        return negative ? KEY_MINUS_INFINITY : KEY_INFINITY;
    return str_equal_nocase(text, STR("nan")) ? KEY_NAN : 0;
}

static int append_big_endian(struct buffer *out, uint64_t number)
{
    unsigned char bytes[sizeof(number)];

    put_u64(bytes, number);
    return buffer_append(out, bytes, sizeof(bytes));
}

/* Of two numbers the one whose digits go on is the further one from zero: below zero all is
 * inverted, and the end of the digits comes after every digit. */
static int append_decimal(struct buffer *out, const struct decimal *decimal)
{
    unsigned char flip = decimal->negative ? 0xff : 0;
    uint64_t exponent = (uint64_t)decimal->exponent ^ (UINT64_C(1) << 63);

    if (decimal->count == 0)
        return buffer_append_char(out, KEY_ZERO);
    buffer_append_char(out, decimal->negative ? KEY_NEGATIVE : KEY_POSITIVE);
    append_big_endian(out, decimal->negative ? ~exponent : exponent);
    for (size_t i = 0; i < decimal->count; i++)
        buffer_append_char(out, (char)((unsigned char)digit_at(decimal, i) ^ flip));
    return decimal->negative ? buffer_append_char(out, (char)0xff) : out->failed;
}

static int number_key(struct buffer *out, struct str text)
{
    struct decimal decimal;
    char special = special_number(text);

    if (special != 0)
        return buffer_append_char(out, special);
    return parse_decimal(&decimal, text) ? append_decimal(out, &decimal) : -EINVAL;
}

/* A float is compared as the float that it becomes, not by its digits. */
#define FLOAT_TEXT_MAX 2048

static int float_key(struct buffer *out, struct str text, bool single)
{
    struct decimal decimal;
    char digits[FLOAT_TEXT_MAX];
    char special = special_number(text);
    uint64_t bits;

    if (special != 0)
        return append_big_endian(out, special == KEY_MINUS_INFINITY ? 0
                                      : special == KEY_INFINITY     ? UINT64_MAX - 1
                                                                    : UINT64_MAX);
    if (text.len >= sizeof(digits) || !parse_decimal(&decimal, text))
        return -EINVAL;
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    double number = single ? (double)strtof(digits, NULL) : strtod(digits, NULL);
    if (isinf(number))
        return -EINVAL;
    if (number == 0)
        number = 0; /* and not a negative one */
    memcpy(&bits, &number, sizeof(bits));
    return append_big_endian(out, (bits >> 63) != 0 ? ~bits : bits | (UINT64_C(1) << 63));
}

/* --- the others ------------------------------------------------------------------------------ */

static int bool_key(struct buffer *out, struct str text)
{
    static const char *const words[] = {"f", "false", "n", "no",  "off", "0",
                                        "t", "true",  "y", "yes", "on",  "1"};
    const size_t count = sizeof(words) / sizeof(words[0]);

    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase(text, str_from(words[i])))
            return buffer_append_char(out, i < count / 2 ? '0' : '1');
    }
    return -EINVAL;
}

/* With or without hyphens and braces, in either case. */
static int uuid_key(struct buffer *out, struct str text)
{
    char key[32];
    size_t count = 0;

    if (text.len >= 2 && text.data[0] == '{' && text.data[text.len - 1] == '}')
        text = (struct str){text.data + 1, text.len - 2};
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '-' && count > 0 && count % 4 == 0 && text.data[i - 1] != '-')
            continue;
        int digit = str_hex_digit(text.data[i]);
        if (digit < 0 || count == sizeof(key))
            return -EINVAL;
        key[count++] = "0123456789abcdef"[digit];
    }
    return count == sizeof(key) ? buffer_append(out, key, sizeof(key)) : -EINVAL;
}

/* "\x", then hex of either case. */
static int bytea_key(struct buffer *out, struct str text)
{
    if (text.len % 2 != 0 || !str_starts_with(text, STR("\\x")))
        return -EINVAL;
    for (size_t i = 2; i < text.len; i++) {
        int digit = str_hex_digit(text.data[i]);
        if (digit < 0)
            return -EINVAL;
        buffer_append_char(out, "0123456789abcdef"[digit]);
    }
    return out->failed;
}

static int padded_key(struct buffer *out, struct str text)
{
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    return buffer_append_str(out, text);
}

static int time_key(struct buffer *out, enum value_class value_class, struct str text)
{
    int64_t number;
    int status;

    if (value_class == CLASS_DATE)
        status = parse_date(text, &number);
    else if (value_class == CLASS_TIME)
        status = parse_time(text, &number);
    else
        status = parse_timestamp(text, value_class == CLASS_TIMESTAMPTZ, &number);
    if (status < 0)
        return status;
    return append_big_endian(out, (uint64_t)number ^ (UINT64_C(1) << 63));
}

int sort_key(struct buffer *out, enum value_class value_class, struct str text)
{
    if (text.data == NULL)
        text = STR("");
    switch (value_class) {
    case CLASS_NUMBER:
        return number_key(out, text);
    case CLASS_FLOAT4:
    case CLASS_FLOAT8:
        return float_key(out, text, value_class == CLASS_FLOAT4);
    case CLASS_BOOL:
        return bool_key(out, text);
    case CLASS_DATE:
    case CLASS_TIME:
    case CLASS_TIMESTAMP:
    case CLASS_TIMESTAMPTZ:
        return time_key(out, value_class, text);
    case CLASS_UUID:
        return uuid_key(out, text);
    case CLASS_BYTEA:
        return bytea_key(out, text);
    case CLASS_PADDED:
        return padded_key(out, text);
    case CLASS_TEXT:
    case CLASS_OTHER:
        break;
    }
    return buffer_append_str(out, text);
}
