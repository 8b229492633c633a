#include "operator/lane.h"
#include <stdio.h>

static uint32_t fnv1a(struct str text)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    return hash;
}

bool lane_has(const struct lane *lane, struct str id)
{
    return lane->count == 1 || fnv1a(id) % lane->count == lane->number;
}

const char *lane_hold_name(char *to, const char *op, unsigned number)
{
    if (number == 0)
        snprintf(to, LANE_HOLD_MAX, "%s", op);
    else
        snprintf(to, LANE_HOLD_MAX, "%s/%u", op, number);
    return to;
}
