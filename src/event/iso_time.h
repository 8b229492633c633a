/* event/iso_time.h - a moment as ISO 8601 text: "2026-08-25T13:13:30.123456Z". libc's functions for
 * it cost more than the rest of an event. Pure. */
#ifndef EVENT_ISO_TIME_H
#define EVENT_ISO_TIME_H

#include <stdint.h>

#define ISO_TIME_MAX 40

/* Writes the text of TIME, microseconds since 1970-01-01 UTC, at AT, without a NUL; returns the
 * end. Years have four digits at least; those before 0000 a minus sign. */
char *put_iso_time(char at[ISO_TIME_MAX], int64_t time);

#endif
