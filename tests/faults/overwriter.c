/* overwriter DIRECTORY: writes to a log until a write fails, then something else in its place, and
 * ends. A failed commit may be on disk all the same: what is written next must not be written over
 * it. */
#include "base/shared.h"
#include "journal/directory.h"
#include "journal/store.h"
#include "script.h"
#include <stdlib.h>
#include <sysexits.h>

static int write_one(struct store *store, struct position position)
{
    char text[SCRIPT_BYTES_MAX];
    struct str bytes = script_record(position, text);
    struct record record = {.position = position, .bytes = shared_new(bytes.data, bytes.len)};
    struct store_change change = {.records = &record,
                                  .count = 1,
                                  .mark = position.lsn,
                                  .trim = {.max_bytes = UINT64_MAX, .before_us = INT64_MIN}};
    struct store_extent extent;
    struct error err = {0};
    if (!record.bytes)
        return EXIT_FAILURE;
    int rc = store_write(store, &change, &extent, &err);
    shared_unref(record.bytes);
    return rc == 0 ? 0 : EX_IOERR;
}

int main(int argc, char **argv)
{
    struct store *store;
    struct error err = {0};
    if (argc != 2 || directory_make(argv[1], &err) != 0 ||
        store_open(&store, argv[1], 1 << 30, &err) != 0)
        return EXIT_FAILURE;
    uint64_t lsn = 1;
    while (lsn <= 12 && write_one(store, (struct position){lsn, 1}) == 0)
        lsn++;
    /* Transactions of other sizes than the one that failed. */
    for (uint64_t next = lsn + 1; next < lsn + 4; next++)
        write_one(store, (struct position){next, 1});
    store_close(store);
    return EXIT_SUCCESS;
}
