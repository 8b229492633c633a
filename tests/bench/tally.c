#include "tally.h"

#include <errno.h>
#include <stdlib.h>

/* A run is a sample: this many deliveries fit it, in a quarter of a GiB at most. */
#define RUN_MAX (UINT64_C(1) << 31)

struct tally_event {
    unsigned missing; /* receivers that do not have it */
    int64_t first_us;
};

static bool take_number(struct str *text, char end, uint64_t *ret_number)
{
    struct str digits = str_cut(text, end);
    int64_t number;

    if (text->data == NULL || str_to_int64(digits, &number) < 0 || number < 0)
        return false;
    *ret_number = (uint64_t)number;
    return true;
}

bool stamp_find(struct str *text, struct stamp *ret_stamp)
{
    uint64_t number, at;

    while (text->len > 0) {
        const char *mark = memchr(text->data, '#', text->len);
        if (mark == NULL)
            return false;
        text->len -= (size_t)(mark + 1 - text->data);
        text->data = mark + 1;
        struct str rest = *text;
        if (!take_number(&rest, '@', &number) || !take_number(&rest, '#', &at))
            continue;
        *ret_stamp = (struct stamp){number, (int64_t)at};
        *text = rest;
        return true;
    }
    return false;
}

int tally_init(struct tally *t, const struct tally_plan *plan, struct error *err)
{
    *t = (struct tally){.plan = *plan};
    if (plan->count > 0 && plan->receivers > RUN_MAX / plan->count)
        return error_set(err, -E2BIG, "%u receivers of %llu events are too many for one run",
                         plan->receivers, (unsigned long long)plan->count);
    t->seen = calloc(plan->receivers * plan->count / 8 + 1, 1);
    t->highest = calloc(plan->receivers + 1, sizeof(*t->highest));
    t->events = calloc(plan->count + 1, sizeof(*t->events));
    if (t->seen == NULL || t->highest == NULL || t->events == NULL) {
        tally_release(t);
        return error_set(err, -ENOMEM, "no memory to count events");
    }
    for (uint64_t k = 0; k < plan->count; k++)
        t->events[k].missing = plan->receivers;
    return 0;
}

void tally_release(struct tally *t)
{
    free(t->seen);
    free(t->highest);
    free(t->events);
    t->seen = NULL;
    t->highest = NULL;
    t->events = NULL;
}

/* True when SUBSCRIBER did not have it yet. */
static bool see(struct tally *t, unsigned subscriber, uint64_t index)
{
    uint64_t bit = subscriber * t->plan.count + index;
    uint8_t mask = (uint8_t)(1U << (bit % 8));
    bool is_new = (t->seen[bit / 8] & mask) == 0;

    t->seen[bit / 8] |= mask;
    return is_new;
}

static uint64_t since(int64_t at_us, int64_t now_us)
{
    return now_us > at_us ? (uint64_t)(now_us - at_us) : 0;
}

bool tally_add(struct tally *t, unsigned subscriber, struct stamp stamp, int64_t now_us)
{
    uint64_t index = stamp.number - t->plan.first;

    if (t->deliveries++ == 0)
        t->first_us = now_us;
    t->last_us = now_us;
    histogram_add(&t->latency, since(stamp.at_us, now_us));
    if (subscriber >= t->plan.receivers || stamp.number < t->plan.first || index >= t->plan.count) {
        t->stray++;
        return false;
    }
    if (!see(t, subscriber, index)) {
        t->repeated++;
        return false;
    }
    t->received++;
    if (stamp.number < t->highest[subscriber])
        t->disordered++;
    else
        t->highest[subscriber] = stamp.number;

    struct tally_event *event = &t->events[index];
    if (event->missing == t->plan.receivers)
        event->first_us = now_us;
    if (--event->missing > 0)
        return false;
    t->spread_seconds += (double)(now_us - event->first_us) / 1e6;
    histogram_add(&t->everybody, since(stamp.at_us, now_us));
    return true;
}

uint64_t tally_missing(const struct tally *t)
{
    return t->plan.receivers * t->plan.count - t->received;
}
