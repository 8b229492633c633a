/* cli/verify_report.h - what `walpiper operator verify` prints: a line for each id that is not
 * right, or one JSON object. Owns its buffer. */
#ifndef CLI_VERIFY_REPORT_H
#define CLI_VERIFY_REPORT_H

#include "base/buffer.h"
#include "operator/verdict.h"

struct verify_report {
    const char *op; /* borrowed: its name */
    bool json;
    struct buffer line;
    uint64_t checked, wrong, parked, undecided;
};

void verify_report_begin(struct verify_report *report, const char *op, bool json);
/* Prints and counts it, unless it is right. 0, or -ENOMEM. */
int verify_report_id(struct verify_report *report, const struct verdict *verdict);
/* COMPLETE: nothing has failed on the way. */
void verify_report_end(struct verify_report *report, bool complete);

#endif
