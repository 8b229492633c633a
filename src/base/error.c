#include "base/error.h"

#include "base/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Replaces the text of ERR by "<formatted><rest>", on one line: what servers say may have several,
 * and what is cut off must not end in half a character. */
__attribute__((format(printf, 3, 0))) static void put_text(struct error *err, const char *rest,
                                                           const char *format, va_list arguments)
{
    char text[2 * ERROR_TEXT_MAX]; /* not into err->text: the arguments or REST may point there */

    int written = vsnprintf(text, ERROR_TEXT_MAX, format, arguments);
    size_t len = written < 0 ? 0 : (size_t)written;
    if (len >= ERROR_TEXT_MAX)
        len = str_whole((struct str){text, ERROR_TEXT_MAX - 1}).len;
    size_t rest_len = strnlen(rest, ERROR_TEXT_MAX - 1);
    memcpy(text + len, rest, rest_len);

    struct str line = str_truncate((struct str){text, len + rest_len}, ERROR_TEXT_MAX - 1);
    for (size_t i = 0; i < line.len; i++)
        err->text[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
    err->text[line.len] = '\0';
}

int error_set(struct error *err, int code, const char *format, ...)
{
    va_list arguments;

    if (err == NULL)
        return code;
    va_start(arguments, format);
    put_text(err, "", format, arguments);
    va_end(arguments);
    err->code = code;
    err->sqlstate[0] = '\0';
    return code;
}

int error_prefix(struct error *err, const char *format, ...)
{
    char rest[ERROR_TEXT_MAX + 2];
    va_list arguments;

    assert(err != NULL);
    snprintf(rest, sizeof(rest), ": %s", err->text);
    va_start(arguments, format);
    put_text(err, rest, format, arguments);
    va_end(arguments);
    return err->code;
}

void error_clear(struct error *err)
{
    if (err == NULL)
        return;
    err->code = 0;
    err->sqlstate[0] = '\0';
    err->text[0] = '\0';
}
