/* operator/notice.h - what on_error_notify tells: the JSON of one failure, and those that wait to
 * be told, in order. Pure. Owns the texts. Bounded: what comes when NOTICES_MAX wait, or is too
 * large, is dropped and counted. */
#ifndef OPERATOR_NOTICE_H
#define OPERATOR_NOTICE_H

#include "base/buffer.h"
#include <stdint.h>

#define NOTICES_MAX 100
#define NOTICE_MAX ((size_t)16 << 10) /* bytes of the JSON of one */

struct notice {
    const char *operator;
    const char *id; /* as in walpiper.parked; NULL: it is about the operator as a whole */
    const char *error;
    const char *sqlstate; /* empty: the server said none */
    unsigned attempts;    /* of the id, so far */
    int64_t next_us; /* when it is tried again, since 1970; 0: not before somebody does something */
};

/* Appends it as JSON; the buffer's failure. */
int notice_json(struct buffer *out, const struct notice *notice);

struct notices {
    struct notice_text *first, *last;
    size_t count;
    unsigned dropped;
};

void notices_add(struct notices *notices, const struct notice *notice);
/* The JSON of the first; data is NULL when there is none. */
struct str notices_first(const struct notices *notices);
void notices_remove_first(struct notices *notices);
void notices_clear(struct notices *notices);

#endif
