/* decode/json_text.h - the strings of the JSON reader: quotes and escapes. Part of json_reader.h,
 * for json_reader.c alone. Pure. */
#ifndef DECODE_JSON_TEXT_H
#define DECODE_JSON_TEXT_H

#include "decode/json_reader.h"

/* Reads the string whose opening quote is next. 0, -EBADMSG or -ENOMEM. */
int json_text_read(struct json_reader *reader, struct str *ret);

#endif
