#include "auth/claims.h"
#include "auth/grant.h"
#include <errno.h>
#include <math.h>

/* The end of the year 9999. */
#define TIME_MAX 253402300799.0

static int refuse(struct error *err, const char *why)
{
    return error_set(err, -EACCES, "%s", why);
}

/* NumericDate: seconds, maybe with a fraction. False: not there, or no time. */
static bool read_time(const json_t *root, const char *name, double *ret_time)
{
    const json_t *value = json_object_get(root, name);

    if (!json_is_number(value))
        return false;
    double time = json_number_value(value);
    if (!isfinite(time) || time < 0)
        return false;
    *ret_time = time > TIME_MAX ? TIME_MAX : time;
    return true;
}

static int check_times(struct claims *claims, int64_t now, struct error *err)
{
    double expires = 0;
    double from = 0;

    if (!read_time(claims->root, "exp", &expires))
        return refuse(err, "exp is missing or no time");
    claims->expires = (int64_t)expires;
    if (claims->expires <= now)
        return refuse(err, "it is expired");
    if (!json_object_get(claims->root, "nbf"))
        return 0;
    if (!read_time(claims->root, "nbf", &from))
        return refuse(err, "nbf is no time");
    return from > (double)now + CLAIMS_NBF_LEEWAY_S ? refuse(err, "its nbf is to come") : 0;
}

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static int check_audience(const json_t *root, const char *audience, struct error *err)
{
    const json_t *claim = json_object_get(root, "aud");
    const json_t *item = NULL;
    size_t i = 0;

    if (!audience || is_text(claim, audience))
        return 0;
    json_array_foreach(claim, i, item)
    {
        if (is_text(item, audience))
            return 0;
    }
    return refuse(err, "its aud is not auth.jwt.audience");
}

static int check_issuer(const json_t *root, const char *issuer, struct error *err)
{
    if (!issuer || is_text(json_object_get(root, "iss"), issuer))
        return 0;
    return refuse(err, "its iss is not auth.jwt.issuer");
}

static int check_topics(const json_t *topics, struct error *err)
{
    const json_t *item = NULL;
    size_t i = 0;

    if (!topics || json_is_string(topics))
        return 0;
    if (!json_is_array(topics) || json_array_size(topics) > CLAIMS_GRANTS_MAX)
        return refuse(err, "topics is no string and no array of at most 1000 strings");
    json_array_foreach(topics, i, item)
    {
        if (!json_is_string(item))
            return refuse(err, "an item of topics is no string");
    }
    return 0;
}

static int read_consumer(struct claims *claims, struct error *err)
{
    const json_t *consumer = json_object_get(claims->root, "consumer");
    const json_t *subject = json_object_get(claims->root, "sub");

    if (consumer && (!json_is_string(consumer) || json_string_length(consumer) == 0))
        return refuse(err, "consumer is no name");
    if (!consumer && json_is_string(subject) && json_string_length(subject) > 0)
        consumer = subject;
    claims->consumer = json_string_value(consumer);
    return 0;
}

static int read_publish(struct claims *claims, struct error *err)
{
    const json_t *publish = json_object_get(claims->root, "publish");

    if (publish && !json_is_boolean(publish))
        return refuse(err, "publish is neither true nor false");
    claims->publish = json_is_true(publish);
    return 0;
}

static int read_claims(struct claims *claims, const struct claims_expected *expected,
                       struct error *err)
{
    if (!json_is_object(claims->root))
        return refuse(err, "its claims are no JSON object, or one has a name twice");
    int code = check_times(claims, expected->now, err);
    if (code == 0)
        code = check_audience(claims->root, expected->audience, err);
    if (code == 0)
        code = check_issuer(claims->root, expected->issuer, err);
    if (code == 0)
        code = check_topics(json_object_get(claims->root, "topics"), err);
    if (code == 0)
        code = read_consumer(claims, err);
    return code == 0 ? read_publish(claims, err) : code;
}

int claims_parse(struct claims *ret_claims, struct str json, const struct claims_expected *expected,
                 struct error *err)
{
    struct claims claims = {.root = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL)};

    int code = read_claims(&claims, expected, err);
    if (code < 0)
        claims_release(&claims);
    else
        *ret_claims = claims;
    return code;
}

void claims_release(struct claims *claims)
{
    json_decref(claims->root);
    *claims = (struct claims){0};
}

/* Grants with commas between them. */
static bool list_allows(const json_t *text, const struct str *segments, size_t count)
{
    struct str rest = {json_string_value(text), json_string_length(text)};

    while (rest.data) {
        if (grant_allows(str_cut(&rest, ','), segments, count))
            return true;
    }
    return false;
}

bool claims_allow(const struct claims *claims, const struct str *segments, size_t count)
{
    const json_t *topics = json_object_get(claims->root, "topics");
    const json_t *item = NULL;
    size_t i = 0;

    if (json_is_string(topics))
        return list_allows(topics, segments, count);
    json_array_foreach(topics, i, item)
    {
        struct str grant = {json_string_value(item), json_string_length(item)};
        if (grant_allows(grant, segments, count))
            return true;
    }
    return false;
}
