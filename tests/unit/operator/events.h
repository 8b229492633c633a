/* Events for the tests of operators: rows of blog tables, encoded and read back as the journal
 * does. */
#ifndef TESTS_OPERATOR_EVENTS_H
#define TESTS_OPERATOR_EVENTS_H

#include "event/change.h"
#include "event/record.h"
#include "event/type.h"
#include <check.h>

static const struct type_info int8_type = {
    .oid = 20, .name = "int8", .kind = JSON_KIND_NUMBER, .delimiter = ','};
static const struct type_info text_type = {
    .oid = 25, .name = "text", .kind = JSON_KIND_STRING, .delimiter = ','};

static struct relation_column posts_columns[] = {
    {.name = {"id", 2}, .type = &int8_type, .primary_key = true},
    {.name = {"title", 5}, .type = &text_type},
};
static struct relation_column comments_columns[] = {
    {.name = {"id", 2}, .type = &int8_type, .primary_key = true},
    {.name = {"post_id", 7}, .type = &int8_type},
};
static const struct relation posts = {
    .schema = {"public", 6}, .table = {"posts", 5}, .column_count = 2, .columns = posts_columns};
static const struct relation comments = {.schema = {"public", 6},
                                         .table = {"comments", 8},
                                         .column_count = 2,
                                         .columns = comments_columns};

/* NULL is a value that is not known, "NULL" is SQL NULL, "~" is unchanged and not sent. */
static inline struct value value_of(const char *text)
{
    if (!text)
        return (struct value){VALUE_ABSENT, {NULL, 0}};
    if (strcmp(text, "NULL") == 0)
        return (struct value){VALUE_NULL, {NULL, 0}};
    if (strcmp(text, "~") == 0)
        return (struct value){VALUE_UNCHANGED, {NULL, 0}};
    return (struct value){VALUE_TEXT, str_from(text)};
}

static const struct event_origin event_origin_of_tests = {
    .epoch = {"7f3a91c2", 8}, .database = {"demo", 4}, .version = {"0.1.0", 5}};

/* A change of a row of two columns; NULL for a row that is not there. VALUES has room for both. */
static inline struct change change_of_row(enum event_type type, const struct relation *relation,
                                          const char *const *new_row, const char *const *old_row,
                                          struct value values[4])
{
    for (int i = 0; i < 2; i++) {
        values[i] = value_of(new_row ? new_row[i] : NULL);
        values[2 + i] = value_of(old_row ? old_row[i] : NULL);
    }
    return (struct change){.type = type,
                           .relation = relation,
                           .new_values = new_row ? values : NULL,
                           .old_values = old_row ? values + 2 : NULL};
}

/* Appends the record of such a change. */
static inline void encode_row(struct buffer *out, enum event_type type,
                              const struct relation *relation, uint32_t xid,
                              const char *const *new_row, const char *const *old_row)
{
    struct value values[4];
    const struct transaction transaction = {.xid = xid, .commit_lsn = 90, .end_lsn = 100};
    const struct change change = change_of_row(type, relation, new_row, old_row, values);
    struct error err = {0};
    int rc = event_encode(out, &event_origin_of_tests, &transaction, 1, &change, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
}

/* The same of an update that was too large for an event. */
static inline void encode_stripped_row(struct buffer *out, const struct relation *relation,
                                       const char *const *new_row, const char *const *old_row)
{
    struct value values[4];
    const struct transaction transaction = {.xid = 700, .commit_lsn = 90, .end_lsn = 100};
    const struct change change = change_of_row(EVENT_UPDATE, relation, new_row, old_row, values);
    struct error err = {0};
    int rc = event_encode_stripped(out, &event_origin_of_tests, &transaction, 1, &change, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
}

#endif
