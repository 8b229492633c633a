/* Any bytes as wal2json messages, one a line: decoded or refused, and what is decoded keeps the
 * promises of decode/decoder.h and can be made an event. */
#include "check_change.h"
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream stream;
    struct str rest = {(const char *)data, size};

    stream_open(&stream, &wal2json_decoder);
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        struct str message = exact_copy(line.data, line.len);
        if (stream_decode(&stream, message) == 0 && stream_has_change(&stream))
            check_change(&stream.decoded);
        free_copy(message);
    }
    stream_close(&stream);
    return 0;
}
