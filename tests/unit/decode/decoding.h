/* decoding.h - what the tests of both decoders share: a decoder that reads what a real server sent,
 * and the promises that either keeps. For test programs of one file, which define DECODER first,
 * and load_golden(), set_up() and is_lost() after it. */
#ifndef DECODING_H
#define DECODING_H

#include "decode/decoder.h"

#include "base/buffer.h"
#include "failing_malloc.h"
#include "golden.h"
#include "unit.h"

#include <errno.h>

#define FIELD_MAX (1UL << 20)

static struct golden golden;
static struct relation_cache *cache;
static struct decoder *decoder;
static struct decoded decoded;
static struct error error;
static uint32_t missing_type;

/* The messages of this plugin into `golden`. */
static void load_golden(void);
/* The same, and a decoder that knows what the source reads from the catalog for it. */
static void set_up(void);
/* Can this plugin not tell the value of COLUMN that prints as TEXT? It says null then. */
static bool is_lost(const struct relation_column *column, struct str text);

static void open_decoder(void)
{
    cache = relation_cache_new();
    ck_assert_ptr_nonnull(cache);
    decoder = DECODER.create(cache);
    ck_assert_ptr_nonnull(decoder);
}

static void close_decoder(void)
{
    DECODER.destroy(decoder);
    relation_cache_free(cache);
}

static void tear_down(void)
{
    close_decoder();
    golden_release(&golden);
}

static int decode_at(uint64_t lsn, struct str message)
{
    error_clear(&error);
    return DECODER.decode(decoder, message, lsn, &decoded, &missing_type, &error);
}

/* What whoever reads the stream does at message I: before a B, it has found the C, for a plugin
 * that says the end of a transaction with that alone. */
static void announce_end(const struct decoder_ops *ops, struct decoder *of, int i)
{
    struct transaction seen;
    enum decoded_kind kind = DECODED_BEGIN;

    if (ops->peek == NULL)
        return;
    for (int at = i; at < golden.count && kind != DECODED_COMMIT; at++) {
        const struct golden_message *message = &golden.messages[at];
        ck_assert_int_eq(ops->peek(message->text, message->lsn, &kind, &seen, &error), 0);
        if (at == i && kind != DECODED_BEGIN)
            return;
    }
    ck_assert_int_eq(kind, DECODED_COMMIT);
    ops->set_end(of, seen.end_lsn);
}

static int decode_golden(int i)
{
    return decode_at(golden.messages[i].lsn, golden.messages[i].text);
}

/* Memory of exactly this size, so that ASan sees a read past it. */
static struct str exact(struct str text, size_t len)
{
    char *copy = malloc(len);

    ck_assert(copy != NULL || len == 0);
    memcpy(copy, text.data, len < text.len ? len : text.len);
    if (len > text.len)
        copy[text.len] = 'x';
    return (struct str){copy, len};
}

/* --- values ---------------------------------------------------------------------------------- */

/* The text that COPY wrote of one field, without its escapes; false for NULL. */
static bool copy_field(struct str *line, struct buffer *ret)
{
    static const char plain[256] = {
        ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t', ['v'] = '\v'};
    struct str field = str_cut(line, '\t');

    buffer_reset(ret);
    if (str_equal(field, STR("\\N")))
        return false;
    for (size_t i = 0; i < field.len; i++) {
        char c = field.data[i];
        if (c == '\\') {
            unsigned char escaped = (unsigned char)field.data[++i];
            c = plain[escaped] != '\0' ? plain[escaped] : (char)escaped;
        }
        buffer_append_char(ret, c);
    }
    return true;
}

static void assert_row_is(const struct change *change, struct str line)
{
    struct buffer field;

    buffer_init(&field, FIELD_MAX);
    for (uint16_t i = 0; i < change->relation->column_count; i++) {
        const struct relation_column *column = &change->relation->columns[i];
        const struct value *value = &change->new_values[i];
        bool not_null = copy_field(&line, &field) && !is_lost(column, buffer_str(&field));
        ck_assert_int_eq(value->kind, not_null ? VALUE_TEXT : VALUE_NULL);
        ck_assert_msg(!not_null || str_equal(value->text, buffer_str(&field)),
                      "%.*s is '%.*s', the server says '%.*s'", STR_ARG(column->name),
                      STR_ARG(value->text), STR_ARG(buffer_str(&field)));
    }
    ck_assert_ptr_null(line.data);
    buffer_release(&field);
}

/* Values are the server's own text output, as COPY gives it: every built-in type, domains, arrays,
 * extensions. */
START_TEST(test_values_are_text_output)
{
    int rows = 0;

    set_up();
    struct str file = golden_file("types.copy");
    struct str lines = file;
    for (int i = 0; i < golden.count; i++) {
        announce_end(&DECODER, decoder, i);
        ck_assert_int_eq(decode_golden(i), 0);
        if (decoded.kind != DECODED_CHANGE || decoded.change.type != EVENT_INSERT ||
            !str_equal(decoded.change.relation->table, STR("types")))
            continue;
        assert_row_is(&decoded.change, str_cut(&lines, '\n'));
        rows++;
    }
    ck_assert_uint_eq(lines.len, 0);
    ck_assert_int_eq(rows, 4);
    free((char *)file.data);
    tear_down();
}
END_TEST

/* --- hostile input --------------------------------------------------------------------------- */

/* A message that is cut off anywhere, or goes on, is an error, and the whole one can still follow.
 */
START_TEST(test_truncated)
{
    set_up();
    for (int i = 0; i < golden.count; i++) {
        struct str text = golden.messages[i].text;
        announce_end(&DECODER, decoder, i);
        for (size_t len = 0; len <= text.len + 1; len++) {
            struct str cut = exact(text, len);
            int r = len == text.len ? -EBADMSG : decode_at(golden.messages[i].lsn, cut);
            free((char *)cut.data);
            ck_assert_msg(r == -EBADMSG, "message %d, %zu bytes of %zu: %d", i, len, text.len, r);
        }
        ck_assert_int_eq(decode_golden(i), 0);
    }
    tear_down();
}
END_TEST

/* --- what comes late, and what runs out ------------------------------------------------------ */

/* Types may come as late as the message that needs them: -ENOENT names one, nothing is consumed,
 * and the same message decodes once the type is there. */
START_TEST(test_missing_types)
{
    int loads = 0;

    load_golden();
    open_decoder();
    for (int i = 0; i < golden.count; i++) {
        int r;
        announce_end(&DECODER, decoder, i);
        while ((r = decode_golden(i)) == -ENOENT) {
            ck_assert_ptr_nonnull(strstr(error.text, "relation "));
            golden_add_types(&golden, cache, missing_type);
            ck_assert_ptr_nonnull(relation_cache_type(cache, missing_type));
            loads++;
        }
        ck_assert_msg(r == 0, "%s", error.text);
    }
    ck_assert_int_gt(loads, 50);
    tear_down();
}
END_TEST

/* Memory that runs out at any allocation is -ENOMEM; the same message decodes once there is some.
 */
START_TEST(test_no_memory)
{
    long failing = 1;

    load_golden();
    for (bool failed = true; failed; failing++) {
        open_decoder();
        golden_add_types(&golden, cache, 0);
        allocations_start(failing);
        for (int i = 0; i < golden.count; i++) {
            int r, again = 0;
            announce_end(&DECODER, decoder, i);
            WATCHED(r = decode_golden(i));
            if (r == -ENOMEM)
                WATCHED(again = decode_golden(i));
            ck_assert_msg(r == 0 || (r == -ENOMEM && again == 0), "%d: %s", r, error.text);
        }
        failed = allocations_failed();
        WATCHED(DECODER.destroy(decoder));
        WATCHED(relation_cache_clear_relations(cache));
        WATCHED(relation_cache_collect(cache));
        ck_assert_int_eq(live_allocations, -1); /* the decoder itself */
        relation_cache_free(cache);
    }
    ck_assert_int_gt(failing, 10);
    golden_release(&golden);

    cache = relation_cache_new();
    allocations_start(1);
    WATCHED(decoder = DECODER.create(cache));
    ck_assert_ptr_null(decoder);
    relation_cache_free(cache);
}
END_TEST

#endif
