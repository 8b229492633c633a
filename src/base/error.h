/* base/error.h - the story of a failure: a negative errno code and one line that names the object,
 * the cause and the mend. Lower rooms fill it, the room that decides logs it once. Pure. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define ERROR_TEXT_MAX 1024

struct error {
    int code;         /* negative errno, 0 when empty */
    char sqlstate[6]; /* five characters, or empty when the server did not say one */
    char text[ERROR_TEXT_MAX];
};

/* Sets ERR (may be NULL) and returns CODE, so that `return error_set(...)` reads well. */
int error_set(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<formatted>: " before the text that ERR already has; returns err->code. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

void error_clear(struct error *err);

#endif
