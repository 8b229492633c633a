/* base/lsn.h - PostgreSQL log positions as text: "16/B374D848" (src/backend/utils/adt/pg_lsn.c). */
#ifndef BASE_LSN_H
#define BASE_LSN_H

#include "base/str.h"

#define LSN_TEXT_MAX 18 /* with the NUL */

int lsn_parse(struct str text, uint64_t *ret_lsn); /* 0 or -EINVAL */
/* Writes "%X/%X" into TEXT and returns it. */
char *lsn_format(uint64_t lsn, char text[LSN_TEXT_MAX]);

#endif
