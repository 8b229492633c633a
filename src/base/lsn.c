#include "base/lsn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define HALF_DIGITS_MAX 8

#define WAL_PAGE_BYTES 8192
#define WAL_PAGE_HEADER_BYTES 24
#define WAL_SEGMENT_HEADER_BYTES 40

static int parse_half(struct str digits, uint32_t *ret_half)
{
    uint32_t half = 0;

    if (digits.len == 0 || digits.len > HALF_DIGITS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = str_hex_digit(digits.data[i]);
        if (digit < 0)
            return -EINVAL;
        half = half << 4 | (uint32_t)digit;
    }
    *ret_half = half;
    return 0;
}

int lsn_parse(struct str text, uint64_t *ret_lsn)
{
    struct str high_digits = str_cut(&text, '/');
    uint32_t high, low;

    if (parse_half(high_digits, &high) < 0 || parse_half(text, &low) < 0)
        return -EINVAL;
    *ret_lsn = (uint64_t)high << 32 | low;
    return 0;
}

char *lsn_format(uint64_t lsn, char text[LSN_TEXT_MAX])
{
    snprintf(text, LSN_TEXT_MAX, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32), (uint32_t)lsn);
    return text;
}

/* A record that goes on from one page to the next ends behind a header too. Then nothing ends with
 * the page, and REACHED is never its end. */
bool lsn_reached(uint64_t reached, uint64_t wanted)
{
    uint64_t in_page = wanted % WAL_PAGE_BYTES;

    if (reached >= wanted)
        return true;
    return (in_page == WAL_PAGE_HEADER_BYTES || in_page == WAL_SEGMENT_HEADER_BYTES) &&
           reached == wanted - in_page;
}
