/* script.h - what appender writes into a journal: known to it and to the test that looks for it.
 * Transaction LSN (1, 2, ...) has script_count(LSN) records; every third record has a tag. */
#ifndef FAULTS_SCRIPT_H
#define FAULTS_SCRIPT_H

#include "base/position.h"
#include "base/str.h"
#include <stdio.h>

#define SCRIPT_BYTES_MAX 6000

static inline uint32_t script_count(uint64_t lsn)
{
    return 1 + (uint32_t)(lsn * 7 % 5);
}

/* Bytes that do not compress, so that records of different sizes take pages of their own. */
static inline struct str script_record(struct position position, char text[SCRIPT_BYTES_MAX])
{
    uint64_t seed = position.lsn * 64 + position.ordinal;
    int head = snprintf(text, SCRIPT_BYTES_MAX, "%llu/%u ", (unsigned long long)position.lsn,
                        position.ordinal);
    size_t len = (size_t)head + seed * 1237 % (SCRIPT_BYTES_MAX - 64);
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t i = (size_t)head; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        text[i] = (char)x;
    }
    return (struct str){text, len};
}

static inline bool script_tag(struct position position, int64_t *ret_tag)
{
    *ret_tag = (int64_t)(position.lsn * 64 + position.ordinal);
    return *ret_tag % 3 == 0;
}

#endif
