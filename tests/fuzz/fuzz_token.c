/* What a client may call its token, in the first line, and claims of an issuer, in the second: the
 * one is refused, for its signature would have to be guessed, and the other grants nothing that its
 * `topics` do not name. */
#include "auth/claims.h"
#include "auth/token.h"
#include "fuzz.h"

#include <errno.h>

#define NOW 1000000

static struct token_keys keys;

static void check_token(struct str token)
{
    struct error err = {0};
    struct buffer out;

    buffer_init(&out, TOKEN_BYTES_MAX);
    promise(token_open(&out, token, &keys, &err) == -EACCES);
    promise(out.len == 0 && err.text[0] != '\0');
    buffer_release(&out);
}

static void check_claims(struct str json)
{
    static const struct claims_expected expected = {.now = NOW};
    const struct str topic[] = {STR("posts"), STR("1/2"), STR("comments")};
    struct claims claims = {0};
    struct error err = {0};

    int r = claims_parse(&claims, json, &expected, &err);
    promise(r == 0 || (r == -EACCES && err.text[0] != '\0' && claims.root == NULL));
    if (r < 0)
        return;
    promise(claims.expires > NOW);
    promise(claims.consumer == NULL || *claims.consumer != '\0');
    for (size_t count = 1; count <= 3; count++)
        promise(!claims_allow(&claims, topic, count) ||
                json_object_get(claims.root, "topics") != NULL);
    claims_release(&claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char secret[] = "a secret that libFuzzer does not know";
    static const struct config config = {.auth.jwt = {.secret = secret}};
    struct str text = exact_copy(data, size);
    struct str rest = text;
    struct error err;

    if (keys.secret == NULL)
        promise(token_keys_read(&keys, &config, &err) == 0);
    check_token(str_cut(&rest, '\n'));
    if (rest.data != NULL)
        check_claims(rest);
    free_copy(text);
    return 0;
}
