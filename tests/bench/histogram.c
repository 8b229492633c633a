#include "histogram.h"

/* Below two halves each value has a cell of its own; from there on the upper seven bits name the
 * cell. */
static unsigned cell_of(uint64_t value)
{
    if (value < 2 * HISTOGRAM_HALF)
        return (unsigned)value;
    if (value >> HISTOGRAM_BITS != 0)
        return HISTOGRAM_CELLS - 1;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - 6;
    return HISTOGRAM_HALF * shift + (unsigned)(value >> shift);
}

static uint64_t greatest_of(unsigned cell)
{
    if (cell < 2 * HISTOGRAM_HALF)
        return cell;
    unsigned shift = cell / HISTOGRAM_HALF - 1;
    return ((uint64_t)(cell - HISTOGRAM_HALF * shift + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->counts[cell_of(value)]++;
    h->total++;
    if (value > h->max)
        h->max = value;
}

uint64_t histogram_quantile(const struct histogram *h, unsigned permille)
{
    uint64_t wanted = (h->total * permille + 999) / 1000;
    uint64_t seen = 0;

    for (unsigned cell = 0; cell < HISTOGRAM_CELLS && h->total > 0; cell++) {
        seen += h->counts[cell];
        if (seen >= wanted && seen > 0)
            return greatest_of(cell) < h->max ? greatest_of(cell) : h->max;
    }
    return h->max;
}
