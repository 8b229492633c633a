/* api/reset.h - how a client is told that its id cannot be served. Pure. */
#ifndef API_RESET_H
#define API_RESET_H

#include "api/accept.h"
#include "api/resume.h"

#define RESET_BYTES_MAX 512

/* Appends the text: in a stream the frame or line that comes first, in a pull the body of the
 * answer, with "next", the id right before all that there still is. 0 or OUT's failure. */
int reset_append(struct buffer *out, enum form form, enum reset_reason reason,
                 const struct resume_range *range);

#endif
