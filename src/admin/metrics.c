/* GET /metrics: the whole text, with what is of no thread in particular. Each scrape costs its own
 * thread some tens of microseconds, and nobody else anything but the lock of the journal for the
 * copy of a few words. */
#include "admin/internal.h"
#include "admin/metric.h"
#include "admin/process.h"
#include <walpiper/version.h>

/* 256 threads, some hundred operators. */
#define METRICS_MAX ((size_t)4 << 20)

static void metrics_of_process(const struct admin *admin, struct buffer *out)
{
    static const struct metric build = {"walpiper_build_info", "gauge", "Which walpiper runs; 1."};
    static const struct metric start = {"walpiper_start_time_seconds", "gauge",
                                        "When it was started, in seconds since 1970."};
    static const struct metric resident = {"walpiper_process_resident_memory_bytes", "gauge",
                                           "Resident memory."};
    static const struct metric cpu = {"walpiper_process_cpu_seconds_total", "counter",
                                      "User and system time of all threads."};
    static const struct metric open = {"walpiper_process_open_fds", "gauge",
                                       "Open file descriptors."};
    static const struct metric max = {"walpiper_process_max_fds", "gauge",
                                      "The limit on file descriptors."};
    struct process_use use;

    process_use(&use);
    metric_head(out, &build);
    metric_sample(out, &build, &(struct metric_labels){.first = {"version", WALPIPER_VERSION}}, 1);
    metric_single_ms(out, &start, (uint64_t)admin->started_us / 1000);
    metric_single(out, &resident, use.resident_bytes);
    metric_single_ms(out, &cpu, use.cpu_ms);
    metric_single(out, &open, use.open_fds);
    metric_single(out, &max, use.max_fds);
}

static void metrics_of_health(const struct admin *admin, struct buffer *out)
{
    static const struct metric healthy = {
        "walpiper_healthy", "gauge", "1 while GET /manage/health says UP, 0 while it says DOWN."};

    metric_single(out, &healthy, health_read(admin->context.health, NULL, 0));
}

static void metrics_of_journal(const struct admin *admin, struct buffer *out)
{
    static const struct metric bytes = {"walpiper_journal_bytes", "gauge",
                                        "Events in the journal, as journal.retention counts them."};
    static const struct metric oldest = {"walpiper_journal_oldest_lsn", "gauge",
                                         "Of the oldest event; 0: there is none."};
    static const struct metric newest = {"walpiper_journal_newest_lsn", "gauge",
                                         "Of the newest event; 0: there is none."};
    static const struct metric time = {
        "walpiper_journal_oldest_timestamp_seconds", "gauge",
        "When the oldest events were captured, in seconds since 1970; 0: there are none."};
    static const struct metric failing = {"walpiper_journal_failing", "gauge",
                                          "1 while nothing can be written, as on a full disk."};
    struct journal_stock stock;

    journal_stock(admin->context.journal, &stock);
    metric_single(out, &bytes, stock.bytes);
    metric_single(out, &oldest, stock.oldest.lsn);
    metric_single(out, &newest, stock.newest.lsn);
    metric_single_ms(out, &time, (uint64_t)stock.oldest_time_us / 1000);
    metric_single(out, &failing, journal_failing(admin->context.journal, NULL));
}

void admin_metrics(struct admin *admin, struct http_exchange *exchange, struct str word)
{
    static void (*const parts[])(const struct admin *, struct buffer *) = {
        metrics_of_process, metrics_of_health,  metrics_of_capture,
        metrics_of_journal, metrics_of_serving, metrics_of_operators,
    };
    struct buffer body;

    buffer_init(&body, METRICS_MAX);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        parts[i](admin, &body);
    admin_respond(exchange, METRIC_CONTENT_TYPE, &body);
    buffer_release(&body);
}
