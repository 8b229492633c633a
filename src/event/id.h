/* event/id.h - event ids: "<epoch>-<commit end LSN, hex>-<ordinal>", for example
 * 7f3a91c2-16B3748-3. Pure. */
#ifndef EVENT_ID_H
#define EVENT_ID_H

#include "base/position.h"
#include "base/str.h"

#define EPOCH_DIGITS 8
#define EVENT_ID_MAX 40 /* with the NUL */

struct event_id {
    char epoch[EPOCH_DIGITS + 1];
    struct position position;
};

/* Strict: 8 lowercase hex digits, '-', 1 to 16 hex digits, '-', 1 to 10 decimal digits. 0 or
 * -EINVAL. */
int event_id_parse(struct event_id *ret, struct str text);

/* Writes the id into TEXT and returns it. */
char *event_id_format(const char *epoch, struct position position, char text[EVENT_ID_MAX]);

#endif
