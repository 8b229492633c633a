/* scene.h - a configuration written into a file of its own, and what config_load() says to it. */
#ifndef SCENE_H
#define SCENE_H

#include "config/config.h"
#include "unit.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCENE_FILE_MAX 64

/* The variables that would change what a configuration means. */
static inline void scene_clear_environment(void)
{
    static const char *const names[] = {
        "PGHOST",
        "PGHOSTADDR",
        "PGPORT",
        "PGDATABASE",
        "PGUSER",
        "PGSERVICE",
        "DATABASE_URL",
        "WALPIPER_LISTEN",
        "WALPIPER_ADMIN_LISTEN",
        "WALPIPER_JOURNAL",
        "WALPIPER_JWT_SECRET",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

static inline void scene_write(char file[SCENE_FILE_MAX], const char *text, size_t len)
{
    snprintf(file, SCENE_FILE_MAX, "/tmp/walpiper-config-XXXXXX");
    int fd = mkstemp(file);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    close(fd);
}

/* Loads TEXT. ERR tells places as "FILE:LINE: ...", whatever the file was called. */
static inline int scene_load(struct config *ret_config, const char *text, struct error *err)
{
    char file[SCENE_FILE_MAX];

    scene_write(file, text, strlen(text));
    int code = config_load(ret_config, file, err);
    unlink(file);
    if (code < 0 && strncmp(err->text, file, strlen(file)) == 0) {
        char rest[ERROR_TEXT_MAX];
        snprintf(rest, sizeof(rest), "%s", err->text + strlen(file));
        snprintf(err->text, sizeof(err->text), "FILE%.1000s", rest);
    }
    return code;
}

/* Loads TEXT, which is right. */
static inline struct config scene_right(const char *text)
{
    struct config config = {0};
    struct error err = {0};

    int code = scene_load(&config, text, &err);
    ck_assert_msg(code == 0, "refused: %s", err.text);
    return config;
}

/* Loads TEXT, which is wrong: the message must begin with BEGIN, "FILE:3: key: cause". */
static inline void scene_wrong(const char *text, const char *begin)
{
    struct config config = {0};
    struct error err = {0};

    int code = scene_load(&config, text, &err);
    ck_assert_msg(code < 0, "not refused, expected: %s", begin);
    ck_assert_msg(strncmp(err.text, begin, strlen(begin)) == 0, "%s\n  instead of %s", err.text,
                  begin);
    ck_assert_msg(strchr(err.text, '\n') == NULL, "more than one line: %s", err.text);
    ck_assert_msg(strpbrk(err.text, ";") || strstr(err.text, "write"), "no mend: %s", err.text);
    ck_assert_int_eq(code, err.code);
    config_release(&config);
}

#endif
