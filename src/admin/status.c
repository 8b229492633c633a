/* GET /status: how the service is, for people and scripts. Of the configuration it tells names,
 * addresses and the path of the file; nothing of database, nothing of auth but the mode. */
#include "admin/operator_json.h"
#include "api/health.h"
#include "base/clock.h"
#include "base/lsn.h"
#include "config/config.h"
#include "event/id.h"
#include <jansson.h>
#include <walpiper/version.h>

#define REASON_MAX 4096

/* NULL for text that is no UTF-8 or not there: json_pack() would give nothing at all. */
static json_t *text(const char *value)
{
    json_t *json = value ? json_string(value) : NULL;
    return json ? json : json_null();
}

static json_t *lsn(uint64_t value)
{
    char formatted[LSN_TEXT_MAX];
    return value > 0 ? json_string(lsn_format(value, formatted)) : json_null();
}

static json_int_t number(const _Atomic uint64_t *counter)
{
    return (json_int_t)counter_read(counter);
}

static json_t *health_of(const struct admin *admin)
{
    char reason[REASON_MAX];

    if (health_read(admin->context.health, reason, sizeof(reason)))
        return json_pack("{s:s}", "status", "UP");
    return json_pack("{s:s, s:o}", "status", "DOWN", "reason", text(reason));
}

static json_t *slot_of(const struct admin *admin)
{
    const struct source_counters *source = admin->context.source;
    uint64_t restart = counter_read(&source->restart_lsn);
    uint64_t server = counter_read(&source->server_lsn);

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", text(admin->context.config->slot.name),
        "publication", text(admin->context.config->publication), "state",
        text(atomic_load_explicit(&source->state, memory_order_relaxed)), "plugin",
        text(atomic_load_explicit(&source->plugin, memory_order_relaxed)), "confirmed",
        lsn(counter_read(&source->confirmed_lsn)), "server", lsn(server), "wal_held_bytes",
        restart > 0 && server > restart ? json_integer((json_int_t)(server - restart))
                                        : json_null());
}

static json_t *lag_of(const struct admin *admin)
{
    return json_pack("{s:I, s:f}", "bytes", (json_int_t)admin_lag_bytes(admin), "seconds",
                     (double)admin_lag_ms(admin) / 1000);
}

static json_t *id(const char *epoch, const struct journal_stock *stock, struct position position)
{
    char formatted[EVENT_ID_MAX];
    return stock->empty ? json_null() : json_string(event_id_format(epoch, position, formatted));
}

static json_t *journal_of(const struct admin *admin)
{
    struct journal_stock stock;
    char epoch[9];

    journal_epoch(admin->context.journal, epoch);
    journal_stock(admin->context.journal, &stock);
    return json_pack("{s:o, s:s, s:I, s:o, s:o, s:b}", "path",
                     text(admin->context.config->journal.path), "epoch", epoch, "bytes",
                     (json_int_t)stock.bytes, "oldest", id(epoch, &stock, stock.oldest), "latest",
                     id(epoch, &stock, stock.newest), "failing",
                     journal_failing(admin->context.journal, NULL));
}

static json_t *thread_of(const struct serving_counters *counters)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "connections", number(&counters->http->open),
                     "subscribers", number(&counters->feed->subscribers), "deliveries",
                     number(&counters->feed->deliveries), "sent_bytes",
                     number(&counters->http->sent_bytes));
}

static json_t *serving_of(const struct admin *admin)
{
    const struct config *config = admin->context.config;
    json_t *listen = json_array(), *threads = json_array();
    json_int_t subscribers = 0;

    for (size_t i = 0; i < config->http.listen_count; i++)
        json_array_append_new(listen, text(config->http.listen[i].text));
    for (size_t i = 0; i < admin->context.serving_count; i++) {
        json_array_append_new(threads, thread_of(&admin->context.serving[i]));
        subscribers += number(&admin->context.serving[i].feed->subscribers);
    }
    return json_pack("{s:o, s:I, s:o}", "listen", listen, "subscribers", subscribers, "threads",
                     threads);
}

static json_t *status_of(const struct admin *admin)
{
    const struct config *config = admin->context.config;
    uint64_t uptime_ms = clock_monotonic_ms() - admin->started_ms;

    return json_pack("{s:o, s:s, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     text(config->app_name), "version", WALPIPER_VERSION, "config",
                     text(config->file), "uptime_seconds", (double)uptime_ms / 1000, "health",
                     health_of(admin), "slot", slot_of(admin), "lag", lag_of(admin), "journal",
                     journal_of(admin), "serving", serving_of(admin), "operators",
                     operators_json(admin));
}

void admin_status(struct admin *admin, struct http_exchange *exchange, struct str word)
{
    admin_respond_json(exchange, 200, status_of(admin));
}
