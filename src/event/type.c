#include "event/type.h"

#include "base/str.h"
#include "event/value.h"

#include <errno.h>

/* Fixed by PostgreSQL's src/include/catalog/pg_type.dat. */
enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700,
    OID_JSONB = 3802,
};

enum json_kind json_kind_of(uint32_t type_oid)
{
    switch (type_oid) {
    case OID_BOOL:
        return JSON_KIND_BOOL;
    case OID_INT8:
    case OID_INT2:
    case OID_INT4:
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC:
        return JSON_KIND_NUMBER;
    case OID_JSON:
    case OID_JSONB:
        return JSON_KIND_JSON;
    case OID_TIMESTAMP:
        return JSON_KIND_TIMESTAMP;
    case OID_TIMESTAMPTZ:
        return JSON_KIND_TIMESTAMPTZ;
    default:
        return JSON_KIND_STRING;
    }
}

static int json_bool(struct buffer *out, struct str text)
{
    if (str_equal(text, STR("t")))
        return buffer_append_str(out, STR("true"));
    if (str_equal(text, STR("f")))
        return buffer_append_str(out, STR("false"));
    return -EINVAL;
}

static int convert(struct buffer *out, const struct type_info *type, struct str text)
{
    switch (type->kind) {
    case JSON_KIND_NUMBER:
        return json_from_number(out, text);
    case JSON_KIND_NUMERAL:
        return json_from_numeral(out, text);
    case JSON_KIND_BOOL:
        return json_bool(out, text);
    case JSON_KIND_JSON:
        return json_minify(out, text);
    case JSON_KIND_TIMESTAMP:
        return json_from_timestamp(out, text, false);
    case JSON_KIND_TIMESTAMPTZ:
        return json_from_timestamp(out, text, true);
    case JSON_KIND_ARRAY:
        return json_from_array(out, type, text);
    case JSON_KIND_STRING:
        break;
    }
    return json_quote(out, text);
}

int json_value(struct buffer *out, const struct type_info *type, struct str text)
{
    size_t start = out->len;
    int r = convert(out, type, text);

    if (r < 0)
        out->len = start;
    return r;
}
