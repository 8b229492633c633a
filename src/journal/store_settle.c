/* What is read of the log is on disk: when a log is made, when one is opened, and after a failure
 * of which LMDB cannot know what came of it. */
#include "base/cleanup.h"
#include "journal/directory.h"
#include "journal/store_internal.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a log that is made ------------------------------------------------------------------ */

/* LMDB makes a file with two plain writes. One that was cut off in between would be taken for a
 * damaged journal, so a log gets its name once it is whole. */
#define MAKING "making"

bool store_is_made(const char *path)
{
    struct stat file;
    /* Whatever else is wrong, opening it fails likewise, and says so. */
    return directory_data(path, &file, NULL) != -ENOENT;
}

static int fail(struct error *err, const char *path, const char *what)
{
    int code = errno;
    return error_set(err, -code,
                     "journal %s: cannot %s: %s; make its directory writable for this "
                     "user, with some space",
                     path, what, strerrordesc_np(code));
}

int store_make_begin(const char *path, char **ret_place, struct error *err)
{
    char *data cleanup_free = directory_file(path, MAKING "/data.mdb", err);
    char *place cleanup_free = directory_file(path, MAKING, err);
    if (!data || !place)
        return -ENOMEM;
    if (unlink(data) != 0 && errno != ENOENT && errno != ENOTDIR)
        return fail(err, path, "remove what was begun");
    if (mkdir(place, 0700) != 0 && errno != EEXIST)
        return fail(err, path, "make it");
    *ret_place = place;
    place = NULL;
    return 0;
}

int store_make_end(const char *path, struct error *err)
{
    char *begun cleanup_free = directory_file(path, MAKING "/data.mdb", err);
    char *lock cleanup_free = directory_file(path, MAKING "/lock.mdb", err);
    char *place cleanup_free = directory_file(path, MAKING, err);
    char *whole cleanup_free = directory_file(path, "data.mdb", err);
    if (!begun || !lock || !place || !whole)
        return -ENOMEM;
    if (rename(begun, whole) != 0)
        return fail(err, path, "make it");
    unlink(lock);
    rmdir(place);
    return directory_sync(path, err);
}

/* --- a log that is there ----------------------------------------------------------------- */

/* A sync that fails leaves pages which the kernel takes for written and the disk does not have, or
 * has all the same. LMDB survives that with all its pages but two: it writes the others where
 * nothing of the last commit is, and all of them again with the next try. But the page that makes a
 * commit count is written last; when that write fails, LMDB puts the old content back in memory
 * alone. Were the failed commit on disk for all that, the next try would write over its pages, and
 * a power cut then would leave a commit that counts on pages that are not its own. So both such
 * pages are written again as they are seen, and nothing goes on before they are on disk. The same
 * holds for what another process left: it may have been killed before it was told. */
int store_settle(struct store *store, struct error *err)
{
    MDB_stat stat;
    int fd;
    int code = mdb_env_stat(store->env, &stat);
    if (code == 0)
        code = mdb_env_get_fd(store->env, &fd);
    if (code != 0)
        return store_error(store, code, "write", err);
    size_t size = (size_t)2 * stat.ms_psize;
    char *pages cleanup_free = malloc(size);
    if (!pages)
        return store_error(store, ENOMEM, "write", err);
    ssize_t len = pread(fd, pages, size, 0);
    if (len == (ssize_t)size)
        len = pwrite(fd, pages, size, 0);
    if (len != (ssize_t)size)
        return store_error(store, len < 0 ? errno : EIO, "write", err);
    if (fdatasync(fd) != 0)
        return store_error(store, errno, "write", err);
    store->unsettled = false;
    return 0;
}
