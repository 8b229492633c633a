/* base/health.h - what is wrong with the service right now: one reason a part, none when all is
 * well. Written by the parts, read by GET /manage/health. Thread-safe. */
#ifndef BASE_HEALTH_H
#define BASE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

struct health;

struct health *health_new(void);
void health_free(struct health *h);

/* PART is a literal: "capture", "journal", "operator NAME" is copied. REASON is copied (cut at
 * 255). */
void health_down(struct health *h, const char *part, const char *reason);
void health_up(struct health *h, const char *part);

/* True when all parts are up; else false with "part: reason; part: reason" in TEXT. */
bool health_read(struct health *h, char *text, size_t size);

#endif
