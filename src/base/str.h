/* base/str.h - helpers for borrowed text (walpiper/str.h). Pure. Owns nothing. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <walpiper/str.h>

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).data

static inline struct str str_from(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool str_equal_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts_with(struct str s, struct str prefix);

/* Cuts S at the first SEPARATOR: returns what precedes it and leaves the rest in *S. Without a
 * separator returns all and leaves *S with data == NULL. */
struct str str_cut(struct str *s, char separator);
struct str str_trim(struct str s); /* spaces and tabs at both ends */

/* At most MAX bytes of S, never cut inside a UTF-8 character. */
struct str str_truncate(struct str s, size_t max);
/* S without the UTF-8 character that its end cuts in two, if it does. */
struct str str_whole(struct str s);
/* Length of the well-formed UTF-8 character that S begins with; 0 when there is none. */
size_t str_utf8_length(struct str s);

/* The value of a hex digit of either case; -1 for all else. */
static inline int str_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* A decimal integer, optional '-', the whole text, no overflow. 0 or -EINVAL. */
int str_to_int64(struct str s, int64_t *ret_value);

/* Copies S to *AT, which moves on behind it; returns the copy. */
static inline struct str str_put(char **at, struct str s)
{
    struct str copy = {*at, s.len};
    if (s.len > 0)
        memcpy(*at, s.data, s.len);
    *at += s.len;
    return copy;
}

/* Heap copy that ends in NUL; NULL when memory is out. The caller frees it. */
char *str_dup(struct str s);

#endif
