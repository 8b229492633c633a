/* event/samples.h - for the tests of the room: types, and what a conversion is expected to give. */
#ifndef EVENT_SAMPLES_H
#define EVENT_SAMPLES_H

#include "base/str.h"
#include "event/type.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

__attribute__((unused)) static const struct type_info type_text = {.oid = 25, .name = "text"};
__attribute__((unused)) static const struct type_info type_uuid = {.oid = 2950, .name = "uuid"};
__attribute__((unused)) static const struct type_info type_int4 = {
    .oid = 23, .name = "int4", .kind = JSON_KIND_NUMBER};
__attribute__((unused)) static const struct type_info type_bool = {
    .oid = 16, .name = "bool", .kind = JSON_KIND_BOOL, .is_bool = true};
__attribute__((unused)) static const struct type_info type_json = {
    .oid = 114, .name = "json", .kind = JSON_KIND_JSON};

struct conversion {
    const char *text, *json;
};

/* Each text becomes that JSON, or -EINVAL where json is NULL, and then leaves no byte behind. */
__attribute__((unused)) static void expect_conversions(const struct type_info *type,
                                                       const struct conversion *cases, size_t count)
{
    struct buffer out;

    buffer_init(&out, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        buffer_reset(&out);
        buffer_append_char(&out, '#');
        int r = json_value(&out, type, str_from(cases[i].text));
        ck_assert_msg(r == (cases[i].json != NULL ? 0 : -EINVAL), "%s gives %d", cases[i].text, r);
        buffer_append_char(&out, '\0');
        ck_assert_msg(strcmp(out.data + 1, cases[i].json != NULL ? cases[i].json : "") == 0,
                      "%s gives %s, not %s", cases[i].text, out.data + 1, cases[i].json);
    }
    buffer_release(&out);
}

/* Whatever the maximum of the buffer: all of it and 0, or -EMSGSIZE and nothing. */
__attribute__((unused)) static void expect_bounded(const struct type_info *type, const char *text,
                                                   const char *json)
{
    for (size_t max = 0; max <= strlen(json) + strlen(text); max++) {
        struct buffer out;
        buffer_init(&out, max);
        int r = json_value(&out, type, str_from(text));
        ck_assert_msg(r == 0 || r == -EMSGSIZE, "%zu bytes: %d", max, r);
        ck_assert_uint_eq(out.len, r == 0 ? strlen(json) : 0);
        ck_assert(r != 0 || memcmp(out.data, json, out.len) == 0);
        buffer_release(&out);
    }
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
