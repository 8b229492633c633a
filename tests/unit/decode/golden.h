/* golden.h - the files of golden/: what a real server said, and the types that it named. For test
 * programs of one file. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "base/lsn.h"
#include "base/str.h"
#include "decode/relation_cache.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define GOLDEN_MESSAGES_MAX 200

struct golden_message {
    uint64_t lsn;
    struct str text;
};

struct golden {
    struct str types;
    struct str lines;
    int count;
    struct golden_message messages[GOLDEN_MESSAGES_MAX];
};

/* A file of golden/, to be freed by the caller. */
static inline struct str golden_file(const char *name)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    fseek(file, 0, SEEK_END);
    size_t len = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(len + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, len, file), len);
    fclose(file);
    return (struct str){bytes, len};
}

/* The types and the messages of the file MESSAGES. */
static inline void golden_load_messages(struct golden *golden, const char *messages)
{
    golden->types = golden_file("types.tsv");
    golden->lines = golden_file(messages);
    golden->count = 0;
    struct str rest = golden->lines;
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        struct golden_message *message = &golden->messages[golden->count++];
        ck_assert_int_le(golden->count, GOLDEN_MESSAGES_MAX);
        ck_assert_int_eq(lsn_parse(str_cut(&line, '\t'), &message->lsn), 0);
        message->text = line;
    }
    ck_assert_int_gt(golden->count, 0);
}

static inline void golden_load(struct golden *golden)
{
    golden_load_messages(golden, "wal2json.messages");
}

/* The messages are bytes as hex digits: they are made bytes in place. */
static inline void golden_load_binary(struct golden *golden, const char *messages)
{
    golden_load_messages(golden, messages);
    for (int i = 0; i < golden->count; i++) {
        struct str *text = &golden->messages[i].text;
        char *bytes = (char *)text->data;
        ck_assert_uint_eq(text->len % 2, 0);
        text->len /= 2;
        for (size_t at = 0; at < text->len; at++) {
            int high = str_hex_digit(bytes[2 * at]), low = str_hex_digit(bytes[2 * at + 1]);
            ck_assert(high >= 0 && low >= 0);
            bytes[at] = (char)(high << 4 | low);
        }
    }
}

static inline void golden_release(struct golden *golden)
{
    free((char *)golden->types.data);
    free((char *)golden->lines.data);
}

static inline uint32_t golden_oid(struct str *line)
{
    int64_t oid;

    ck_assert_int_eq(str_to_int64(str_cut(line, '\t'), &oid), 0);
    return (uint32_t)oid;
}

/* Adds the types to CACHE: all of them, or only the one that is WANTED. */
static inline void golden_add_types(const struct golden *golden, struct relation_cache *cache,
                                    uint32_t wanted)
{
    struct str rest = golden->types;

    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        uint32_t oid = golden_oid(&line);
        struct str name = str_cut(&line, '\t');
        uint32_t base = golden_oid(&line);
        uint32_t element = golden_oid(&line);
        if (wanted == 0 || wanted == oid)
            ck_assert_int_eq(relation_cache_add_type(cache, oid, name, base, element, line.data[0]),
                             0);
    }
}

/* Adds the relations of the catalog to CACHE, which has all types. */
static inline void golden_add_relations(struct relation_cache *cache)
{
    static struct relation_cache_column columns[1600];
    struct str file = golden_file("relations.tsv");
    struct str rest = file;
    struct str schema = {0}, table = {0};
    const struct relation *relation;
    uint32_t missing;
    uint16_t count = 0;

    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        struct str next_schema = str_cut(&line, '\t');
        struct str next_table = str_cut(&line, '\t');
        if (!str_equal(schema, next_schema) || !str_equal(table, next_table))
            count = 0;
        schema = next_schema;
        table = next_table;
        struct str name = str_cut(&line, '\t');
        uint32_t type_oid = golden_oid(&line);
        bool primary_key = str_equal(str_cut(&line, '\t'), STR("t"));
        if (str_equal(line, STR("f"))) {
            ck_assert_int_eq(relation_cache_leave_out(cache, schema, table, name), 0);
            continue;
        }
        columns[count++] = (struct relation_cache_column){name, type_oid, primary_key, false};
        ck_assert_int_eq(
            relation_cache_put(cache, schema, table, columns, count, &relation, &missing), 0);
    }
    relation_cache_collect(cache);
    free((char *)file.data);
}

#endif
