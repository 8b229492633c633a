#include "config/quantity.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

struct unit {
    struct str name;
    uint64_t factor;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct str cut_digits(struct str *text)
{
    struct str digits = {text->data, 0};

    while (digits.len < text->len && isdigit((unsigned char)digits.data[digits.len]))
        digits.len++;
    text->data += digits.len;
    text->len -= digits.len;
    return digits;
}

static int to_number(struct str digits, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < digits.len; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(digits.data[i] - '0'), &number))
            return -EINVAL;
    if (digits.len == 0)
        return -EINVAL;
    *ret_number = number;
    return 0;
}

int quantity_number(struct str text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
    struct str digits = cut_digits(&text);
    uint64_t number = 0;

    if (text.len > 0 || to_number(digits, &number) < 0 || number < min || number > max)
        return -EINVAL;
    *ret_number = number;
    return 0;
}

int quantity_factor(struct str text, double min, double max, double *ret_factor)
{
    struct str rest = text;
    uint64_t whole = 0;
    uint64_t part = 0;
    double factor = 0;

    if (to_number(cut_digits(&rest), &whole) < 0)
        return -EINVAL;
    factor = (double)whole;
    if (rest.len > 0 && *rest.data == '.') {
        rest.data++;
        rest.len--;
        struct str digits = cut_digits(&rest);
        double scale = 1;
        for (size_t i = 0; i < digits.len; i++)
            scale *= 10;
        if (to_number(digits, &part) < 0)
            return -EINVAL;
        factor += (double)part / scale;
    }
    if (rest.len > 0 || !(factor >= min && factor <= max))
        return -EINVAL;
    *ret_factor = factor;
    return 0;
}

static int with_unit(struct str text, const struct unit *units, size_t count, uint64_t *ret_value)
{
    struct str digits = cut_digits(&text);
    uint64_t number = 0;

    if (to_number(digits, &number) < 0)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(text, units[i].name))
            continue;
        if (__builtin_mul_overflow(number, units[i].factor, &number))
            return -EINVAL;
        *ret_value = number;
        return 0;
    }
    return -EINVAL;
}

int quantity_duration(struct str text, uint64_t *ret_us)
{
    static const struct unit units[] = {
        {STR("ms"), 1000},
        {STR("s"), 1000000},
        {STR("m"), 60ull * 1000000},
        {STR("h"), 3600ull * 1000000},
        {STR("d"), 24ull * 3600 * 1000000},
    };

    /* Nothing needs no unit; of anything else it would have to be guessed. */
    if (str_equal(text, STR("0"))) {
        *ret_us = 0;
        return 0;
    }
    return with_unit(text, units, COUNT(units), ret_us);
}

int quantity_size(struct str text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {STR(""), 1},
        {STR("B"), 1},
        {STR("kB"), 1ull << 10},
        {STR("KB"), 1ull << 10},
        {STR("MB"), 1ull << 20},
        {STR("GB"), 1ull << 30},
        {STR("TB"), 1ull << 40},
    };

    return with_unit(text, units, COUNT(units), ret_bytes);
}
