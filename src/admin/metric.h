/* admin/metric.h - the text that Prometheus scrapes, version 0.0.4 of its format: a head for each
 * metric, then its samples. Pure. Who writes gives each metric once, and its samples together. */
#ifndef ADMIN_METRIC_H
#define ADMIN_METRIC_H

#include "base/buffer.h"
#include <stdint.h>

#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metric {
    const char *name; /* walpiper_..., in base units; a counter ends in _total */
    const char *type; /* "counter" or "gauge" */
    const char *help;
};

/* Values may be any text: they are escaped. Names are ours. */
struct metric_label {
    const char *name; /* NULL: none */
    const char *value;
};

struct metric_labels {
    struct metric_label first, second;
};

/* Failures are OUT's. */
void metric_head(struct buffer *out, const struct metric *metric);
/* LABELS may be NULL. */
void metric_sample(struct buffer *out, const struct metric *metric,
                   const struct metric_labels *labels, uint64_t value);
/* The value in seconds. */
void metric_sample_ms(struct buffer *out, const struct metric *metric,
                      const struct metric_labels *labels, uint64_t milliseconds);

/* Head and the one sample without labels. */
void metric_single(struct buffer *out, const struct metric *metric, uint64_t value);
void metric_single_ms(struct buffer *out, const struct metric *metric, uint64_t milliseconds);

#endif
