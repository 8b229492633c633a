#include "api/processed_query.h"

#include "api/pull_query.h"
#include "base/clock.h"
#include "base/lsn.h"
#include "base/percent.h"
#include "feed/sort_key_time.h"
#include "http/request.h"

#include <errno.h>

#define VALUE_MAX 64
#define DATE_LEN 10 /* 2026-08-25 */

/* A '+' that was not encoded has become a blank: behind the time it is that of the zone. */
static void restore_zone(struct buffer *text)
{
    for (size_t i = DATE_LEN + 1; i < text->len; i++)
        if (text->data[i] == ' ')
            text->data[i] = '+';
}

/* A time without a zone is nobody's. */
static bool has_zone(struct str text)
{
    for (size_t i = DATE_LEN; i < text.len; i++)
        if (strchr("Zz+-", text.data[i]) != NULL)
            return true;
    return false;
}

/* Of a second without a fraction all microseconds but the first; of one with three digits 999. */
static int64_t unsaid_us(struct str text)
{
    int64_t unit = 1000000;

    (void)str_cut(&text, '.');
    for (size_t i = 0; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        unit /= 10;
    return unit > 0 ? unit - 1 : 0;
}

/* Of a count of seconds a whole one: "13:14" would be a minute. */
static bool has_seconds(struct str text)
{
    (void)str_cut(&text, ':');
    struct str minute = str_cut(&text, ':');
    return minute.len == 2 && text.len >= 2 && text.data[0] >= '0' && text.data[0] <= '9';
}

static int parse_time_of(struct buffer *value, int64_t *ret_us)
{
    restore_zone(value);
    struct str text = buffer_str(value);
    if (text.len <= DATE_LEN || text.data[0] < '0' || text.data[0] > '9' || !has_zone(text) ||
        !has_seconds(text) || parse_timestamp(text, true, ret_us) < 0)
        return -EINVAL;
    if (__builtin_add_overflow(*ret_us, POSTGRES_EPOCH_US + unsaid_us(text), ret_us))
        *ret_us = INT64_MAX;
    return 0;
}

static int parse_value(struct processed_query *query, struct str name, struct str encoded,
                       struct error *err)
{
    bool is_lsn = str_equal(name, STR("lsn"));
    struct buffer value;

    buffer_init(&value, VALUE_MAX);
    int status = percent_decode(&value, encoded, true);
    if (status == 0)
        status = is_lsn ? lsn_parse(buffer_str(&value), &query->lsn)
                        : parse_time_of(&value, &query->time_us);
    buffer_release(&value);
    if (status < 0)
        return error_set(err, -EINVAL, "Parameter \"%s\" must be %s", is_lsn ? "lsn" : "since",
                         is_lsn ? "an LSN like 16/B374D848, as pg_current_wal_insert_lsn() gives it"
                                : "a time with seconds and a zone, like 2026-08-25T13:13:30.123Z");
    return 0;
}

bool processed_query_names(struct str parameter)
{
    return str_equal(parameter, STR("since")) || str_equal(parameter, STR("lsn")) ||
           str_equal(parameter, STR("wait"));
}

int processed_query_parse(struct processed_query *ret, struct str query, struct error *err)
{
    struct processed_query parsed = {0};
    struct pull_query pull;
    struct str name, value;
    bool since = false;

    for (struct str rest = query; http_query_next(&rest, &name, &value);) {
        bool is_lsn = str_equal(name, STR("lsn"));
        if (!is_lsn && !str_equal(name, STR("since")))
            continue;
        if (parse_value(&parsed, name, value, err) < 0)
            return -EINVAL;
        parsed.by_lsn = parsed.by_lsn || is_lsn;
        since = since || !is_lsn;
    }
    if (parsed.by_lsn == since)
        return error_set(err, -EINVAL, "Say up to where: either lsn= or since=");
    if (pull_query_parse(&pull, query, err) < 0)
        return -EINVAL;
    parsed.wait_ms = pull.wait_ms;
    *ret = parsed;
    return 0;
}
