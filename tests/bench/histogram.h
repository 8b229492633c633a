/* tests/bench/histogram.h - how often each value came, to 1.6 % of the value: the cells of a
 * doubling are of one width (log-linear, as in HdrHistogram). Pure. Owns nothing outside of itself.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/* Values past the most that a cell holds (12 days in microseconds) count as that. */
#define HISTOGRAM_BITS 40
#define HISTOGRAM_HALF 64 /* cells a doubling */
#define HISTOGRAM_CELLS (HISTOGRAM_HALF * (HISTOGRAM_BITS - 7) + 2 * HISTOGRAM_HALF)

struct histogram {
    uint64_t counts[HISTOGRAM_CELLS];
    uint64_t total;
    uint64_t max; /* exact */
};

void histogram_add(struct histogram *h, uint64_t value);

/* The value that PERMILLE of a thousand do not exceed, no less than the true one; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, unsigned permille);

#endif
