/* base/clock.h - the clocks and the dice of the process. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* 2000-01-01, from which PostgreSQL counts, in microseconds since 1970-01-01 UTC. */
#define POSTGRES_EPOCH_US INT64_C(946684800000000)

uint64_t clock_monotonic_ms(void);
int64_t clock_wall_us(void); /* microseconds since 1970-01-01 UTC */
uint32_t random_u32(void);   /* from the kernel; not for secrets kept long */

#endif
