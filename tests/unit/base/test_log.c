#include "base/log.h"
#include "base/str.h"
#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char lines[65536];

/* Standard error is a pipe from start_reading() to stop_reading(), which gives what came. */
static int pipe_read_end, saved_stderr;

static void start_reading(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    pipe_read_end = ends[0];
}

static const char *stop_reading(void)
{
    size_t len = 0;
    ssize_t got;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    while ((got = read(pipe_read_end, lines + len, sizeof(lines) - 1 - len)) > 0)
        len += (size_t)got;
    close(pipe_read_end);
    lines[len] = '\0';
    return lines;
}

static void expect_match(const char *text, const char *pattern)
{
    regex_t compiled;

    ck_assert_int_eq(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    ck_assert_msg(regexec(&compiled, text, 0, NULL, 0) == 0, "%s does not match %s", text, pattern);
    regfree(&compiled);
}

START_TEST(logfmt_line)
{
    start_reading();
    log_configure(LOG_INFO, LOG_LOGFMT);
    log_info("source", "slot %s is ready", "walpiper");
    log_warn("operator post counts", "parked");
    expect_match(stop_reading(),
                 "^time=20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                 "level=info room=source msg=\"slot walpiper is ready\"\n"
                 "time=[^ ]+ level=warn room=\"operator post counts\" msg=\"parked\"\n$");
}
END_TEST

static void expect_json(const char *line, const char *room, const char *message)
{
    json_t *object = json_loads(line, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);

    ck_assert_msg(json_is_object(object), "not JSON: %s", line);
    ck_assert_uint_eq(json_object_size(object), 4);
    ck_assert_uint_eq(json_string_length(json_object_get(object, "time")), 24);
    ck_assert_str_eq(json_string_value(json_object_get(object, "level")), "error");
    ck_assert_str_eq(json_string_value(json_object_get(object, "room")), room);
    ck_assert_str_eq(json_string_value(json_object_get(object, "msg")), message);
    json_decref(object);
}

START_TEST(json_line_has_the_same_keys)
{
    start_reading();
    log_configure(LOG_INFO, LOG_JSON);
    log_error("http", "path \"%s\"", "/a\\b\xC3\xA9");
    expect_json(stop_reading(), "http", "path \"/a\\b\xC3\xA9\"");
}
END_TEST

START_TEST(lower_levels_are_silent_and_errno_survives)
{
    start_reading();
    log_configure(LOG_WARN, LOG_LOGFMT);
    ck_assert_int_eq(log_current_level(), LOG_WARN);
    errno = EAGAIN;
    log_info("x", "not shown");
    log_debug("x", "not shown");
    log_trace("x", "not shown");
    log_warn("x", "shown");
    ck_assert_int_eq(errno, EAGAIN);
    const char *text = stop_reading();
    ck_assert_ptr_null(strstr(text, "not shown"));
    ck_assert_ptr_nonnull(strstr(text, "shown"));
}
END_TEST

/* A client that sends line feeds or terminal sequences must not forge lines or colours. */
START_TEST(control_characters_are_escaped)
{
    start_reading();
    log_configure(LOG_INFO, LOG_LOGFMT);
    log_info("a\nb",
             "x\n%s\r\t\x1b[31m\x7f\xC2\x9B"
             "3\xFF\xE2\x82",
             "time=forged");
    const char *text = stop_reading();
    ck_assert_ptr_nonnull(strstr(text, "room=\"a\\nb\" msg=\"x\\ntime=forged\\r\\t\\u001b[31m"
                                       "\\u007f\\u009b3\\ufffd\\ufffd\\ufffd\"\n"));
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
END_TEST

START_TEST(long_messages_are_cut_and_stay_valid)
{
    static char longer[10000], longer_room[10000];

    memset(longer, '\x01', sizeof(longer) - 1);
    memset(longer_room, ' ', sizeof(longer_room) - 1);
    start_reading();
    log_configure(LOG_INFO, LOG_JSON);
    log_error(longer_room, "%s", longer);
    const char *text = stop_reading();
    ck_assert_uint_le(strlen(text), 4096);
    ck_assert_uint_gt(strlen(text), 4000);
    ck_assert_str_eq(text + strlen(text) - 6, "...\"}\n");
    json_t *object = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    ck_assert(json_is_object(object));
    ck_assert_uint_eq(json_object_size(object), 4);
    json_decref(object);
}
END_TEST

#define THREADS 4
#define LINES_EACH 50

static void *log_some(void *argument)
{
    for (int i = 0; i < LINES_EACH; i++)
        log_info("thread", "%s", (const char *)argument);
    return NULL;
}

START_TEST(lines_of_threads_do_not_mix)
{
    static char texts[THREADS][101];
    pthread_t threads[THREADS];

    start_reading();
    log_configure(LOG_INFO, LOG_LOGFMT);
    for (size_t i = 0; i < THREADS; i++) {
        memset(texts[i], (int)('a' + i), sizeof(texts[i]) - 1);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_some, texts[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct str rest = str_from(stop_reading());
    size_t count = 0;
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        ck_assert_uint_gt(line.len, 102);
        const char *message = line.data + line.len - 101;
        struct str text = {message, 100};
        ck_assert(str_equal(text, str_from(texts[message[0] - 'a'])));
        count++;
    }
    ck_assert_uint_eq(count, THREADS * LINES_EACH);
}
END_TEST

UNIT_SUITE("base/log", logfmt_line, json_line_has_the_same_keys,
           lower_levels_are_silent_and_errno_survives, control_characters_are_escaped,
           long_messages_are_cut_and_stay_valid, lines_of_threads_do_not_mix)
