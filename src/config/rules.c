/* config/rules.c - everything but tables and operators. */
#include "config/rules.h"
#include "config/address.h"
#include "config/name.h"
#include "config/quantity.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS_A_DAY 86400000u
#define HEAD_MIN 4096u
#define HEAD_MAX (1u << 20)

int rules_no_memory(struct rules *r)
{
    return error_set(r->err, -ENOMEM, "%s: no memory to read it", r->tree->file);
}

int rules_check(struct rules *r, const char *complaint, const struct node *node)
{
    return complaint ? node_fail(r->tree, node, r->err, "%s", complaint) : 0;
}

int rules_number(struct rules *r, const struct node *place, const char *text,
                 const uint64_t range[2], uint64_t *ret_number)
{
    if (quantity_number(str_from(text), range[0], range[1], ret_number) == 0)
        return 0;
    return node_fail(r->tree, place, r->err, "must be a whole number from %llu to %llu; write one",
                     (unsigned long long)range[0], (unsigned long long)range[1]);
}

static int number(struct rules *r, const char *path, const char *text, const uint64_t range[2],
                  uint64_t *ret_number)
{
    return rules_number(r, node_at(r->tree, "%s", path), text, range, ret_number);
}

static int duration(struct rules *r, const char *path, const char *text, uint64_t *ret_us)
{
    if (quantity_duration(str_from(text), ret_us) == 0)
        return 0;
    return node_fail(r->tree, node_at(r->tree, "%s", path), r->err,
                     "no duration; write a number with ms, s, m, h or d: 10s");
}

/* --- names
 * ------------------------------------------------------------------------------------------ */

static int rules_names(struct rules *r)
{
    struct raw *raw = r->raw;

    int code = rules_check(r, *raw->app_name ? NULL : "must not be empty; write a name",
                           node_at(r->tree, "app_name"));
    if (code == 0)
        code = rules_check(r, name_check_slot(raw->slot.name), node_at(r->tree, "slot.name"));
    if (code == 0)
        code = rules_check(r, name_check_identifier(raw->publication),
                           node_at(r->tree, "publication"));
    if (code == 0)
        code =
            rules_check(r, name_check_schema(raw->state_schema), node_at(r->tree, "state_schema"));
    r->config->state_schema = rules_take(&raw->state_schema);
    r->config->app_name = rules_take(&raw->app_name);
    r->config->slot.name = rules_take(&raw->slot.name);
    r->config->slot.durable = raw->slot.durable;
    r->config->slot.recreate = raw->slot.recreate;
    r->config->slot.plugin = (enum config_plugin)raw->slot.plugin;
    r->config->publication = rules_take(&raw->publication);
    return code;
}

/* --- journal
 * ---------------------------------------------------------------------------------------- */

/* The largest is what a record can index: a row of PostgreSQL has up to 1 GB, its update with both
 * records three times as much. */
#define EVENT_MIN ((uint64_t)64 << 10)
#define EVENT_MAX ((uint64_t)3 << 30)

static int rules_large_events(struct rules *r)
{
    uint64_t max = 0;

    if (quantity_size(str_from(r->raw->journal.max_event), &max) < 0 || max < EVENT_MIN ||
        max > EVENT_MAX)
        return node_fail(r->tree, node_at(r->tree, "journal.max_event"), r->err,
                         "must be a size from 64kB to 3GB; write 64MB");
    r->config->journal.max_event = max;
    r->config->journal.on_large_event = (enum config_on_large_event)r->raw->journal.on_large_event;
    return 0;
}

static int rules_journal(struct rules *r)
{
    struct raw_journal *from = &r->raw->journal;

    if (!*from->path)
        return node_fail(r->tree, node_at(r->tree, "journal.path"), r->err,
                         "must not be empty; name a directory");
    r->config->journal.path = rules_take(&from->path);
    if (quantity_size(str_from(from->retention.bytes), &r->config->journal.retention_bytes) < 0)
        return node_fail(r->tree, node_at(r->tree, "journal.retention.bytes"), r->err,
                         "no size; write a number with kB, MB, GB or TB: 1GB");
    if (quantity_size(str_from(from->max_hold), &r->config->journal.max_hold) < 0)
        return node_fail(r->tree, node_at(r->tree, "journal.max_hold"), r->err,
                         "no size; write a number with kB, MB, GB or TB: 10GB");
    int code = duration(r, "journal.retention.age", from->retention.age,
                        &r->config->journal.retention_age_us);
    return code < 0 ? code : rules_large_events(r);
}

/* --- http
 * ------------------------------------------------------------------------------------------- */

static int rules_one_listener(struct rules *r, size_t i)
{
    char **listen = r->raw->http.listen;
    const struct node *place = node_at(r->tree, "http.listen[%zu]", i);

    int code = rules_check(r, address_check(listen[i]), place);
    for (size_t j = 0; j < i && code == 0; j++)
        if (str_equal(str_from(r->config->http.listen[j].text), str_from(listen[i])))
            code = node_fail(r->tree, place, r->err, "the same address twice; remove one");
    if (code < 0)
        return code;
    bool open = r->raw->auth.mode == CONFIG_AUTH_NONE && !r->raw->auth.allow_public;
    if (open && !address_is_loopback(listen[i]))
        return node_fail(
            r->tree, place, r->err,
            "auth.mode none serves everyone who reaches this address; listen on "
            "127.0.0.1, choose auth.mode gateway or jwt, or say auth.allow_public: true");
    r->config->http.listen[i].text = rules_take(&listen[i]);
    r->config->http.listen_count = i + 1;
    return 0;
}

static int rules_listeners(struct rules *r)
{
    size_t count = r->raw->http.listen_count;

    if (count == 0)
        return node_fail(r->tree, node_at(r->tree, "http.listen"), r->err,
                         "no address; write HOST:PORT or unix:PATH");
    r->config->http.listen = calloc(count, sizeof(*r->config->http.listen));
    if (!r->config->http.listen)
        return rules_no_memory(r);
    for (size_t i = 0; i < count; i++) {
        int code = rules_one_listener(r, i);
        if (code < 0)
            return code;
    }
    return 0;
}

/* It asks nobody who they are. */
static int rules_admin(struct rules *r)
{
    char **listen = &r->raw->admin.listen;
    const struct node *place = node_at(r->tree, "admin.listen");

    if (!**listen)
        return 0;
    int code = rules_check(r, address_check(*listen), place);
    for (size_t i = 0; i < r->config->http.listen_count && code == 0; i++)
        if (str_equal(str_from(r->config->http.listen[i].text), str_from(*listen)))
            code = node_fail(r->tree, place, r->err,
                             "the same address as of http.listen; choose another port");
    if (code == 0 && !r->raw->admin.allow_public && !address_is_loopback(*listen))
        code = node_fail(r->tree, place, r->err,
                         "everyone who reaches this address may look and operate; listen on "
                         "127.0.0.1 or a Unix socket, or say admin.allow_public: true");
    if (code == 0)
        r->config->admin.listen = rules_take(listen);
    return code;
}

static unsigned core_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores < 1 ? 1 : cores > 256 ? 256 : (unsigned)cores;
}

struct http_time {
    const char *path, *text;
    unsigned min_ms, max_ms;
    const char *mend;
    unsigned *to;
};

static int rules_http_times(struct rules *r)
{
    const struct raw_http *from = &r->raw->http;
    const struct http_time times[] = {
        {"http.heartbeat", from->heartbeat, 100, MS_A_DAY, "from 100ms to 1d; write 10s",
         &r->config->http.heartbeat_ms},
        {"http.request_timeout", from->request_timeout, 1000, 300000, "from 1s to 5m; write 15s",
         &r->config->http.request_timeout_ms},
        {"http.stall_timeout", from->stall_timeout, 1000, 3600000, "from 1s to 1h; write 30s",
         &r->config->http.stall_timeout_ms},
        {"http.drain", from->drain, 0, 300000, "from 0 to 5m; write 5s", &r->config->http.drain_ms},
    };

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        const struct http_time *time = &times[i];
        uint64_t us = 0;
        int code = duration(r, time->path, time->text, &us);
        if (code < 0)
            return code;
        if (us < time->min_ms * 1000ull || us > time->max_ms * 1000ull)
            return node_fail(r->tree, node_at(r->tree, "%s", time->path), r->err, "%s", time->mend);
        *time->to = (unsigned)(us / 1000);
    }
    return 0;
}

struct http_number {
    const char *path, *text;
    uint64_t range[2];
    unsigned *to;
};

static int rules_http_numbers(struct rules *r)
{
    const struct raw_http *from = &r->raw->http;
    const struct http_number numbers[] = {
        {"http.threads", from->threads, {0, 256}, &r->config->http.threads},
        {"http.max_connections",
         from->max_connections,
         {1, 10000000},
         &r->config->http.max_connections},
        {"http.max_connections_per_client",
         from->max_connections_per_client,
         {0, 10000000},
         &r->config->http.max_connections_per_client},
        {"http.max_connections_per_consumer",
         from->max_connections_per_consumer,
         {0, 10000000},
         &r->config->http.max_connections_per_consumer},
        {"http.max_topics", from->max_topics, {1, 100000}, &r->config->http.max_topics},
        {"http.max_filters", from->max_filters, {0, 1000}, &r->config->http.max_filters},
        {"http.publish_rate", from->publish_rate, {0, 100000}, &r->config->http.publish_rate},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t value = 0;
        int code = number(r, numbers[i].path, numbers[i].text, numbers[i].range, &value);
        if (code < 0)
            return code;
        *numbers[i].to = (unsigned)value;
    }
    return 0;
}

static int rules_head(struct rules *r)
{
    uint64_t max = 0;

    if (quantity_size(str_from(r->raw->http.max_head), &max) < 0 || max < HEAD_MIN ||
        max > HEAD_MAX)
        return node_fail(r->tree, node_at(r->tree, "http.max_head"), r->err,
                         "must be a size from 4kB to 1MB; write 16kB");
    r->config->http.max_head = (unsigned)max;
    return 0;
}

static int rules_http(struct rules *r)
{
    int code = rules_listeners(r);
    if (code == 0)
        code = rules_http_numbers(r);
    if (code == 0)
        code = rules_head(r);
    if (code == 0)
        code = rules_http_times(r);
    if (r->config->http.threads == 0)
        r->config->http.threads = core_count();
    r->config->http.proxy_protocol = r->raw->http.proxy_protocol;
    return code;
}

/* --- numbers
 * ---------------------------------------------------------------------------------------- */

static bool is_number_type(const char *name)
{
    static const char *const names[] = {"int2", "int4", "int8", "float4", "float8", "numeric"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int rules_numbers(struct rules *r)
{
    struct config_names *to = &r->config->numbers_as_strings;
    size_t count = r->raw->numbers_as_strings_count;

    if (count == 0)
        return 0;
    to->items = calloc(count, sizeof(*to->items));
    if (!to->items)
        return rules_no_memory(r);
    for (size_t i = 0; i < count; i++) {
        char **name = &r->raw->numbers_as_strings[i];
        const struct node *place = node_at(r->tree, "numbers_as_strings[%zu]", i);
        if (!is_number_type(*name))
            return node_fail(r->tree, place, r->err,
                             "no type of numbers; write some of int2, int4, int8, float4, float8, "
                             "numeric, which stand for their arrays and domains too");
        if (config_names_have(to, *name))
            return node_fail(r->tree, place, r->err, "the same type twice; remove one");
        to->items[to->count++].text = rules_take(name);
    }
    return 0;
}

/* --- retry and log
 * ---------------------------------------------------------------------------------- */

static int rules_retry(struct rules *r)
{
    const struct raw_retry *from = &r->raw->retry;
    const uint64_t wait[2] = {1, MS_A_DAY};
    uint64_t min = 0;
    uint64_t max = 0;
    uint64_t retries = 0;

    int code = number(r, "retry.min_restart_time", from->min_restart_time, wait, &min);
    if (code == 0)
        code = number(r, "retry.max_restart_time", from->max_restart_time, wait, &max);
    if (code == 0)
        code = number(r, "retry.max_retries", from->max_retries, (const uint64_t[2]){0, 1000000},
                      &retries);
    if (code < 0)
        return code;
    if (min > max)
        return node_fail(r->tree, node_at(r->tree, "retry.max_restart_time"), r->err,
                         "smaller than retry.min_restart_time; raise it to at least %llu",
                         (unsigned long long)min);
    if (quantity_factor(str_from(from->backoff_multiplicator), 1, 1000,
                        &r->config->retry.multiplicator) < 0)
        return node_fail(r->tree, node_at(r->tree, "retry.backoff_multiplicator"), r->err,
                         "must be a number from 1 to 1000; write 2");
    r->config->retry.min_restart_ms = (uint32_t)min;
    r->config->retry.max_restart_ms = (uint32_t)max;
    r->config->retry.max_retries = (uint32_t)retries;
    return 0;
}

int rules_apply(struct rules *r)
{
    static int (*const parts[])(struct rules *) = {
        rules_names, rules_database, rules_tables, rules_journal, rules_http,
        rules_admin, rules_auth,     rules_retry,  rules_numbers, rules_operators,
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int code = parts[i](r);
        if (code < 0)
            return code;
    }
    r->config->log.level = (enum log_level)r->raw->log.level;
    r->config->log.format = (enum log_format)r->raw->log.format;
    return 0;
}
