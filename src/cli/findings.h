/* cli/findings.h - what `walpiper check` has found: one line a finding as they come, or one JSON
 * array at the end. Owns the array. */
#ifndef CLI_FINDINGS_H
#define CLI_FINDINGS_H

#include "base/error.h"
#include <jansson.h>
#include <stdbool.h>

enum finding_level { FINDING_OK, FINDING_WARNING, FINDING_ERROR };

struct findings {
    json_t *list; /* NULL: lines */
    unsigned errors;
    bool failed; /* out of memory, or what is not UTF-8: the array is not complete */
};

int findings_init(struct findings *findings, bool json); /* 0 or -ENOMEM */
void findings_release(struct findings *findings);

/* OBJECT is what it is about, MEND the SQL or setting that mends it, NULL when there is nothing to
 * mend. */
void finding(struct findings *findings, enum finding_level level, const char *object,
             const char *mend, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same from "cause; mend". MEND, unless NULL, is added. */
void finding_of_error(struct findings *findings, enum finding_level level, const char *object,
                      const char *mend, const struct error *err);

/* Prints the array; 0, or -EINVAL when it could not be made. Nothing to do for lines. */
int findings_print(struct findings *findings);

#endif
