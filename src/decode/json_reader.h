/* decode/json_reader.h - reads one JSON text (RFC 8259) from front to back, strictly, without a
 * tree.
 *
 * The caller asks for what must come next and gets it or -EBADMSG; `fault` and json_offset() then
 * say what is wrong and where. Numbers keep their text. Strings without escapes borrow from the
 * text, others from the reader's scratch memory, which the next json_start() uses again. Used by
 * decode/ and by api/, for bodies of requests. Pure.
 *
 *     json_start(&reader, text);
 *     r = json_enter(&reader, '{');
 *     while (r == 0 && (r = json_next_member(&reader, &name)) > 0)
 *         r = ... json_read_string(&reader, &value) ... json_skip(&reader);
 *     if (r == 0)
 *         r = json_finish(&reader);
 */
#ifndef DECODE_JSON_READER_H
#define DECODE_JSON_READER_H

#include "base/str.h"

#include <errno.h>

#define JSON_DEPTH_MAX 128            /* of what json_skip() passes over */
#define JSON_TEXT_MAX (1024UL << 20)  /* bytes; PostgreSQL's own limit of one message is less */
#define JSON_SCRATCH_KEPT (1UL << 20) /* more than this is given back at the next json_start() */

struct json_reader {
    const char *start;
    const char *at;
    const char *end;
    bool fresh;        /* just after a bracket: no comma before the next member */
    const char *fault; /* a literal; set with every failure */
    char *scratch;     /* owned */
    size_t scratch_used;
    size_t scratch_capacity;
};

enum scalar_kind { SCALAR_NULL, SCALAR_FALSE, SCALAR_TRUE, SCALAR_NUMBER, SCALAR_STRING };

struct scalar {
    enum scalar_kind kind;
    struct str text; /* of a number as it stands there; of a string without quotes and escapes */
};

void json_reader_init(struct json_reader *reader);
void json_reader_release(struct json_reader *reader);

/* TEXT is borrowed until the last result is no longer used. 0, or -EBADMSG past JSON_TEXT_MAX. */
int json_start(struct json_reader *reader, struct str text);

/* All of these: 0, -EBADMSG, or -ENOMEM where a string has escapes. */
int json_enter(struct json_reader *reader, char bracket); /* '{' or '[' */
int json_read_scalar(struct json_reader *reader, struct scalar *ret);
int json_read_string(struct json_reader *reader, struct str *ret);
int json_skip(struct json_reader *reader);   /* any value, checked as strictly */
int json_finish(struct json_reader *reader); /* nothing but white space may be left */

/* 1: a member follows, read its value next. 0: the bracket is closed. Else as above. */
int json_next_member(struct json_reader *reader, struct str *ret_name);
int json_next_element(struct json_reader *reader);

/* True when TEXT stands next, byte for byte: it is passed over. For who knows how the other side
 * writes, and falls back on the functions above: after json_enter() a member's name with its colon,
 * after a value that and the comma before. */
static inline bool json_accept(struct json_reader *reader, struct str text)
{
    if ((size_t)(reader->end - reader->at) < text.len ||
        memcmp(reader->at, text.data, text.len) != 0)
        return false;
    reader->at += text.len;
    reader->fresh = false;
    return true;
}

/* LEN bytes of scratch memory with the life of a string, for what a caller makes of one. NULL when
 * memory is out. All that is asked for one text may not exceed that text's length. */
char *json_scratch(struct json_reader *reader, size_t len);

/* For callers who find a value wrong: sets FAULT, a literal, and returns -EBADMSG. */
static inline int json_fail(struct json_reader *reader, const char *fault)
{
    reader->fault = fault;
    return -EBADMSG;
}

/* Where the reader stands, in bytes from the start. */
size_t json_offset(const struct json_reader *reader);

#endif
