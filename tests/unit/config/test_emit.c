/* What is emitted is read back as the same tree, whatever the texts hold. */
#include "config/emit.h"
#include "unit.h"

static void assert_same(const struct node *a, const struct node *b)
{
    ck_assert_int_eq(a->kind, b->kind);
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_int_eq(a->key == NULL, b->key == NULL);
    if (a->key)
        ck_assert_str_eq(a->key, b->key);
    if (a->kind == NODE_SCALAR)
        ck_assert_str_eq(a->text, b->text);
    b = b->first;
    for (const struct node *child = a->first; child; child = child->next, b = b->next)
        assert_same(child, b);
}

static void assert_round_trip(const struct tree *tree)
{
    struct tree back = {0};
    struct error err = {0};
    struct buffer text;

    buffer_init(&text, EMIT_MAX);
    ck_assert_int_eq(emit(tree->root, &text), 0);
    int code = tree_parse(&back, "emitted", buffer_str(&text), &err);
    ck_assert_msg(code == 0, "%s in:\n%.*s", err.text, STR_ARG(buffer_str(&text)));
    assert_same(tree->root, back.root);
    buffer_release(&text);
    tree_release(&back);
}

START_TEST(test_shapes)
{
    static const char *const texts[] = {
        "{}",
        "a: []",
        "a: {}",
        "a: {b: {c: [1, {d: e, f: []}, [], [x, [y]], {}]}}\nz: ''",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tree tree = {0};
        ck_assert_int_eq(tree_parse(&tree, "f", str_from(texts[i]), NULL), 0);
        assert_round_trip(&tree);
        tree_release(&tree);
    }
}
END_TEST

START_TEST(test_texts)
{
    static const char *const texts[] = {
        "",
        " ",
        "\n\n",
        "a\nb: c\n",
        "\"",
        "'",
        "\\",
        "\\n",
        "#",
        ": ",
        "- ",
        "*a",
        "&a",
        "!!str x",
        "---",
        "...",
        "%YAML",
        "null",
        "\x01\x1f\x7f",
        "\xc2\x85",
        "\xe2\x80\xa8",
        "\xef\xbb\xbf",
        "\xef\xbf\xbe",
        "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x90\x98\xf4\x8f\xbf\xbf",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tree tree = {.file = "f", .root = node_add(NULL, NODE_MAP, NULL, str_from(NULL))};
        ck_assert_ptr_nonnull(node_add(tree.root, NODE_SCALAR, "a", str_from(texts[i])));
        struct node *list = node_add(tree.root, NODE_LIST, "b", str_from(NULL));
        ck_assert_ptr_nonnull(node_add(list, NODE_SCALAR, NULL, str_from(texts[i])));
        assert_round_trip(&tree);
        tree_release(&tree);
    }
}
END_TEST

/* libyaml gives up on keys of more than 1024 characters, and escapes are longer than what they are.
 */
START_TEST(test_longest_keys)
{
    static const char *const characters[] = {"k",        "\"",           "\\",
                                             "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x90\x98"};

    for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
        char key[NODE_KEY_MAX + 1] = "";
        size_t len = strlen(characters[i]);
        for (size_t at = 0; at + len <= NODE_KEY_MAX; at += len)
            memcpy(key + at, characters[i], len + 1);
        struct tree tree = {.file = "f", .root = node_add(NULL, NODE_MAP, NULL, str_from(NULL))};
        ck_assert_ptr_nonnull(node_add(tree.root, NODE_SCALAR, key, str_from("x")));
        assert_round_trip(&tree);
        tree_release(&tree);
    }
}
END_TEST

START_TEST(test_too_much_is_said)
{
    struct tree tree = {0};
    struct buffer text;

    ck_assert_int_eq(tree_parse(&tree, "f", STR("a: bcdefghijkl"), NULL), 0);
    buffer_init(&text, 10);
    ck_assert_int_lt(emit(tree.root, &text), 0);
    buffer_release(&text);
    tree_release(&tree);
}
END_TEST

UNIT_SUITE("config/emit", test_shapes, test_texts, test_longest_keys, test_too_much_is_said)
