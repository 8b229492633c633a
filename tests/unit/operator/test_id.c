#include "operator/id.h"
#include "unit.h"
#include <errno.h>

static struct buffer id, scratch;
static const char *parts[CONFIG_ID_COLUMNS_MAX];

static void setup(void)
{
    buffer_init(&id, 4096);
    buffer_init(&scratch, 4096);
}

static void teardown(void)
{
    buffer_release(&id);
    buffer_release(&scratch);
}

static const char *join(const struct str *texts, size_t count)
{
    buffer_reset(&id);
    ck_assert_int_eq(id_join(&id, texts, count), 0);
    ck_assert_int_eq(buffer_append_char(&id, '\0'), 0);
    return id.data;
}

START_TEST(test_one_column_is_its_own_text)
{
    setup();
    ck_assert_str_eq(join(&STR("[\"a\",\"b\"]"), 1), "[\"a\",\"b\"]");
    ck_assert_int_eq(id_split(&scratch, id.data, 1, parts), 0);
    ck_assert_str_eq(parts[0], id.data);
    teardown();
}
END_TEST

START_TEST(test_several_columns_come_apart_as_they_were_joined)
{
    const struct str texts[] = {STR(""),           STR("NULL"), STR("a\"b\\c,[]{}"),
                                STR("\x01\t\n\r"), STR("é"),    STR("\\u0041")};
    setup();
    join(texts, 6);
    ck_assert_int_eq(id_split(&scratch, id.data, 6, parts), 0);
    for (size_t i = 0; i < 6; i++)
        ck_assert_str_eq(parts[i], texts[i].data);
    ck_assert_str_eq(join(texts, 3), "[\"\",\"NULL\",\"a\\\"b\\\\c,[]{}\"]");
    teardown();
}
END_TEST

START_TEST(test_what_was_not_joined_is_refused)
{
    static const char *const list[] = {"",
                                       "1",
                                       "[]",
                                       "[\"1\"]",
                                       "[\"1\",\"2\"",
                                       "[\"1\",\"2\"] ",
                                       "[\"1\" ,\"2\"]",
                                       "[ \"1\",\"2\"]",
                                       "[\"1\",2]",
                                       "[\"1\",null]",
                                       "[\"1\",\"2\",\"3\"]",
                                       "[\"1\",\"2\\\"]",
                                       "[\"1\",\"2\\",
                                       "[\"1\",\"\\x\"]",
                                       "[\"1\",\"\\u0000\"]",
                                       "{\"1\",\"2\"}"};
    setup();
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        ck_assert_msg(id_split(&scratch, list[i], 2, parts) == -EINVAL, "%s", list[i]);
    teardown();
}
END_TEST

START_TEST(test_more_than_there_is_room_for_is_said)
{
    setup();
    buffer_release(&scratch);
    buffer_init(&scratch, 3);
    ck_assert_int_eq(id_split(&scratch, "[\"1\",\"2\"]", 2, parts), -EMSGSIZE);
    teardown();
}
END_TEST

UNIT_SUITE("operator/id", test_one_column_is_its_own_text,
           test_several_columns_come_apart_as_they_were_joined, test_what_was_not_joined_is_refused,
           test_more_than_there_is_room_for_is_said)
