#include "operator/state_sql.h"

static const char text[] =
#include "operator/state_sql.inc"
    ;

const char *state_sql(void)
{
    return text;
}
