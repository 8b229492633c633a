/* http/sse.h - text/event-stream framing
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). Pure. Owns nothing. */
#ifndef HTTP_SSE_H
#define HTTP_SSE_H

#include "base/buffer.h"

/* Appends one frame. ID and EVENT may be empty and must hold no CR, LF or NUL (-EINVAL); DATA is
 * split at CR, LF and CRLF into several data lines. */
int sse_frame(struct buffer *out, struct str id, struct str event, struct str data);
int sse_retry(struct buffer *out, unsigned milliseconds); /* "retry: N\n\n" */
int sse_comment(struct buffer *out);                      /* ":\n" */

#endif
