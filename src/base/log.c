#include "base/log.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* PIPE_BUF: a pipe takes so much in one piece, so that lines of several processes don't mix. */
#define LINE_MAX_BYTES 4096
#define MESSAGE_MAX 2048
#define TIME_MAX 32

static atomic_int current_level = LOG_INFO;
static atomic_int current_format = LOG_LOGFMT;

static const char *const level_names[] = {
    [LOG_TRACE] = "trace", [LOG_DEBUG] = "debug", [LOG_INFO] = "info",
    [LOG_WARN] = "warn",   [LOG_ERROR] = "error",
};

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    size_t limit; /* what is added past it is left out */
};

void log_configure(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&current_format, (int)format, memory_order_relaxed);
}

enum log_level log_current_level(void)
{
    return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

static bool add(struct line *line, const char *data, size_t len)
{
    if (len > line->limit - line->len)
        return false;
    memcpy(line->text + line->len, data, len);
    line->len += len;
    return true;
}

static bool add_text(struct line *line, const char *text)
{
    return add(line, text, strlen(text));
}

/* The length of the piece that S begins with, and how it is shown when it is not shown as it is.
 * Control characters (C0, DEL, C1) could forge lines or steer a terminal; bytes that are not UTF-8
 * would make the JSON invalid. */
static size_t escape(struct str s, char shown[8])
{
    size_t length = str_utf8_length(s);
    unsigned char first = (unsigned char)s.data[0];
    unsigned code = first;

    shown[0] = '\0';
    if (length == 2)
        code = (unsigned)(first & 0x1F) << 6 | ((unsigned char)s.data[1] & 0x3F);
    if (length == 0)
        snprintf(shown, 8, "\\ufffd");
    else if (first == '"' || first == '\\')
        snprintf(shown, 8, "\\%c", first);
    else if (first == '\n' || first == '\t' || first == '\r')
        snprintf(shown, 8, "\\%c", first == '\n' ? 'n' : first == '\t' ? 't' : 'r');
    else if (length <= 2 && (code < ' ' || (code >= 0x7F && code < 0xA0)))
        snprintf(shown, 8, "\\u%04x", code);
    return length > 0 ? length : 1;
}

static void add_quoted(struct line *line, struct str text)
{
    bool fits = true;

    add_text(line, "\"");
    while (fits && text.len > 0) {
        char shown[8];
        size_t length = escape(text, shown);
        fits = shown[0] != '\0' ? add_text(line, shown) : add(line, text.data, length);
        text = (struct str){text.data + length, text.len - length};
    }
    line->limit = LINE_MAX_BYTES;
    add_text(line, fits ? "\"" : "...\"");
}

/* Room that add_quoted() and the end of the line need past what is cut. */
#define LINE_TAIL 8

static void format_time(char text[TIME_MAX])
{
    int64_t now_us = clock_wall_us();
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm t;
    char day_and_time[TIME_MAX - 8];

    gmtime_r(&seconds, &t);
    strftime(day_and_time, sizeof(day_and_time), "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(text, TIME_MAX, "%s.%03dZ", day_and_time, (int)(now_us / 1000 % 1000));
}

static bool is_bare_word(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool bare = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '_' || *c == '-' || *c == '.' || *c == '/';
        if (!bare)
            return false;
    }
    return text[0] != '\0';
}

static void compose(struct line *line, enum log_level level, const char *room, const char *message)
{
    bool json = atomic_load_explicit(&current_format, memory_order_relaxed) == LOG_JSON;
    char time_text[TIME_MAX];

    format_time(time_text);
    line->len = 0;
    line->limit = LINE_MAX_BYTES;
    add_text(line, json ? "{\"time\":\"" : "time=");
    add_text(line, time_text);
    add_text(line, json ? "\",\"level\":\"" : " level=");
    add_text(line, level_names[level]);
    add_text(line, json ? "\",\"room\":" : " room=");
    line->limit = LINE_MAX_BYTES / 2;
    if (json || !is_bare_word(room))
        add_quoted(line, str_from(room));
    else
        add_text(line, room);
    line->limit = LINE_MAX_BYTES;
    add_text(line, json ? ",\"msg\":" : " msg=");
    line->limit = LINE_MAX_BYTES - LINE_TAIL;
    add_quoted(line, str_from(message));
    add_text(line, json ? "}\n" : "\n");
}

void log_write(enum log_level level, const char *room, const char *format, ...)
{
    char message[MESSAGE_MAX];
    struct line line;
    va_list arguments;
    int saved_errno = errno;

    if (level < log_current_level())
        return;
    va_start(arguments, format);
    int written = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (written < 0)
        message[0] = '\0';
    if (written >= MESSAGE_MAX)
        message[str_whole(str_from(message)).len] = '\0';
    compose(&line, level, room, message);
    /* A log that cannot be written has nowhere to say so. */
    while (write(STDERR_FILENO, line.text, line.len) < 0 && errno == EINTR)
        continue;
    errno = saved_errno;
}
