/* operator/bisect.h - finds those of a row of items that fail, when only runs of them can be tried:
 * first all; of a run that is known to fail the first half, and when that succeeds the second is
 * known to fail without a try; then all that is behind the bad one. So one bad item among N costs
 * log2(N) tries beside those of all and of the rest. Runs become shorter while many are bad, so
 * that N bad ones cost little more than N tries. Pure. */
#ifndef OPERATOR_BISECT_H
#define OPERATOR_BISECT_H

#include <stdbool.h>
#include <stddef.h>

struct bisect {
    size_t begin;  /* what is before is settled */
    size_t failed; /* from begin to here they are known to fail together; begin: nothing is known */
    size_t end;
    size_t run; /* how many to try of those that nothing is known of */
};

void bisect_start(struct bisect *bisect, size_t count);

enum bisect_want {
    BISECT_REST, /* try all that is left, which may be nothing: when it succeeds, that was all */
    BISECT_PART, /* try from begin to bisect_until() */
    BISECT_BAD,  /* the item at begin is bad, for the reason of the last try that failed; drop it */
};
enum bisect_want bisect_want(const struct bisect *bisect);
size_t bisect_until(const struct bisect *bisect);

/* What became of the try that was wanted. */
void bisect_tell(struct bisect *bisect, bool failed);
void bisect_drop(struct bisect *bisect);

#endif
