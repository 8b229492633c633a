#include "base/str.h"
#include "event/value.h"

#include <errno.h>
#include <string.h>

/* "294276-12-31 23:59:59.999999+00:00:00 BC" and some to spare. */
#define TIMESTAMP_MAX 48

/* Where in TIME, which follows the date, the zone's hours end when no minutes follow; 0 when there
 * is no such zone. */
static size_t bare_zone_end(struct str time)
{
    size_t sign = 0;

    while (sign < time.len && time.data[sign] != '+' && time.data[sign] != '-')
        sign++;
    size_t end = sign + 3;
    if (end > time.len || (end < time.len && time.data[end] == ':'))
        return 0;
    return end;
}

int json_from_timestamp(struct buffer *out, struct str text, bool with_zone)
{
    char iso[TIMESTAMP_MAX + 3];
    struct str time = text;
    struct str date = str_cut(&time, ' ');

    if (time.data == NULL)
        return str_equal(text, STR("infinity")) || str_equal(text, STR("-infinity"))
                   ? json_quote(out, text)
                   : -EINVAL;
    if (text.len > TIMESTAMP_MAX)
        return -EINVAL;
    memcpy(iso, text.data, text.len);
    iso[date.len] = 'T';
    size_t zone_end = with_zone ? bare_zone_end(time) : 0;
    if (zone_end == 0)
        return json_quote(out, (struct str){iso, text.len});
    zone_end += date.len + 1;
    memcpy(iso + zone_end, ":00", 3);
    memcpy(iso + zone_end + 3, text.data + zone_end, text.len - zone_end);
    return json_quote(out, (struct str){iso, text.len + 3});
}
