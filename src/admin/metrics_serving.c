/* GET /metrics: clients and subscribers. What each thread does is told by thread, the rest in all:
 * no label is a client's to make. */
#include "admin/internal.h"
#include "admin/metric.h"
#include <stdio.h>

/* A counter of one of the three structs of a serving loop. */
enum part { HTTP, FEED, API };

struct place {
    enum part part;
    size_t offset;
};

#define IN_HTTP(member)                                                                            \
    {                                                                                              \
        HTTP, offsetof(struct http_counters, member)                                               \
    }
#define IN_FEED(member)                                                                            \
    {                                                                                              \
        FEED, offsetof(struct feed_counters, member)                                               \
    }
#define IN_API(member)                                                                             \
    {                                                                                              \
        API, offsetof(struct api_counters, member)                                                 \
    }

static uint64_t value_of(const struct serving_counters *counters, const struct place *place)
{
    const void *const parts[] = {
        [HTTP] = counters->http, [FEED] = counters->feed, [API] = counters->api};
    return counter_read_at(parts[place->part], place->offset);
}

static uint64_t sum_of(const struct admin *admin, const struct place *place)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < admin->context.serving_count; i++)
        sum += value_of(&admin->context.serving[i], place);
    return sum;
}

/* --- by thread ------------------------------------------------------------------------------- */

struct row {
    struct metric metric;
    struct place place;
};

static const struct row rows[] = {
    {{"walpiper_http_connections", "gauge", "Connections of clients that are there now."},
     IN_HTTP(open)},
    {{"walpiper_http_connections_total", "counter", "Connections of clients taken in."},
     IN_HTTP(connections)},
    {{"walpiper_http_sent_bytes_total", "counter", "Bytes handed to the kernel for clients."},
     IN_HTTP(sent_bytes)},
    {{"walpiper_subscribers", "gauge", "Streams and waiting pulls that get events now."},
     IN_FEED(subscribers)},
    {{"walpiper_deliveries_total", "counter", "Events handed to subscribers, each time one."},
     IN_FEED(deliveries)},
    {{"walpiper_routed_events_total", "counter",
      "Events looked at for live subscribers; each thread looks at each."},
     IN_FEED(records)},
};

static void append_by_thread(const struct admin *admin, const struct row *row, struct buffer *out)
{
    char thread[24];

    metric_head(out, &row->metric);
    for (size_t i = 0; i < admin->context.serving_count; i++) {
        snprintf(thread, sizeof(thread), "%zu", i);
        metric_sample(out, &row->metric, &(struct metric_labels){.first = {"thread", thread}},
                      value_of(&admin->context.serving[i], &row->place));
    }
}

/* --- by reason ------------------------------------------------------------------------------- */

static void append_refused(const struct admin *admin, struct buffer *out)
{
    static const struct metric refused = {
        "walpiper_http_refused_total", "counter",
        "Connections and streams that were turned away, by what limit."};
    static const struct {
        const char *reason;
        struct place place;
    } reasons[] = {
        {"max_connections", IN_HTTP(refused_server)},
        {"max_connections_per_client", IN_HTTP(refused_client)},
        {"max_connections_per_consumer", IN_HTTP(refused_consumer)},
        {"machine", IN_HTTP(refused_machine)},
    };

    metric_head(out, &refused);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        metric_sample(out, &refused,
                      &(struct metric_labels){.first = {"reason", reasons[i].reason}},
                      sum_of(admin, &reasons[i].place));
}

static void append_streams(const struct admin *admin, struct buffer *out)
{
    static const struct metric begun = {"walpiper_streams_total", "counter",
                                        "Streams that have begun."};
    static const struct metric closed = {"walpiper_streams_closed_total", "counter",
                                         "Streams that are over, by why."};

    metric_single(out, &begun, sum_of(admin, &(struct place)IN_HTTP(streams)));
    metric_head(out, &closed);
    for (int why = 0; why < HTTP_CLOSE_COUNT; why++) {
        const struct metric_labels labels = {
            .first = {"reason", http_close_name((enum http_close)why)}};
        metric_sample(out, &closed, &labels, sum_of(admin, &(struct place)IN_HTTP(closed[why])));
    }
}

static void append_resets(const struct admin *admin, struct buffer *out)
{
    static const struct metric resets = {"walpiper_resets_total", "counter",
                                         "Clients told that their id cannot be served, by why."};
    static const char *const reasons[RESET_REASONS] = {
        [RESET_EXPIRED] = "expired",
        [RESET_EPOCH] = "epoch",
        [RESET_UNKNOWN] = "unknown",
        [RESET_DAMAGED] = "damaged",
    };

    metric_head(out, &resets);
    for (int why = 0; why < RESET_REASONS; why++)
        metric_sample(out, &resets, &(struct metric_labels){.first = {"reason", reasons[why]}},
                      sum_of(admin, &(struct place)IN_API(resets[why])));
}

/* --- by status ------------------------------------------------------------------------------- */

/* Those that were never sent have no sample: there are few that are. FIRST is of the array. */
static void append_statuses(const struct admin *admin, const struct metric *metric,
                            struct place first, struct buffer *out)
{
    char status[12];

    metric_head(out, metric);
    for (int i = 0; i < HTTP_STATUS_COUNT; i++) {
        const struct place place = {first.part, first.offset + (size_t)i * sizeof(uint64_t)};
        uint64_t count = sum_of(admin, &place);
        if (count == 0)
            continue;
        snprintf(status, sizeof(status), "%d", HTTP_STATUS_FIRST + i);
        metric_sample(out, metric, &(struct metric_labels){.first = {"status", status}}, count);
    }
}

static void append_answers(const struct admin *admin, struct buffer *out)
{
    static const struct metric answers = {"walpiper_http_answers_total", "counter",
                                          "Answers and streams of the main listener, by status."};
    static const struct metric publishes = {
        "walpiper_publish_answers_total", "counter",
        "Answers to POST /events of those who may publish, by status."};
    static const struct metric published = {"walpiper_published_events_total", "counter",
                                            "Events inserted by POST /events."};

    append_statuses(admin, &answers, (struct place)IN_HTTP(answers), out);
    append_statuses(admin, &publishes, (struct place)IN_API(publish_answers), out);
    metric_single(out, &published, sum_of(admin, &(struct place)IN_API(published_events)));
}

void metrics_of_serving(const struct admin *admin, struct buffer *out)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        append_by_thread(admin, &rows[i], out);
    append_refused(admin, out);
    append_streams(admin, out);
    append_resets(admin, out);
    append_answers(admin, out);
}
