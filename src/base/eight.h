/* base/eight.h - text eight bytes at a time: where the first byte of a kind is, without looking at
 * each. The first byte of the text is the lowest of the word. Pure. */
#ifndef BASE_EIGHT_H
#define BASE_EIGHT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t eight_load(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return le64toh(word);
}

/* The LEN bytes (1 to 7) at BYTES, and spaces behind them. Reads that overlap give the same bits.
 */
static inline uint64_t eight_load_part(const char *bytes, size_t len)
{
    const unsigned char *b = (const unsigned char *)bytes;
    uint64_t word;
    if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, b, sizeof(first));
        memcpy(&last, b + len - sizeof(last), sizeof(last));
        word = le32toh(first) | (uint64_t)le32toh(last) << 8 * (len - sizeof(last));
    } else {
        word = b[0] | (uint64_t)b[len / 2] << 8 * (len / 2) | (uint64_t)b[len - 1] << 8 * (len - 1);
    }
    return word | EIGHT(' ') << 8 * len;
}

/* The top bit of each byte that is less than LIMIT (at most 0x80). A byte that is found may borrow
 * from those after it: only the first one found is sure. */
static inline uint64_t eight_below(uint64_t word, unsigned limit)
{
    return (word - EIGHT(limit)) & ~word & EIGHT(0x80);
}

/* The same for control characters, '"' and '\\': what ends a plain run of a JSON string. */
static inline uint64_t eight_json_special(uint64_t word)
{
    return eight_below(word, 0x20) | eight_below(word ^ EIGHT('"'), 1) |
           eight_below(word ^ EIGHT('\\'), 1);
}

/* The place of the first byte in FOUND, which is not 0. */
static inline size_t eight_first(uint64_t found)
{
    return (size_t)__builtin_ctzll(found) / 8;
}

#endif
