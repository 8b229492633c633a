#include "http/chunked.h"
#include "unit.h"
#include <errno.h>
#include <stdlib.h>

#define BODY_MAX 64

/* Fed STEP bytes at a time, in memory of their own so that a sanitizer sees what lies beyond. */
static int decode(struct str text, size_t step, struct buffer *out, size_t *ret_left)
{
    struct chunked chunked = {0};
    int status = 0;
    size_t at = 0;

    buffer_init(out, BODY_MAX);
    while (status == 0 && at < text.len) {
        size_t len = text.len - at < step ? text.len - at : step;
        char *copy = malloc(len);
        struct str part = {memcpy(copy, text.data + at, len), len};
        status = chunked_take(&chunked, &part, out);
        at += len - part.len;
        free(copy);
    }
    *ret_left = text.len - at;
    return status;
}

struct example {
    struct str text;
    int status;
    struct str body;
    size_t left; /* bytes of the next request */
};

#define HEX64 "40\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n"

static const struct example examples[] = {
    {STR("0\r\n\r\n"), 1, STR(""), 0},
    {STR("3\r\nabc\r\n0\r\n\r\n"), 1, STR("abc"), 0},
    {STR("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET"), 1, STR("abcde"), 3},
    {STR("0A\r\n0123456789\r\n0\r\n\r\n"), 1, STR("0123456789"), 0},
    {STR("4\r\n\r\n\r\n\r\n0\r\n\r\n"), 1, STR("\r\n\r\n"), 0},
    {STR("3\r\nabc\r\n0\r\n\r"), 0, STR("abc"), 0},
    {STR(HEX64 "0\r\n\r\n"), 1,
     STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), 0},
    /* What readers disagree about. */
    {STR("\r\n"), -EBADMSG, STR(""), 0},
    {STR("3\nabc\r\n"), -EBADMSG, STR(""), 0},
    {STR("3\r\nabcd\r\n"), -EBADMSG, STR(""), 0},
    {STR("3\r\nabc\n"), -EBADMSG, STR(""), 0},
    {STR("3;a=b\r\nabc\r\n"), -EBADMSG, STR(""), 0},
    {STR("3;\nabc\r\n"), -EBADMSG, STR(""), 0},
    {STR("3\n\nabc\r\n"), -EBADMSG, STR(""), 0},
    {STR("3 \r\nabc\r\n"), -EBADMSG, STR(""), 0},
    {STR(" 3\r\nabc\r\n"), -EBADMSG, STR(""), 0},
    {STR("-3\r\nabc\r\n"), -EBADMSG, STR(""), 0},
    {STR("0x3\r\nabc\r\n"), -EBADMSG, STR(""), 0},
    {STR("000000003\r\nabc\r\n"), -EBADMSG, STR(""), 0},
    {STR("0\r\nHost: b\r\n\r\n"), -EBADMSG, STR(""), 0},
    {STR("41\r\n"), -EMSGSIZE, STR(""), 0},
    {STR("ffffffff\r\n"), -EMSGSIZE, STR(""), 0},
    {STR(HEX64 "1\r\n"), -EMSGSIZE, STR(""), 0},
};

START_TEST(test_examples)
{
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        const struct example *example = &examples[i];
        for (size_t step = 1; step <= example->text.len; step++) {
            struct buffer out;
            size_t left;
            int status = decode(example->text, step, &out, &left);
            ck_assert_msg(status == example->status, "%.*s in steps of %zu: %d",
                          STR_ARG(example->text), step, status);
            if (status >= 0) {
                ck_assert(str_equal(buffer_str(&out), example->body));
                ck_assert_uint_eq(left, example->left);
            }
            buffer_release(&out);
        }
    }
}
END_TEST

UNIT_SUITE("http/chunked", test_examples)
