/* Makes seeds for fuzz_event_record: seed_event_record DIRECTORY FILE... writes the record of each
 * change in the wal2json messages of FILE to DIRECTORY. They are made anew before each run, since
 * the layout of a record is private to event/ and may change. */
#include "base/buffer.h"
#include "event/record.h"
#include "stream.h"

#define FILE_MAX (1UL << 20)

static const struct event_origin origin = {
    .epoch = STR("7f3a91c2"), .database = STR("demo"), .version = STR("0.1.0")};

static void write_record(const char *directory, unsigned number, struct str record)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/seed-%u", directory, number);
    FILE *file = fopen(path, "wb");
    promise(file != NULL);
    promise(fwrite(record.data, 1, record.len, file) == record.len);
    promise(fclose(file) == 0);
}

static void seed(const char *directory, struct str lines, unsigned *number)
{
    struct stream stream;
    struct buffer record;
    struct error error = {0};

    stream_open(&stream, &wal2json_decoder);
    buffer_init(&record, FILE_MAX);
    while (lines.len > 0) {
        promise(stream_decode(&stream, str_cut(&lines, '\n')) == 0);
        if (stream.decoded.kind != DECODED_CHANGE)
            continue;
        buffer_reset(&record);
        promise(event_encode(&record, &origin, &stream.decoded.transaction, 1,
                             &stream.decoded.change, &error) == 0);
        write_record(directory, (*number)++, buffer_str(&record));
    }
    buffer_release(&record);
    stream_close(&stream);
}

int main(int argc, char **argv)
{
    static char bytes[FILE_MAX];
    unsigned number = 0;

    promise(argc > 2);
    for (int i = 2; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        promise(file != NULL);
        size_t len = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        seed(argv[1], (struct str){bytes, len}, &number);
    }
    promise(number > 0);
    return 0;
}
