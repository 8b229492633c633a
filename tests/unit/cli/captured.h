/* captured.h - what a function prints on standard output and standard error. */
#ifndef CAPTURED_H
#define CAPTURED_H

#include "unit.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct captured {
    char out[4096];
    char err[4096];
    FILE *files[2];
    int saved[2];
};

static inline void capture(struct captured *c)
{
    for (int i = 0; i < 2; i++) {
        fflush(i == 0 ? stdout : stderr);
        c->files[i] = tmpfile();
        ck_assert_ptr_nonnull(c->files[i]);
        c->saved[i] = dup(i + 1);
        dup2(fileno(c->files[i]), i + 1);
    }
}

static inline void capture_end(struct captured *c)
{
    for (int i = 0; i < 2; i++) {
        char *text = i == 0 ? c->out : c->err;
        fflush(i == 0 ? stdout : stderr);
        dup2(c->saved[i], i + 1);
        close(c->saved[i]);
        rewind(c->files[i]);
        text[fread(text, 1, sizeof(c->out) - 1, c->files[i])] = '\0';
        fclose(c->files[i]);
    }
}

/* One line, as every failure is. */
static inline void assert_one_line(const char *text)
{
    ck_assert_ptr_nonnull(strchr(text, '\n'));
    ck_assert_str_eq(strchr(text, '\n'), "\n");
}

#endif
