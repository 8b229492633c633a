/* base/lsn.h - PostgreSQL log positions as text: "16/B374D848" (src/backend/utils/adt/pg_lsn.c). */
#ifndef BASE_LSN_H
#define BASE_LSN_H

#include "base/str.h"

#define LSN_TEXT_MAX 18 /* with the NUL */

int lsn_parse(struct str text, uint64_t *ret_lsn); /* 0 or -EINVAL */
/* Writes "%X/%X" into TEXT and returns it. */
char *lsn_format(uint64_t lsn, char text[LSN_TEXT_MAX]);

/* All up to REACHED is there: is all up to WANTED? An insert position right behind the header of a
 * page, 24 bytes or at the start of a segment 40, is where the next record begins: what is before
 * it ends with the page before. */
bool lsn_reached(uint64_t reached, uint64_t wanted);

#endif
