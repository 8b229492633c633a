/* base/places.h - how many places each holder has (the connections of an address, the streams of a
 * consumer), over all threads of the process, and the limit of it. Any thread. What it holds is
 * bounded by the places that are taken. */
#ifndef BASE_PLACES_H
#define BASE_PLACES_H

#include "base/str.h"

struct places;
struct places_holder;

/* MAX places for each. NULL when memory is out. */
struct places *places_new(unsigned max);
void places_free(struct places *places); /* NULL is fine; places that are taken end with it */

/* Takes one for the holder of NAME, any bytes that tell it from others, copied. NULL: it has as
 * many as it may, or there is no memory to count. */
struct places_holder *places_take(struct places *places, struct str name);
/* Gives one back, for each that was taken. HOLDER may be gone afterwards; NULL is fine. */
void places_give_back(struct places *places, struct places_holder *holder);

#endif
