/* event/value.h - the longer conversions behind json_value(), private to the room. Each appends the
 * JSON of TEXT; 0, -EINVAL when TEXT is no such value, or the buffer's failure. What was appended
 * before a failure stays: json_value() takes it back. Pure. */
#ifndef EVENT_VALUE_H
#define EVENT_VALUE_H

#include "event/type.h"

/* Numbers keep their digits. An exponent, which only floats print, becomes plain decimals, and NaN
 * and the infinities become strings: jsonb keeps numbers as numeric. */
int json_from_number(struct buffer *out, struct str text);

/* The same digits in quotes, for readers to whom a number is a double. */
int json_from_numeral(struct buffer *out, struct str text);

/* "2020-01-01 00:00:00.5[+00][ BC]", "infinity", "-infinity". */
int json_from_timestamp(struct buffer *out, struct str text, bool with_zone);

/* "{1,NULL,"a b"}", with or without "[0:1]=" in front; int2vector and oidvector: "1 2 3". */
int json_from_array(struct buffer *out, const struct type_info *type, struct str text);

#endif
