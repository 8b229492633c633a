/* GET /metrics: the slot, and the way from there into the journal. */
#include "admin/internal.h"
#include "admin/metric.h"

static const char *text_of(const _Atomic(const char *) *text)
{
    const char *value = atomic_load_explicit(text, memory_order_relaxed);
    return value ? value : "";
}

static void append_state(const struct source_counters *source, struct buffer *out)
{
    static const struct metric info = {"walpiper_capture_info", "gauge",
                                       "What the capture does, and by which plugin; 1."};
    static const struct metric streaming = {"walpiper_capture_streaming", "gauge",
                                            "1 while changes come from the slot."};
    const char *state = text_of(&source->state);
    const struct metric_labels labels = {{"state", state}, {"plugin", text_of(&source->plugin)}};

    metric_head(out, &info);
    metric_sample(out, &info, &labels, 1);
    metric_single(out, &streaming, strcmp(state, "streaming") == 0);
}

struct row {
    struct metric metric;
    size_t counter; /* of struct source_counters */
};

#define ROW(name, type, help, member)                                                              \
    {                                                                                              \
        {name, type, help}, offsetof(struct source_counters, member)                               \
    }

static const struct row rows[] = {
    ROW("walpiper_capture_streams_total", "counter", "Streams from the slot that have begun.",
        streams),
    ROW("walpiper_capture_events_total", "counter", "Events given to the journal.", events),
    ROW("walpiper_capture_transactions_total", "counter", "Transactions that had such events.",
        transactions),
    ROW("walpiper_capture_lsn", "gauge", "All up to there is given to the journal.", captured_lsn),
    ROW("walpiper_confirmed_lsn", "gauge", "What the server was told to be safe on disk.",
        confirmed_lsn),
    ROW("walpiper_server_lsn", "gauge",
        "The end of the server's WAL, looked at every few seconds; 0: not known yet.", server_lsn),
};

/* What is no number today has no sample. */
static void append_wal(const struct source_counters *source, struct buffer *out)
{
    static const struct metric held = {
        "walpiper_slot_wal_held_bytes", "gauge",
        "WAL that the server keeps for the slot, at the last look at it."};
    static const struct metric safe = {
        "walpiper_slot_wal_safe_bytes", "gauge",
        "WAL until max_slot_wal_keep_size is reached and the slot is lost."};
    uint64_t restart = counter_read(&source->restart_lsn);
    uint64_t server = counter_read(&source->server_lsn);

    metric_head(out, &held);
    if (restart > 0)
        metric_sample(out, &held, NULL, server > restart ? server - restart : 0);
    metric_head(out, &safe);
    if (counter_read(&source->has_limit))
        metric_sample(out, &safe, NULL, counter_read(&source->safe_bytes));
}

void metrics_of_capture(const struct admin *admin, struct buffer *out)
{
    static const struct metric bytes = {"walpiper_lag_bytes", "gauge",
                                        "WAL of the server that is not in the journal yet."};
    static const struct metric seconds = {
        "walpiper_lag_seconds", "gauge",
        "For how long the journal has not had all that the server had; grows without a stream."};
    static const struct metric slowest = {
        "walpiper_capture_slowest_message_seconds", "gauge",
        "The longest that a message of more than 1 MiB has held the capture."};
    const struct source_counters *source = admin->context.source;

    append_state(source, out);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        metric_single(out, &rows[i].metric, counter_read_at(source, rows[i].counter));
    metric_single(out, &bytes, admin_lag_bytes(admin));
    metric_single_ms(out, &seconds, admin_lag_ms(admin));
    metric_single_ms(out, &slowest, counter_read(&source->slowest_message_ms));
    append_wal(source, out);
}
