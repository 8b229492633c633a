#include "source/catalog.h"
#include "unit.h"

START_TEST(wal2json_names_are_escaped_as_its_parser_wants)
{
    struct buffer out;
    buffer_init(&out, 1000);
    catalog_wal2json_name(&out, STR("a b,c.d*e'f\\g\"H"));
    ck_assert(str_equal(buffer_str(&out), STR("a\\ b\\,c\\.d\\*e\\'f\\\\g\"H")));
    buffer_release(&out);
}
END_TEST

START_TEST(array_elements_are_quoted_and_separated)
{
    struct buffer out;
    buffer_init(&out, 1000);
    buffer_append_char(&out, '{');
    catalog_array_element(&out, STR("public"));
    catalog_array_element(&out, STR("we\"ird\\"));
    catalog_array_element(&out, STR("{"));
    catalog_array_element(&out, STR("x"));
    buffer_append_char(&out, '}');
    ck_assert_msg(str_equal(buffer_str(&out), STR("{\"public\",\"we\\\"ird\\\\\",\"{\",\"x\"}")),
                  "%.*s", STR_ARG(buffer_str(&out)));
    buffer_release(&out);
}
END_TEST

UNIT_SUITE("source/catalog", wal2json_names_are_escaped_as_its_parser_wants,
           array_elements_are_quoted_and_separated)
