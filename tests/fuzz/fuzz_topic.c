/* A grant of a token, the path behind /streams/ and the query of a request, one a line: a topic is
 * let pass when the grant says so, which a slower reading of it confirms; what is taken has one key
 * for each topic there is; what is refused is named. */
#include "api/wanted.h"
#include "auth/grant.h"
#include "base/percent.h"
#include "fuzz.h"

#include <errno.h>

#define TOPICS_MAX 20

static struct str grant;

/* --- grants ---------------------------------------------------------------------------------- */

/* TEXT decoded, where what is no escape is itself, up to '/' or ':'. */
static bool next_part(struct str *text, struct buffer *part)
{
    bool more = text->data != NULL;

    buffer_reset(part);
    while (text->len > 0 && text->data[0] != '/' && text->data[0] != ':') {
        int byte = percent_next(text);
        buffer_append_char(part, byte < 0 ? '%' : (char)byte);
    }
    *text = text->len > 0 ? (struct str){text->data + 1, text->len - 1} : (struct str){NULL, 0};
    return more;
}

/* The rules of auth/grant.h, part by part, names compared as those of tables. */
static bool should_allow(struct str text, const struct str *segments, size_t count)
{
    struct buffer part;
    bool allows = true;
    size_t i = 0;

    buffer_init(&part, 1 << 20);
    for (text = str_trim(text); i < count && allows; i++) {
        if (str_equal(text, STR("*"))) {
            buffer_release(&part);
            return true;
        }
        struct str segment = segments[i];
        if (!next_part(&text, &part))
            allows = false;
        else if (i % 2 == 1)
            allows = str_equal(buffer_str(&part), segment);
        else
            allows =
                table_name_equal(table_name_parse(buffer_str(&part)), table_name_parse(segment));
    }
    buffer_release(&part);
    return allows && text.data == NULL;
}

/* Every byte escaped: what nobody can take for anything else. */
static void encode(struct buffer *out, const struct str *segments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(out, '/');
        for (size_t j = 0; j < segments[i].len; j++)
            buffer_printf(out, "%%%02X", (unsigned char)segments[i].data[j]);
    }
}

/* The topic's own path opens it, and so does a star in the place of its end; nothing longer. */
static void check_own_grant(const struct str *segments, size_t count)
{
    struct buffer own;

    buffer_init(&own, 1 << 20);
    encode(&own, segments, count);
    promise(grant_allows(buffer_str(&own), segments, count));
    promise(count == 1 || !grant_allows(buffer_str(&own), segments, count - 1));
    buffer_append_str(&own, STR("/*"));
    promise(!grant_allows(buffer_str(&own), segments, count));
    buffer_reset(&own);
    encode(&own, segments, count - 1);
    buffer_append_str(&own, count == 1 ? STR("*") : STR("/*"));
    promise(grant_allows(buffer_str(&own), segments, count));
    buffer_release(&own);
}

bool access_topic(const struct access *access, const struct str *segments, size_t count)
{
    bool allows = grant_allows(grant, segments, count);

    promise(count > 0 && count <= TOPIC_SEGMENTS_MAX);
    promise(allows == should_allow(grant, segments, count));
    check_own_grant(segments, count);
    return allows;
}

bool access_names_the_token(const struct access *access, struct str parameter)
{
    return str_equal(parameter, STR("access_token"));
}

/* --- topics ---------------------------------------------------------------------------------- */

static bool is_same(const struct topic *a, const struct topic *b)
{
    bool same = a->kind == b->kind && table_name_equal(a->table, b->table) &&
                str_equal(a->id, b->id) && a->level_count == b->level_count;

    for (size_t i = 0; same && i < 2 * a->level_count; i += 2)
        same = table_name_equal(table_name_parse(a->levels[i]), table_name_parse(b->levels[i])) &&
               str_equal(a->levels[i + 1], b->levels[i + 1]);
    return same;
}

static void check_pair(const struct topic *a, const struct topic *b)
{
    struct buffer key_a, key_b;

    buffer_init(&key_a, TOPIC_KEY_MAX);
    buffer_init(&key_b, TOPIC_KEY_MAX);
    int status_a = topic_key(&key_a, a), status_b = topic_key(&key_b, b);
    promise(status_a == 0 || status_a == -EMSGSIZE);
    if (status_a == 0 && status_b == 0)
        promise(str_equal(buffer_str(&key_a), buffer_str(&key_b)) == is_same(a, b));
    if (status_a == 0)
        promise(topic_key_truncated(buffer_str(&key_a), b->table) ==
                table_name_equal(a->table, b->table));
    buffer_release(&key_a);
    buffer_release(&key_b);
}

static void check_wanted(const struct wanted *wanted)
{
    promise(wanted->count > 0 && wanted->count <= TOPICS_MAX);
    for (size_t i = 0; i < wanted->count; i++)
        for (size_t j = 0; j < wanted->count; j++)
            check_pair(&wanted->subscriptions[i].topic, &wanted->subscriptions[j].topic);
}

/* --- the request ----------------------------------------------------------------------------- */

#define LEVEL(column, parent)                                                                      \
    {                                                                                              \
        (char *)(column), (char *)(parent)                                                         \
    }

static struct config_scope_column columns[] = {
    LEVEL("post_id", "posts"),
    LEVEL("org_id", "organizations"),
    LEVEL("post_id", "blog.posts"),
    LEVEL("a", "a"),
    LEVEL("b", "a"),
    LEVEL("c", "a"),
    LEVEL("d", "a"),
    LEVEL("e", "a"),
    LEVEL("f", "a"),
    LEVEL("g", "a"),
    LEVEL("h", "a"),
};
static struct config_scope scopes[] = {{columns, 1}, {columns + 1, 2}, {columns + 3, 8}};
static struct config_table tables[] = {
    {.schema = (char *)"public", .table = (char *)"comments", .scopes = scopes, .scope_count = 3},
    {.schema = (char *)"blog", .table = (char *)"posts"},
};
static const struct config config = {
    .tables = tables,
    .table_count = 2,
    .http = {.max_topics = TOPICS_MAX, .max_filters = TOPICS_MAX},
};

/* As src/api/api.c does it. */
static bool split_path(struct api_request *request, struct str path, struct buffer *bytes)
{
    buffer_reserve(bytes, path.len + 1);
    request->segments[request->segment_count++] = STR("streams");
    while (path.len > 0 && path.data != NULL && request->segment_count < API_SEGMENTS_MAX) {
        size_t from = bytes->len;
        if (percent_decode(bytes, str_cut(&path, '/'), false) < 0)
            return false;
        request->segments[request->segment_count++] =
            (struct str){bytes->data + from, bytes->len - from};
    }
    return true;
}

static void check_request(struct str path, struct str query)
{
    static struct feed_tables feed_tables;
    const struct api_context context = {.config = &config};
    const struct http_request http = {.query = query};
    struct api_request request = {.http = &http, .access = {.context = &context}};
    struct wanted wanted;
    struct buffer bytes;
    struct error err = {0};

    if (feed_tables.tables == NULL)
        promise(feed_tables_init(&feed_tables, &config, &err) == 0);
    buffer_init(&bytes, 1 << 20);
    if (split_path(&request, path, &bytes)) {
        int status = wanted_parse(&wanted, &feed_tables, &request, FORM_SSE, &err);
        promise(status == 0 || status == -EACCES || err.text[0] != '\0');
        if (status == 0)
            check_wanted(&wanted);
        wanted_release(&wanted);
    }
    buffer_release(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = exact_copy(data, size);
    struct str rest = text;

    grant = str_cut(&rest, '\n');
    struct str path = str_cut(&rest, '\n');
    check_request(path, str_cut(&rest, '\n'));
    free_copy(text);
    return 0;
}
