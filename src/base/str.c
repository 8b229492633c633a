#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

bool str_starts_with(struct str s, struct str prefix)
{
    return prefix.len <= s.len && str_equal((struct str){s.data, prefix.len}, prefix);
}

struct str str_cut(struct str *s, char separator)
{
    const char *at = s->len > 0 ? memchr(s->data, separator, s->len) : NULL;
    struct str head = *s;

    if (at == NULL) {
        *s = (struct str){NULL, 0};
        return head;
    }
    head.len = (size_t)(at - s->data);
    *s = (struct str){at + 1, s->len - head.len - 1};
    return head;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.data[0])) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

/* The length a lead byte announces and the range of its second byte: this is what keeps overlong
 * forms, surrogates and code points past U+10FFFF out (Unicode, table 3-7). */
static size_t utf8_lead(unsigned char lead, unsigned char *ret_low, unsigned char *ret_high)
{
    *ret_low = 0x80;
    *ret_high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF) {
        *ret_low = lead == 0xE0 ? 0xA0 : 0x80;
        *ret_high = lead == 0xED ? 0x9F : 0xBF;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *ret_low = lead == 0xF0 ? 0x90 : 0x80;
        *ret_high = lead == 0xF4 ? 0x8F : 0xBF;
        return 4;
    }
    return 0;
}

size_t str_utf8_length(struct str s)
{
    const unsigned char *bytes = (const unsigned char *)s.data;
    unsigned char low, high;

    if (s.len == 0)
        return 0;
    if (bytes[0] < 0x80)
        return 1;
    size_t length = utf8_lead(bytes[0], &low, &high);
    if (length == 0 || length > s.len || bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xBF)
            return 0;
    }
    return length;
}

struct str str_truncate(struct str s, size_t max)
{
    if (s.len <= max)
        return s;
    /* At most three bytes continue a character; text that is not UTF-8 is cut where it is. */
    for (size_t back = 0; back < 4 && back <= max; back++) {
        if (((unsigned char)s.data[max - back] & 0xC0) != 0x80)
            return (struct str){s.data, max - back};
    }
    return (struct str){s.data, max};
}

struct str str_whole(struct str s)
{
    size_t back = 1;
    unsigned char low, high;

    while (back < 4 && back < s.len && ((unsigned char)s.data[s.len - back] & 0xC0) == 0x80)
        back++;
    if (s.len < back || utf8_lead((unsigned char)s.data[s.len - back], &low, &high) <= back)
        return s;
    return (struct str){s.data, s.len - back};
}

int str_to_int64(struct str s, int64_t *ret_value)
{
    bool negative = s.len > 0 && s.data[0] == '-';
    int64_t value = 0;

    if (s.len == (size_t)negative)
        return -EINVAL;
    for (size_t i = negative; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return -EINVAL;
        int digit = s.data[i] - '0';
        /* Grows away from zero, for INT64_MIN has no positive twin. */
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return -EINVAL;
    }
    *ret_value = value;
    return 0;
}

char *str_dup(struct str s)
{
    char *copy = malloc(s.len + 1);

    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}
