/* config/load.c - hands the normalised tree to libcyaml and turns its refusals into ours.
 *
 * The lines that libcyaml reports are those of the last value it took, not of the offender. Its
 * backtrace however names fields and items exactly, and the tree knows the line of each. */
#include "config/emit.h"
#include "config/schema.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_BYTES 256

/* Where libcyaml was: "operators[0].on_error", and the map that it was in: "operators[0]". */
struct trace {
    char path[PATH_BYTES];
    char map[PATH_BYTES];
    unsigned steps;
};

static void *memory(void *context, void *pointer, size_t size)
{
    if (size > 0)
        return realloc(pointer, size);
    free(pointer);
    return NULL;
}

/* The backtrace comes innermost first, so each step goes before what is there. Keys of the schema
 * are short: a path that does not fit cannot be, and would only be cut. */
static void prepend(char path[PATH_BYTES], const char *step)
{
    char whole[2 * PATH_BYTES];

    int len =
        snprintf(whole, sizeof(whole), "%s%s%s", step, *path && *path != '[' ? "." : "", path);
    if (len > 0 && len < PATH_BYTES)
        memcpy(path, whole, (size_t)len + 1);
}

__attribute__((format(printf, 3, 0))) static void on_log(cyaml_log_t level, void *context,
                                                         const char *format, va_list arguments)
{
    struct trace *trace = context;
    char line[PATH_BYTES];
    char step[PATH_BYTES] = "";
    unsigned number = 0;
    bool field = false;

    vsnprintf(line, sizeof(line), format, arguments);
    if (strncmp(line, "  in ", strlen("  in ")) != 0)
        return;
    if (sscanf(line, " in mapping field '%255[^']'", step) == 1)
        field = true;
    else if (sscanf(line, " in sequence entry '%u'", &number) == 1 && number > 0)
        snprintf(step, sizeof(step), "[%u]", number - 1);
    if (*step)
        prepend(trace->path, step);
    if (*step && !(field && trace->steps == 0))
        prepend(trace->map, step);
    trace->steps++;
}

/* The schema of NODE, found from the root down; NULL below an unknown key. */
static const struct cyaml_schema_value *schema_of(const struct node *node)
{
    if (!node->parent)
        return &config_schema;
    const struct cyaml_schema_value *outer = schema_of(node->parent);
    if (outer && outer->type == CYAML_SEQUENCE)
        return outer->sequence.entry;
    if (!outer || outer->type != CYAML_MAPPING || !node->key)
        return NULL;
    for (const struct cyaml_schema_field *field = outer->mapping.fields; field->key; field++)
        if (strcmp(field->key, node->key) == 0)
            return &field->value;
    return NULL;
}

static void list_words(struct buffer *out, const struct cyaml_schema_value *schema)
{
    const char *separator = "";

    if (schema->type == CYAML_ENUM)
        for (uint32_t i = 0; i < schema->enumeration.count; i++, separator = ", ")
            buffer_printf(out, "%s%s", separator, schema->enumeration.strings[i].str);
    if (schema->type == CYAML_MAPPING)
        for (const struct cyaml_schema_field *field = schema->mapping.fields; field->key;
             field++, separator = ", ")
            buffer_printf(out, "%s%s", separator, field->key);
    buffer_append_char(out, '\0');
}

/* "<before><the words of SCHEMA>", with NODE's place. */
static int fail_with_words(const struct tree *tree, const struct node *node, struct error *err,
                           const char *before, const struct cyaml_schema_value *schema)
{
    struct buffer words;

    buffer_init(&words, ERROR_TEXT_MAX);
    list_words(&words, schema);
    int code = node_fail(tree, node, err, "%s%s", before, words.failed ? "" : words.data);
    buffer_release(&words);
    return code;
}

static int fail_kind(const struct tree *tree, const struct node *node,
                     const struct cyaml_schema_value *schema, struct error *err)
{
    switch (schema->type) {
    case CYAML_SEQUENCE:
        return node_fail(tree, node, err, "must be a list; write [a, b] or one '- item' a line");
    case CYAML_MAPPING:
        return fail_with_words(tree, node, err, "must have keys below it; known here: ", schema);
    case CYAML_ENUM:
        return fail_with_words(tree, node, err, "unknown word; write one of ", schema);
    default:
        return node_fail(tree, node, err, "must be a single value; write no list and no keys");
    }
}

static int fail_missing(const struct tree *tree, const struct node *map,
                        const struct cyaml_schema_value *schema, struct error *err)
{
    for (const struct cyaml_schema_field *field = schema->mapping.fields; field->key; field++)
        if (!(field->value.flags & CYAML_FLAG_OPTIONAL) && !node_child(map, field->key))
            return node_fail(tree, map, err, "the key %s is missing; add it", field->key);
    return node_fail(tree, map, err, "a key is missing; compare config/walpiper.yaml");
}

static int fail_unknown(const struct tree *tree, const struct node *map,
                        const struct cyaml_schema_value *schema, struct error *err)
{
    const struct node *child = map->first;

    while (child && schema_of(child))
        child = child->next;
    return fail_with_words(tree, child ? child : map, err, "unknown key; known here: ", schema);
}

static int translate(const struct tree *tree, cyaml_err_t refusal, const struct trace *trace,
                     struct error *err)
{
    bool in_map = refusal == CYAML_ERR_INVALID_KEY || refusal == CYAML_ERR_MAPPING_FIELD_MISSING;
    const struct node *node = node_at(tree, "%s", in_map ? trace->map : trace->path);
    const struct cyaml_schema_value *schema = schema_of(node);

    if (refusal == CYAML_ERR_OOM)
        return error_set(err, -ENOMEM, "%s: no memory to read it", tree->file);
    if (!schema || (in_map && schema->type != CYAML_MAPPING))
        return node_fail(tree, node, err, "%s; compare config/walpiper.yaml",
                         cyaml_strerror(refusal));
    switch (refusal) {
    case CYAML_ERR_INVALID_KEY:
        return fail_unknown(tree, node, schema, err);
    case CYAML_ERR_MAPPING_FIELD_MISSING:
        return fail_missing(tree, node, schema, err);
    case CYAML_ERR_INVALID_VALUE:
        return fail_kind(tree, node, schema, err);
    case CYAML_ERR_STRING_LENGTH_MIN:
        return node_fail(tree, node, err, "must not be empty; write a value");
    case CYAML_ERR_STRING_LENGTH_MAX:
        return node_fail(tree, node, err, "longer than %u bytes; shorten it", schema->string.max);
    default:
        return node_fail(tree, node, err, "%s; compare config/walpiper.yaml",
                         cyaml_strerror(refusal));
    }
}

static struct cyaml_config reader(struct trace *trace)
{
    return (struct cyaml_config){
        .log_fn = trace ? on_log : NULL,
        .log_ctx = trace,
        .mem_fn = memory,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

int schema_load(struct raw **ret_raw, const struct tree *tree, struct error *err)
{
    struct trace trace = {0};
    struct cyaml_config config = reader(&trace);
    struct buffer text;
    cyaml_data_t *raw = NULL;

    buffer_init(&text, EMIT_MAX);
    if (emit(tree->root, &text) < 0) {
        buffer_release(&text);
        return error_set(err, -ENOMEM, "%s: no memory to read it", tree->file);
    }
    cyaml_err_t refusal =
        cyaml_load_data((const uint8_t *)text.data, text.len, &config, &config_schema, &raw, NULL);
    buffer_release(&text);
    if (refusal != CYAML_OK)
        return translate(tree, refusal, &trace, err);
    *ret_raw = raw;
    return 0;
}

void raw_free(struct raw *raw)
{
    struct cyaml_config config = reader(NULL);

    cyaml_free(&config, &config_schema, raw, 0);
}
