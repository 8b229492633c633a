#include "auth/token.h"
#include "unit.h"
#include <errno.h>

/* The token was made with `openssl dgst -sha256 -hmac`. */
#define SECRET "0123456789abcdef0123456789abcdef"
#define HEAD "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
#define CLAIMS "eyJleHAiOjEwMDAwMDF9"
#define SIGNATURE "a1zbubzwTaoQkiJwE_XVEOdDb8Jp8SJV8Q4KeWnZuI0"
#define TOKEN HEAD "." CLAIMS "." SIGNATURE

static struct token_keys keys;

static void setup(enum config_jwt_algorithm algorithm)
{
    struct config config = {.auth.jwt = {.algorithm = algorithm, .secret = (char[]){SECRET}}};
    struct error err = {0};

    ck_assert_int_eq(token_keys_read(&keys, &config, &err), 0);
}

static int open_token(struct str token, char claims[64])
{
    struct error err = {0};
    struct buffer out;

    buffer_init(&out, TOKEN_BYTES_MAX);
    int code = token_open(&out, token, &keys, &err);
    ck_assert((code < 0) == (err.text[0] != '\0'));
    ck_assert(code == 0 || out.len == 0);
    ck_assert_uint_lt(out.len, 64);
    snprintf(claims, 64, "%.*s", (int)out.len, out.data == NULL ? "" : out.data);
    buffer_release(&out);
    return code;
}

START_TEST(test_a_token_that_openssl_signed)
{
    char claims[64];

    setup(CONFIG_HS256);
    ck_assert_int_eq(open_token(STR(TOKEN), claims), 0);
    ck_assert_str_eq(claims, "{\"exp\":1000001}");
    token_keys_release(&keys);
}
END_TEST

/* Whichever byte of it is another one, or missing, or doubled: it is no token. */
START_TEST(test_no_byte_of_it_may_change)
{
    char token[] = TOKEN;
    char claims[64];
    size_t len = strlen(token);

    setup(CONFIG_HS256);
    for (size_t i = 0; i < len; i++) {
        char byte = token[i];
        token[i] = byte == 'A' ? 'Q' : 'A';
        ck_assert_msg(open_token((struct str){token, len}, claims) == -EACCES, "%s", token);
        token[i] = '=';
        ck_assert_msg(open_token((struct str){token, len}, claims) == -EACCES, "%s", token);
        token[i] = byte;
        ck_assert_int_eq(open_token((struct str){token, i}, claims), -EACCES);
    }
    ck_assert_int_eq(open_token((struct str){token, len}, claims), 0);
    token_keys_release(&keys);
}
END_TEST

START_TEST(test_what_is_no_token)
{
    static const char *const texts[] = {
        "",
        ".",
        "..",
        "...",
        HEAD "." CLAIMS,
        HEAD "." CLAIMS ".",
        HEAD ".." SIGNATURE,
        "." CLAIMS "." SIGNATURE,
        TOKEN ".",
        TOKEN "." SIGNATURE,
        " " TOKEN,
        TOKEN "\n",
        TOKEN "A",
        TOKEN "AA",
        TOKEN "AAAA",
    };
    char claims[64];
    char huge[TOKEN_BYTES_MAX + 2];

    setup(CONFIG_HS256);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(open_token(str_from(texts[i]), claims) == -EACCES, "%s", texts[i]);
    memset(huge, 'A', sizeof(huge));
    memcpy(huge, HEAD "." CLAIMS ".", strlen(HEAD "." CLAIMS "."));
    ck_assert_int_eq(open_token((struct str){huge, sizeof(huge)}, claims), -EACCES);
    token_keys_release(&keys);
}
END_TEST

START_TEST(test_its_algorithm_is_the_configured_one)
{
    char claims[64];

    setup(CONFIG_HS512);
    ck_assert_int_eq(open_token(STR(TOKEN), claims), -EACCES);
    token_keys_release(&keys);
}
END_TEST

START_TEST(test_what_is_signed_is_opened)
{
    static const enum config_jwt_algorithm algorithms[] = {CONFIG_HS256, CONFIG_HS384,
                                                           CONFIG_HS512};
    struct error err = {0};
    char claims[64];

    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        struct buffer token;
        setup(algorithms[i]);
        buffer_init(&token, TOKEN_BYTES_MAX);
        ck_assert_int_eq(token_sign(&token, STR("{\"a\":1}"), &keys, &err), 0);
        ck_assert_int_eq(open_token(buffer_str(&token), claims), 0);
        ck_assert_str_eq(claims, "{\"a\":1}");
        buffer_release(&token);
        token_keys_release(&keys);
    }
}
END_TEST

UNIT_SUITE("auth/token", test_a_token_that_openssl_signed, test_no_byte_of_it_may_change,
           test_what_is_no_token, test_its_algorithm_is_the_configured_one,
           test_what_is_signed_is_opened)
