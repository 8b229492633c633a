#include "journal/peek.h"
#include "journal/directory.h"
#include "journal/store.h"
#include <sys/stat.h>

static int read_store(const char *path, struct journal_peek *ret_peek, struct error *err)
{
    struct journal_peek peek = {0};
    struct store_extent extent;
    struct store *store;
    int rc = store_open_to_read(&store, path, err);
    if (rc != 0)
        return rc;
    rc = store_identity(store, &peek.identity, err);
    if (rc == 0)
        rc = store_extent(store, &extent, err);
    store_close(store);
    if (rc != 0)
        return rc;
    peek.durable = extent.mark;
    peek.newest = extent.newest;
    peek.given = extent.given;
    *ret_peek = peek;
    return 0;
}

int journal_peek(const char *path, struct journal_peek *ret_peek, struct error *err)
{
    int rc = directory_examine_lock(path, err);
    if (rc != 0)
        return rc;
    /* The process that made the lock may not have come as far as the data. */
    struct stat file;
    rc = directory_data(path, &file, err);
    return rc == 0 ? read_store(path, ret_peek, err) : rc;
}
