/* config/quantity.h - numbers, durations and sizes as they are written in the file. Pure. */
#ifndef CONFIG_QUANTITY_H
#define CONFIG_QUANTITY_H

#include "base/str.h"

/* All return 0, or -EINVAL for what is not of that form or does not fit. */

int quantity_number(struct str text, uint64_t min, uint64_t max, uint64_t *ret_number); /* digits */
int quantity_factor(struct str text, double min, double max, double *ret_factor);       /* 2, 1.5 */
/* "500ms", "10s", "5m", "2h", "7d", or 0; in microseconds. */
int quantity_duration(struct str text, uint64_t *ret_us);
/* "1024", "64kB", "64MB", "1GB", "1TB" as PostgreSQL writes them (kB = 1024); in bytes. */
int quantity_size(struct str text, uint64_t *ret_bytes);

#endif
