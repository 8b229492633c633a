/* event/digits.h - numbers as text without printf: the id, the time and the LSN of every event go
 * through here. Each function writes at AT, without a NUL, and returns the end. Pure. */
#ifndef EVENT_DIGITS_H
#define EVENT_DIGITS_H

#include <stdint.h>
#include <string.h>

#define DECIMAL_MAX 20 /* digits of a uint64_t */

static inline char *put_decimal(char *at, uint64_t value)
{
    char digits[DECIMAL_MAX];
    char *first = digits + sizeof(digits);

    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    size_t len = (size_t)(digits + sizeof(digits) - first);
    memcpy(at, first, len);
    return at + len;
}

/* Exactly WIDTH digits, zeros in front. */
static inline char *put_padded(char *at, uint32_t value, unsigned width)
{
    for (unsigned i = width; i > 0; i--) {
        at[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + width;
}

/* Upper case, no zeros in front, as PostgreSQL prints an LSN. */
static inline char *put_hex(char *at, uint64_t value)
{
    unsigned digits = 1;

    while (digits < 16 && value >> (4 * digits) != 0)
        digits++;
    for (unsigned i = digits; i > 0; i--) {
        at[i - 1] = "0123456789ABCDEF"[value & 15];
        value >>= 4;
    }
    return at + digits;
}

#endif
