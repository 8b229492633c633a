#include "event/ignored.h"

#include "event/encode_parts.h"

static bool has_stayed(const struct value *now, const struct value *before)
{
    if (now->kind == VALUE_UNCHANGED)
        return true;
    return is_known(now) && is_known(before) && is_same(now, before);
}

bool change_is_ignored(const struct change *change)
{
    const struct relation *relation = change->relation;

    if (change->type != EVENT_UPDATE || !relation->has_ignored || change->old_values == NULL)
        return false;
    for (uint16_t i = 0; i < relation->column_count; i++)
        if (!relation->columns[i].ignored &&
            !has_stayed(&change->new_values[i], &change->old_values[i]))
            return false;
    return true;
}
