#include "operator/failure.h"
#include "pg/failure.h"
#include <errno.h>
#include <string.h>

static int has_class(const struct error *err, const char *class)
{
    return strncmp(err->sqlstate, class, strlen(class)) == 0;
}

/* Where an operator must differ from the general classes: a statement timeout (57014) that always
 * strikes one id, or a row too large for an index (54000), would hold up all the others. */
enum failure failure_of(const struct error *err)
{
    if (has_class(err, "WPV01"))
        return FAILURE_UNSEEN;
    if (has_class(err, "WPF01"))
        return FAILURE_FENCED;
    if (has_class(err, "WPS01"))
        return FAILURE_SWAP_GONE;
    if (has_class(err, "WPS02"))
        return FAILURE_SWAP;
    if (has_class(err, "WPR01")) /* the slot is another's: later it may be ours */
        return FAILURE_LOST;
    if (has_class(err, "57014") || has_class(err, "54"))
        return FAILURE_DATA;
    if (err->sqlstate[0] == '\0')
        return err->code == -EINVAL ? FAILURE_SYSTEMIC : FAILURE_LOST;
    if (has_class(err, "08") || has_class(err, "57P"))
        return FAILURE_LOST;
    switch (pg_failure_classify(err->sqlstate)) {
    case PG_FAILURE_TRANSIENT:
        return FAILURE_TRANSIENT;
    case PG_FAILURE_SYSTEMIC:
        return FAILURE_SYSTEMIC;
    case PG_FAILURE_DATA:
        break;
    }
    return FAILURE_DATA;
}
