/* stream.h - messages of a plugin through its decoder, with the common built-in types. For the fuzz
 * targets of the decoders, and for seed_event_record.c, which makes records of messages of
 * wal2json.
 */
#ifndef STREAM_H
#define STREAM_H

#include "decode/decoder.h"
#include "fuzz.h"

#include <errno.h>

struct stream {
    const struct decoder_ops *ops;
    struct relation_cache *cache;
    struct decoder *decoder;
    struct decoded decoded;
};

/* A cache with them, to be freed by the caller. */
static inline struct relation_cache *stream_types(void)
{
    static const struct {
        uint32_t oid;
        const char *name;
        uint32_t element;
    } types[] = {
        {16, "bool", 0},        {17, "bytea", 0},         {20, "int8", 0},      {21, "int2", 0},
        {23, "int4", 0},        {25, "text", 0},          {114, "json", 0},     {700, "float4", 0},
        {701, "float8", 0},     {1043, "varchar", 0},     {1082, "date", 0},    {1083, "time", 0},
        {1114, "timestamp", 0}, {1184, "timestamptz", 0}, {1700, "numeric", 0}, {2950, "uuid", 0},
        {3802, "jsonb", 0},     {22, "int2vector", 21},   {1000, "_bool", 16},  {1007, "_int4", 23},
        {1009, "_text", 25},    {1001, "_bytea", 17},
    };

    struct relation_cache *cache = relation_cache_new();
    promise(cache != NULL);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        promise(relation_cache_add_type(cache, types[i].oid, str_from(types[i].name), 0,
                                        types[i].element, ',') == 0);
    return cache;
}

static inline void stream_open(struct stream *stream, const struct decoder_ops *ops)
{
    stream->cache = stream_types();
    stream->ops = ops;
    stream->decoder = ops->create(stream->cache);
    promise(stream->decoder != NULL);
}

static inline void stream_close(struct stream *stream)
{
    stream->ops->destroy(stream->decoder);
    relation_cache_free(stream->cache);
}

/* Decodes MESSAGE, adding the types that it misses as strings. 0 or -EBADMSG. */
static inline int stream_decode(struct stream *stream, struct str message)
{
    struct error error = {0};
    uint32_t missing = 0;
    int r;

    while ((r = stream->ops->decode(stream->decoder, message, 1, &stream->decoded, &missing,
                                    &error)) == -ENOENT) {
        promise(error.code == -ENOENT && relation_cache_type(stream->cache, missing) == NULL);
        error_clear(&error);
        promise(relation_cache_add_type(stream->cache, missing, STR("added"), 0, 0, ',') == 0);
    }
    promise(r == 0 || r == -EBADMSG);
    promise((r == 0) == (error.code == 0));
    return r;
}

/* What was decoded last is to become an event. */
static inline bool stream_has_change(const struct stream *stream)
{
    return stream->decoded.kind == DECODED_CHANGE || stream->decoded.kind == DECODED_MESSAGE;
}

#endif
