/* Any bytes as pgoutput messages, each after its length in two bytes: decoded or refused, and what
 * is decoded keeps the promises of decode/decoder.h and can be made an event. */
#include "check_change.h"
#include "decode/byte_reader.h"
#include "stream.h"

/* What whoever reads the stream does with a transaction, without its rest: the end that a C may
 * have is the end of the first. */
static void announce_end(const struct stream *stream, struct byte_reader rest)
{
    enum decoded_kind kind = DECODED_NOTHING;
    struct transaction seen = {0};
    struct error error = {0};
    struct str message;
    uint16_t len;

    while (kind != DECODED_COMMIT && read_u16(&rest, &len) && read_bytes(&rest, len, &message))
        if (stream->ops->peek(message, 1, &kind, &seen, &error) < 0)
            return;
    if (kind == DECODED_COMMIT)
        stream->ops->set_end(stream->decoder, seen.end_lsn);
}

/* All changes of MESSAGE, each of them twice. */
static void check_message(struct stream *stream, struct str message)
{
    do {
        if (stream_decode(stream, message) < 0 || !stream_has_change(stream))
            return;
        check_change(&stream->decoded);
        const struct relation *relation = stream->decoded.change.relation;
        bool more = stream->decoded.more;
        promise(stream_decode(stream, message) == 0);
        promise(stream_has_change(stream) && stream->decoded.more == more);
        promise(stream->decoded.change.relation == relation);
        promise(!more || stream->decoded.change.type == EVENT_TRUNCATE);
        stream->ops->take(stream->decoder);
    } while (stream->decoded.more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream stream;
    struct byte_reader reader = byte_reader((struct str){(const char *)data, size});
    struct str bytes;
    uint16_t len;

    stream_open(&stream, &pgoutput_decoder);
    while (read_u16(&reader, &len)) {
        if (!read_bytes(&reader, len, &bytes))
            read_bytes(&reader, reader.left, &bytes);
        struct str message = exact_copy(bytes.data, bytes.len);
        if (message.len > 0 && message.data[0] == 'B')
            announce_end(&stream, reader);
        check_message(&stream, message);
        free_copy(message);
    }
    stream_close(&stream);
    return 0;
}
