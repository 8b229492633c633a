/* event/relation_text.h - what all events of a relation say of it: names and types, as JSON, and in
 * their index. Kept with the relation it is written once; without it an event is the same and costs
 * more. Pure. */
#ifndef EVENT_RELATION_TEXT_H
#define EVENT_RELATION_TEXT_H

#include "base/buffer.h"
#include "event/change.h"

/* Appends `"schema":"public","table":"comments","columns":{"id":"int8",...}`. 0 or OUT's failure.
 */
int relation_text_write(struct buffer *out, const struct relation *relation);

/* Sets relation->text, name and index, and the keys of its columns, which are the relation's
 * owner's to release. 0 or -ENOMEM: the relation is as it was. */
int relation_text_keep(struct relation *relation);
void relation_text_release(struct relation *relation); /* NULL, and what was not kept, are fine */

#endif
