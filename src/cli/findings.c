#include "cli/findings.h"
#include "base/str.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX (2 * ERROR_TEXT_MAX)

static const char *const words[] = {
    [FINDING_OK] = "ok", [FINDING_WARNING] = "warning", [FINDING_ERROR] = "error"};

int findings_init(struct findings *findings, bool json)
{
    *findings = (struct findings){.list = json ? json_array() : NULL};
    return json && !findings->list ? -ENOMEM : 0;
}

void findings_release(struct findings *findings)
{
    json_decref(findings->list);
    findings->list = NULL;
}

/* A name may hold anything; a line is one line. */
static void print(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        putchar((unsigned char)text[i] < ' ' ? ' ' : text[i]);
}

static void print_line(const char *word, const char *object, const char *mend, struct str text)
{
    printf("%-8s ", word);
    print(object, strlen(object));
    print(": ", 2);
    print(text.data, text.len);
    if (mend) {
        print("; ", 2);
        print(mend, strlen(mend));
    }
    putchar('\n');
    fflush(stdout);
}

static void put(struct findings *findings, enum finding_level level, const char *object,
                const char *mend, struct str text)
{
    findings->errors += level == FINDING_ERROR;
    if (!findings->list) {
        print_line(words[level], object, mend, text);
        return;
    }
    json_t *row = json_pack("{ss ss ss% ss?}", "level", words[level], "object", object, "text",
                            text.data, text.len, "mend", mend);
    /* In a database without an encoding a name may be anything but UTF-8: it cannot be packed. */
    if (!row || json_array_append_new(findings->list, row) < 0)
        findings->failed = true;
}

void finding(struct findings *findings, enum finding_level level, const char *object,
             const char *mend, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    put(findings, level, object, mend, str_whole(str_from(text)));
}

void finding_of_error(struct findings *findings, enum finding_level level, const char *object,
                      const char *mend, const struct error *err)
{
    char both[TEXT_MAX];
    const char *own = strstr(err->text, "; ");
    struct str text = {err->text, own ? (size_t)(own - err->text) : strlen(err->text)};

    if (own && mend) {
        snprintf(both, sizeof(both), "%s; %s", own + 2, mend);
        mend = both;
    }
    put(findings, level, object, mend ? mend : own ? own + 2 : NULL, text);
}

int findings_print(struct findings *findings)
{
    if (!findings->list)
        return 0;
    if (findings->failed || json_dumpf(findings->list, stdout, JSON_INDENT(2)) < 0)
        return -EINVAL;
    printf("\n");
    return 0;
}
