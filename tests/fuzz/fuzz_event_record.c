/* Any bytes as a record of the journal: refused, or every slice of the event lies inside of them.
 */
#include "event/record.h"
#include "fuzz.h"

static void check_column(const struct event *event, uint16_t index, struct str record)
{
    struct event_column column = event_column_at(event, index);
    struct event_column found;

    promise(is_inside(column.name, record));
    promise(is_inside(column.new_value, record));
    promise(is_inside(column.old_value, record));
    /* Not always this one: hostile records may have a name twice. */
    promise(event_column_find(event, column.name, &found));
    promise(str_equal(found.name, column.name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str record = exact_copy(data, size);
    struct event event;

    if (event_read(&event, record) == 0) {
        promise(is_inside(event.schema, record));
        promise(is_inside(event.table, record));
        promise(is_inside(event.id, record));
        promise(is_inside(event.json, record));
        promise(is_inside(event.frame, record));
        promise(is_inside(event.json, event.frame));
        promise(event_type_name(event.type) != NULL);
        touch(event.frame);
        for (uint16_t i = 0; i < event.column_count && i < 64; i++)
            check_column(&event, i, record);
        if (event.column_count > 64)
            check_column(&event, (uint16_t)(event.column_count - 1), record);
    }
    free_copy(record);
    return 0;
}
