#include "operator/definition.h"
#include "base/cleanup.h"
#include <errno.h>

const struct config_operator_source *definition_source(const struct config_operator *op,
                                                       struct str schema, struct str table)
{
    for (size_t i = 0; i < op->source_count; i++) {
        const struct config_operator_source *source = &op->sources[i];
        if (str_equal(str_from(source->table), table) &&
            str_equal(str_from(source->schema), schema))
            return source;
    }
    return NULL;
}

bool definition_needs_identity(const struct config_operator *op)
{
    return op->on_update || op->on_delete;
}

int definition_may_swap(const struct config_operator *operators, size_t count,
                        const struct config_operator *op, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct config_operator *other = &operators[i];
        if (other != op && other->target_table && !other->database == !op->database &&
            strcmp(other->target_table, op->target_table) == 0 &&
            strcmp(other->target_schema, op->target_schema) == 0)
            return error_set(err, -EINVAL,
                             "operator %s writes the same target; rebuild without swap",
                             other->name);
    }
    return 0;
}

static int check_one(const struct config_operator *op, struct error *err)
{
    if (op->source_count == 0)
        return error_set(err, -EINVAL, "operator %s: listens to no table; fill tables", op->name);
    if (op->form != CONFIG_CALL && (!op->query || op->query[strspn(op->query, " \t\r\n;")] == '\0'))
        return error_set(err, -EINVAL, "operator %s: has no query; set query or query_file",
                         op->name);
    if (!op->on_insert && !op->on_update && !op->on_delete)
        return error_set(err, -EINVAL, "operator %s: listens to no type of event; fill events",
                         op->name);
    for (size_t i = 0; i < op->source_count; i++) {
        const struct config_operator_source *source = &op->sources[i];
        if (definition_source(op, str_from(source->schema), str_from(source->table)) != source)
            return error_set(err, -EINVAL, "operator %s: table %s.%s is listed twice", op->name,
                             source->schema, source->table);
    }
    return 0;
}

/* Operators as a graph: an edge leads from the one whose target is read to the one that reads it. A
 * target in another database is read by none. */
enum mark { UNSEEN, ON_PATH, DONE };

static int visit(const struct config_operator *operators, size_t count, size_t at, enum mark *marks,
                 struct error *err)
{
    const struct config_operator *op = &operators[at];
    marks[at] = ON_PATH;
    for (size_t i = 0; i < count && !op->database; i++) {
        if (!definition_source(&operators[i], str_from(op->target_schema),
                               str_from(op->target_table)))
            continue;
        if (marks[i] == ON_PATH)
            return error_set(err, -EINVAL,
                             "operator %s: listens to %s.%s, which is derived from its own target "
                             "%s.%s: they would feed each other for ever; break the circle",
                             operators[i].name, op->target_schema, op->target_table,
                             operators[i].target_schema, operators[i].target_table);
        int rc = marks[i] == UNSEEN ? visit(operators, count, i, marks, err) : 0;
        if (rc < 0)
            return rc;
    }
    marks[at] = DONE;
    return 0;
}

static int check_circles(const struct config_operator *operators, size_t count, struct error *err)
{
    cleanup_free enum mark *marks = calloc(count + 1, sizeof(*marks));
    if (!marks)
        return error_set(err, -ENOMEM, "operators: no memory");
    for (size_t i = 0; i < count; i++) {
        int rc = marks[i] == UNSEEN ? visit(operators, count, i, marks, err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

int definition_check(const struct config_operator *operators, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int rc = check_one(&operators[i], err);
        if (rc < 0)
            return rc;
        for (size_t j = 0; j < i; j++)
            if (strcmp(operators[i].name, operators[j].name) == 0)
                return error_set(err, -EINVAL, "operator %s: two have this name",
                                 operators[i].name);
    }
    return check_circles(operators, count, err);
}
