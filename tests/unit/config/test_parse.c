/* YAML to a tree. Refusals are in test_refusals.c. */
#include "config/node.h"
#include "unit.h"
#include <stdio.h>

static struct tree parse(const char *text)
{
    struct tree tree = {0};
    struct error err = {0};

    int code = tree_parse(&tree, "f", str_from(text), &err);
    ck_assert_msg(code == 0, "%s", err.text);
    return tree;
}

START_TEST(test_lines_and_paths_are_the_users)
{
    struct tree t = parse("a: 1\n"
                          "b:\n"
                          "  - c: x\n"
                          "    d.e:\n"
                          "      - |\n"
                          "        two\n"
                          "        lines\n"
                          "      - last\n");
    const struct node *last = node_at(&t, "b[0]")->last->last;

    ck_assert_str_eq(last->path, "b[0].d.e[1]");
    ck_assert_uint_eq(last->line, 8);
    ck_assert_uint_eq(last->parent->line, 4);
    ck_assert_str_eq(last->parent->first->text, "two\nlines\n");
    ck_assert_str_eq(node_at(&t, "b[0].c")->text, "x");
    tree_release(&t);
}
END_TEST

START_TEST(test_at_stops_where_the_tree_ends)
{
    struct tree t = parse("a: {b: [x]}\n");

    ck_assert_str_eq(node_at(&t, "a.b[%d]", 0)->path, "a.b[0]");
    ck_assert_str_eq(node_at(&t, "a.b[1].c")->path, "a.b");
    ck_assert_str_eq(node_at(&t, "a.c.d")->path, "a");
    ck_assert_str_eq(node_at(&t, "z")->path, "");
    ck_assert_str_eq(node_at(&t, "a.b[0].c")->path, "a.b[0]");
    tree_release(&t);
}
END_TEST

START_TEST(test_only_plain_words_are_null)
{
    struct tree t = parse("{a: , b: ~, c: null, d: '', e: 'null', f: \"~\", g: nul}\n");

    ck_assert(node_at(&t, "a")->null && node_at(&t, "b")->null && node_at(&t, "c")->null);
    ck_assert(!node_at(&t, "d")->null && !node_at(&t, "e")->null);
    ck_assert(!node_at(&t, "f")->null && !node_at(&t, "g")->null);
    tree_release(&t);
}
END_TEST

START_TEST(test_remove_keeps_the_chain)
{
    struct tree t = parse("l: [a, b, c]\n");
    struct node *list = node_at(&t, "l");

    node_remove(list->last);
    node_remove(list->first);
    ck_assert_ptr_eq(list->first, list->last);
    ck_assert_str_eq(list->first->text, "b");
    ck_assert_uint_eq(list->count, 1);
    node_remove(list->first);
    ck_assert_ptr_null(list->first);
    ck_assert_ptr_null(list->last);
    ck_assert_ptr_nonnull(node_add(list, NODE_SCALAR, NULL, STR("d")));
    ck_assert_str_eq(list->last->path, "l[0]");
    tree_release(&t);
}
END_TEST

static int collect(struct node *node, void *context)
{
    char *paths = context;
    snprintf(paths + strlen(paths), 100 - strlen(paths), "%s ", node->path);
    return strcmp(node->path, "l[1].a") == 0 ? 7 : 0;
}

START_TEST(test_each_visits_what_the_pattern_names)
{
    struct tree t = parse("l: [{a: 1}, {b: 2}, {a: 3}, 4]\n");
    char paths[100] = "";

    ck_assert_int_eq(node_each(t.root, "l[].a", collect, paths), 0);
    ck_assert_str_eq(paths, "l[0].a l[2].a ");
    *paths = '\0';
    ck_assert_int_eq(node_each(t.root, "", collect, paths), 0);
    ck_assert_str_eq(paths, " ");
    *paths = '\0';
    ck_assert_int_eq(node_each(t.root, "l.a", collect, paths), 0);
    ck_assert_int_eq(node_each(t.root, "x[].a", collect, paths), 0);
    ck_assert_str_eq(paths, "");
    tree_release(&t);
}
END_TEST

START_TEST(test_each_stops_at_a_result)
{
    struct tree t = parse("l: [{a: 1}, {a: 2}, {a: 3}]\n");
    char paths[100] = "";

    ck_assert_int_eq(node_each(t.root, "l[].a", collect, paths), 7);
    ck_assert_str_eq(paths, "l[0].a l[1].a ");
    tree_release(&t);
}
END_TEST

UNIT_SUITE("config/parse", test_lines_and_paths_are_the_users, test_at_stops_where_the_tree_ends,
           test_only_plain_words_are_null, test_remove_keeps_the_chain,
           test_each_visits_what_the_pattern_names, test_each_stops_at_a_result)
