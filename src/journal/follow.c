#include "journal/follow.h"
#include "journal/directory.h"
#include "journal/store.h"
#include <errno.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

struct follower {
    char *path;
    struct store *store;
    dev_t device; /* of the file that is open */
    ino_t inode;
    int inotify; /* -1: none */
    int watch;
    char epoch[9];
    struct position after;
    struct store_slice slice;
};

/* --- files ------------------------------------------------------------------------------- */

static void watch_directory(struct follower *f)
{
    if (f->watch >= 0)
        inotify_rm_watch(f->inotify, f->watch);
    if (f->inotify >= 0)
        f->watch = inotify_add_watch(f->inotify, f->path, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
}

static int open_store(struct follower *f, struct error *err)
{
    struct stat file;
    struct store *store;
    int rc = directory_data(f->path, &file, err);
    if (rc == 0)
        rc = store_open_to_read(&store, f->path, err);
    if (rc != 0)
        return rc;
    if (f->store)
        store_close(f->store);
    store_slice_release(&f->slice);
    f->store = store;
    f->device = file.st_dev;
    f->inode = file.st_ino;
    watch_directory(f);
    return 0;
}

/* A new journal that is not finished yet is for the next time. */
static void open_replacement(struct follower *f)
{
    struct stat file;
    if (directory_data(f->path, &file, NULL) == 0 &&
        (file.st_dev != f->device || file.st_ino != f->inode))
        (void)open_store(f, NULL);
}

int follower_open(struct follower **ret_follower, const char *path, struct error *err)
{
    struct follower *f = calloc(1, sizeof(*f));
    if (!f)
        return error_set(err, -ENOMEM, "journal %s: out of memory", path);
    f->watch = -1;
    f->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    f->path = str_dup(str_from(path));
    int rc =
        f->path ? open_store(f, err) : error_set(err, -ENOMEM, "journal %s: out of memory", path);
    if (rc != 0) {
        follower_close(f);
        return rc;
    }
    *ret_follower = f;
    return 0;
}

void follower_close(struct follower *f)
{
    store_slice_release(&f->slice);
    if (f->store)
        store_close(f->store);
    if (f->inotify >= 0)
        close(f->inotify);
    free(f->path);
    free(f);
}

int follower_descriptor(const struct follower *f)
{
    return f->inotify;
}

void follower_clear(struct follower *f)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    while (f->inotify >= 0 && read(f->inotify, events, sizeof(events)) > 0)
        ;
}

/* --- records ----------------------------------------------------------------------------- */

int follower_look(struct follower *f, struct follower_view *ret_view, struct error *err)
{
    struct journal_identity before;
    struct journal_identity identity;
    struct store_extent extent;
    open_replacement(f);
    do { /* both of one epoch */
        int rc = store_identity(f->store, &before, err);
        if (rc == 0)
            rc = store_extent(f->store, &extent, err);
        if (rc == 0)
            rc = store_identity(f->store, &identity, err);
        if (rc != 0)
            return rc;
    } while (strcmp(before.epoch, identity.epoch) != 0);
    *ret_view = (struct follower_view){
        .trimmed = extent.trimmed, .newest = extent.newest, .given = extent.given};
    memcpy(ret_view->epoch, identity.epoch, sizeof(ret_view->epoch));
    return 0;
}

void follower_seek(struct follower *f, const char *epoch, struct position after)
{
    store_slice_release(&f->slice);
    memcpy(f->epoch, epoch, sizeof(f->epoch));
    f->after = after;
}

struct position follower_position(const struct follower *f)
{
    return f->after;
}

/* What was read is of our epoch when the journal still is: it never comes back to one. */
static int read_slice(struct follower *f, struct error *err)
{
    struct journal_identity identity;
    open_replacement(f);
    int rc = store_read(f->store, f->after, &f->slice);
    int failed = store_identity(f->store, &identity, err);
    if (failed != 0)
        return failed;
    if (strcmp(identity.epoch, f->epoch) != 0) {
        store_slice_release(&f->slice);
        return -ESTALE;
    }
    if (rc < 0 && rc != -ESTALE)
        return error_set(err, rc, "journal %s: cannot read on: %s; if it is damaged: %s", f->path,
                         strerrordesc_np(-rc), STORE_DAMAGE_MEND);
    return rc;
}

int follower_next(struct follower *f, struct journal_entry *ret, struct error *err)
{
    for (;;) {
        int rc = f->slice.owner ? store_slice_next(&f->slice, f->after, ret) : 0;
        if (rc > 0) {
            f->after = ret->position;
            return 1;
        }
        store_slice_release(&f->slice);
        if (rc == 0)
            rc = read_slice(f, err);
        if (rc <= 0)
            return rc;
    }
}
