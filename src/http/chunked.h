/* http/chunked.h - the chunked form of a request's body (RFC 9112, 7.1), strictly. Pure.
 *
 * Taken is only what every reader takes in the same way, so that no proxy in front can see the end
 * of the request elsewhere: sizes of up to eight hex digits, CRLF, no extensions, no trailers. */
#ifndef HTTP_CHUNKED_H
#define HTTP_CHUNKED_H

#include "base/buffer.h"

enum chunked_state {
    CHUNKED_SIZE, /* the initial one: zero the struct to begin */
    CHUNKED_SIZE_LF,
    CHUNKED_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_END_CR,
    CHUNKED_END_LF,
    CHUNKED_DONE,
};

struct chunked {
    enum chunked_state state;
    unsigned digits; /* of the size that is being read */
    uint64_t left;   /* of the chunk */
};

/* Decodes from the front of *BYTES, which moves on, into OUT. 1 at the end of the body; 0: more
 * bytes are needed; -EBADMSG; -EMSGSIZE past OUT's maximum, as soon as a size says so; -ENOMEM. */
int chunked_take(struct chunked *chunked, struct str *bytes, struct buffer *out);

#endif
