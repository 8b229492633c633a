/* Events for the tests of operators: rows of blog tables, encoded and read back as the journal
 * does. */
#ifndef TESTS_OPERATOR_EVENTS_H
#define TESTS_OPERATOR_EVENTS_H

#include "event/change.h"
#include "event/record.h"
#include "event/type.h"
#include <check.h>

static const struct type_info int8_type = {20, "int8", JSON_KIND_NUMBER, NULL, ',', false, false};
static const struct type_info text_type = {25, "text", JSON_KIND_STRING, NULL, ',', false, false};

static struct relation_column posts_columns[] = {
    {{"id", 2}, &int8_type, true},
    {{"title", 5}, &text_type, false},
};
static struct relation_column comments_columns[] = {
    {{"id", 2}, &int8_type, true},
    {{"post_id", 7}, &int8_type, false},
};
static const struct relation posts = {{"public", 6}, {"posts", 5}, 2, posts_columns};
static const struct relation comments = {{"public", 6}, {"comments", 8}, 2, comments_columns};

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

/* Appends the record of a change of a row of two columns; NULL for a row that is not there. */
static inline void encode_row(struct buffer *out, enum event_type type,
                              const struct relation *relation, uint32_t xid,
                              const char *const *new_row, const char *const *old_row)
{
    static const struct event_origin origin = {{"7f3a91c2", 8}, {"demo", 4}, {"0.1.0", 5}};
    struct value new_values[2], old_values[2];
    for (int i = 0; i < 2; i++) {
        new_values[i] = value_of(new_row ? new_row[i] : NULL);
        old_values[i] = value_of(old_row ? old_row[i] : NULL);
    }
    struct transaction transaction = {.xid = xid, .commit_lsn = 90, .end_lsn = 100};
    struct change change = {.type = type,
                            .relation = relation,
                            .new_values = new_row ? new_values : NULL,
                            .old_values = old_row ? old_values : NULL};
    struct error err = {0};
    ck_assert_msg(event_encode(out, &origin, &transaction, 1, &change, &err) == 0, "%s", err.text);
}

#endif
