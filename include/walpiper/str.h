/* walpiper/str.h - a borrowed run of bytes.
 * Not NUL-terminated. Owns nothing: whoever made it says how long the bytes live.
 * DATA may be NULL when LEN is 0. */
#ifndef WALPIPER_STR_H
#define WALPIPER_STR_H

#include <stddef.h>

struct str {
    const char *data;
    size_t len;
};

#endif
