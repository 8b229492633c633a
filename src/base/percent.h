/* base/percent.h - percent-encoded text (RFC 3986, 2.1). Pure. */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/buffer.h"
#include "base/str.h"

/* The byte that REST, not empty, begins with, an escape decoded; REST goes on behind it. -EINVAL
 * for a broken escape; then REST goes on behind its '%'. */
int percent_next(struct str *rest);

/* Decodes TEXT into OUT ('+' is a space when FORM). 0, or, with OUT as it was, -EINVAL for a broken
 * escape or a NUL. */
int percent_decode(struct buffer *out, struct str text, bool form);

#endif
