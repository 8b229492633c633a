#include "cli/tail_line.h"
#include "feed/records.h"
#include "unit.h"

#define HEAD "1970-01-01T00:00:00.000000Z "
#define ID " 7f3a91c2-100-1"

/* The caller frees nothing: one line at a time. */
static struct str line_of(struct buffer *record, size_t width)
{
    static struct buffer line;
    struct event event;
    if (line.max == 0)
        buffer_init(&line, 1 << 20);
    buffer_reset(&line);
    ck_assert_int_eq(event_read(&event, buffer_str(record)), 0);
    ck_assert_int_eq(tail_line(&line, &event, width), 0);
    ck_assert_int_eq(buffer_append_char(&line, '\0'), 0);
    return (struct str){line.data, line.len - 1};
}

static struct str comment_line(const struct comment *before, const struct comment *after,
                               size_t width)
{
    static struct buffer record;
    if (record.max == 0)
        buffer_init(&record, 1 << 20);
    record_comment(&record, (struct position){0x100, 1}, before, after);
    return line_of(&record, width);
}

START_TEST(test_a_row_that_came_is_shown_and_one_that_went)
{
    const struct comment row = {"1", "7", "hello"};
    ck_assert_str_eq(comment_line(NULL, &row, 0).data,
                     HEAD "insert comments" ID " id=1 post_id=7 body=\"hello\"\n");
    ck_assert_str_eq(comment_line(&row, NULL, 0).data,
                     HEAD "delete comments" ID " id=1 post_id=7 body=\"hello\"\n");
}
END_TEST

START_TEST(test_an_update_shows_the_key_and_what_changed)
{
    const struct comment before = {"1", "7", "hello"}, after = {"1", "8", "hello"};
    ck_assert_str_eq(comment_line(&before, &after, 0).data,
                     HEAD "update comments" ID " id=1 post_id=7->8\n");
}
END_TEST

START_TEST(test_an_update_of_which_nothing_old_is_known_shows_the_row)
{
    const struct comment before = {"?", "?", "?"}, after = {"1", "8", NULL};
    ck_assert_str_eq(comment_line(&before, &after, 0).data,
                     HEAD "update comments" ID " id=1 post_id=8 body=null\n");
}
END_TEST

START_TEST(test_nothing_in_a_line_moves_the_cursor)
{
    static const struct {
        const char *value, *shown;
    } cases[] = {
        {"a\nb\x1b[2J", "\"a\\nb\\u001b[2J\""}, /* JSON has done it */
        {"\x7f", "\"\\x7f\""},
        {"\xc2\x9b", "\"\\xc2\\x9b\""},          /* CSI in one character */
        {"\xe2\x80\xae", "\"\\xe2\\x80\\xae\""}, /* right to left from here on */
        {"\xe2\x81\xa6", "\"\\xe2\\x81\\xa6\""},
        {"\xe2\x80\xa8", "\"\\xe2\\x80\\xa8\""}, /* a line ends */
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac", "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct comment row = {"1", "7", cases[i].value};
        struct str line = comment_line(NULL, &row, 0);
        ck_assert_msg(strstr(line.data, cases[i].shown), "%s in %s", cases[i].shown, line.data);
        ck_assert_ptr_eq(strchr(line.data, '\n'), line.data + line.len - 1);
    }
}
END_TEST

START_TEST(test_a_line_is_cut_to_the_width_between_characters)
{
    const struct comment row = {"1", "7", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"};
    struct str whole = comment_line(NULL, &row, 0);
    size_t characters = whole.len - 1 - 6;
    char expected[256];
    snprintf(expected, sizeof(expected), "%s", whole.data);
    ck_assert_str_eq(comment_line(NULL, &row, characters).data, expected);
    ck_assert_str_eq(comment_line(NULL, &row, characters + 1).data, expected);
    snprintf(expected + whole.len - 2 - 4, 16, "\xe2\x80\xa6\n");
    ck_assert_str_eq(comment_line(NULL, &row, characters - 2).data, expected);
    ck_assert_str_eq(comment_line(NULL, &row, 3).data, "19\xe2\x80\xa6\n");
    ck_assert_str_eq(comment_line(NULL, &row, 1).data, "\xe2\x80\xa6\n");
}
END_TEST

START_TEST(test_messages_and_truncates_have_lines_too)
{
    struct buffer record;
    buffer_init(&record, 1 << 20);
    const struct change message = {
        .type = EVENT_MESSAGE, .prefix = STR("audit"), .content = STR("who \"did\" it\n")};
    record_make(&record, (struct position){0x100, 1}, &message);
    ck_assert_str_eq(line_of(&record, 0).data,
                     HEAD "message" ID " prefix=\"audit\" content=\"who \\\"did\\\" it\\n\"\n");
    const struct change truncate = {.type = EVENT_TRUNCATE, .relation = &comments};
    record_make(&record, (struct position){0x100, 1}, &truncate);
    ck_assert_str_eq(line_of(&record, 0).data, HEAD "truncate comments" ID "\n");
    buffer_release(&record);
}
END_TEST

UNIT_SUITE("cli/tail_line", test_a_row_that_came_is_shown_and_one_that_went,
           test_an_update_shows_the_key_and_what_changed,
           test_an_update_of_which_nothing_old_is_known_shows_the_row,
           test_nothing_in_a_line_moves_the_cursor,
           test_a_line_is_cut_to_the_width_between_characters,
           test_messages_and_truncates_have_lines_too)
