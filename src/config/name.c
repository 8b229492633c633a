#include "config/name.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static const char *check_length(const char *name)
{
    if (*name == '\0')
        return "must not be empty; write a name";
    if (strlen(name) > IDENTIFIER_MAX)
        return "longer than 63 bytes, the server would cut it; write the name as the server has it";
    return NULL;
}

const char *name_check_identifier(const char *name)
{
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return "a name with control characters; remove them";
    return check_length(name);
}

static bool is_lower_word(const char *name)
{
    for (const char *at = name; *at; at++)
        if (!islower((unsigned char)*at) && !isdigit((unsigned char)*at) && *at != '_')
            return false;
    return true;
}

const char *name_check_slot(const char *name)
{
    if (!is_lower_word(name))
        return "a slot's name has only lower case letters, digits and _; rename it";
    return check_length(name);
}

const char *name_check_schema(const char *name)
{
    if (!is_lower_word(name) || isdigit((unsigned char)name[0]) ||
        strncmp(name, "pg_", strlen("pg_")) == 0)
        return "a schema of walpiper's own has only lower case letters, digits and _, and begins "
               "with neither a digit nor pg_; rename it";
    return check_length(name);
}

const char *name_check_operator(const char *name)
{
    if (!is_lower_word(name))
        return "an operator's name has only lower case letters, digits and _; rename it";
    return check_length(name);
}

/* Cuts one part off *NAME into OUT, which is as large as the whole name. */
static const char *cut_part(const char **name, char *out)
{
    const char *at = *name;

    if (*at != '"') {
        size_t len = strcspn(at, ".\"");
        memcpy(out, at, len);
        out[len] = '\0';
        *name = at + len;
        return *at && at[len] == '"' ? "a quote inside a name; quote the whole part, \"a\"\"b\""
                                     : NULL;
    }
    for (at++; *at && (*at != '"' || at[1] == '"'); at++) {
        at += *at == '"';
        *out++ = *at;
    }
    *out = '\0';
    *name = *at ? at + 1 : at;
    return *at ? NULL : "a quote that does not end; close it";
}

static const char *cut_both(const char *name, char *schema, char *table)
{
    const char *complaint = cut_part(&name, table);

    if (!complaint && *name == '.') {
        name++;
        memcpy(schema, table, strlen(table) + 1);
        complaint = cut_part(&name, table);
    }
    if (!complaint && *name)
        complaint = "more than schema.table; put a part that holds a dot into double quotes";
    if (!complaint)
        complaint = name_check_identifier(schema);
    return complaint ? complaint : name_check_identifier(table);
}

int name_split(const char *name, char **ret_schema, char **ret_table, const char **ret_complaint)
{
    size_t size = strlen(name) + sizeof("public");
    char *schema = malloc(size);
    char *table = malloc(size);
    int code = -ENOMEM;

    if (schema && table) {
        memcpy(schema, "public", sizeof("public"));
        *ret_complaint = cut_both(name, schema, table);
        code = *ret_complaint ? -EINVAL : 0;
    }
    if (code < 0) {
        free(schema);
        free(table);
        return code;
    }
    *ret_schema = schema;
    *ret_table = table;
    return 0;
}
