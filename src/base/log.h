/* base/log.h - one line an occurrence, to standard error, as logfmt or JSON. Thread-safe: one
 * write(2) a line. Only rooms that decide call it (style: lower rooms fill a struct error). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_configure(enum log_level level, enum log_format format);
enum log_level log_current_level(void);

/* ROOM is the word before the message: "source", "operator post_counts". */
void log_write(enum log_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_trace(room, ...) log_write(LOG_TRACE, room, __VA_ARGS__)
#define log_debug(room, ...) log_write(LOG_DEBUG, room, __VA_ARGS__)
#define log_info(room, ...) log_write(LOG_INFO, room, __VA_ARGS__)
#define log_warn(room, ...) log_write(LOG_WARN, room, __VA_ARGS__)
#define log_error(room, ...) log_write(LOG_ERROR, room, __VA_ARGS__)

#endif
