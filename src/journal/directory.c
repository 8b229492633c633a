#include "journal/directory.h"
#include "base/cleanup.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct error *err, int code, const char *path, const char *what)
{
    return error_set(err, -code,
                     "journal directory %s: %s: %s; make it writable for this user, or set "
                     "journal.path to another one",
                     path, what, strerrordesc_np(code));
}

static int no_memory(const char *path, struct error *err)
{
    return error_set(err, -ENOMEM, "journal directory %s: out of memory", path);
}

char *directory_file(const char *path, const char *name, struct error *err)
{
    char *file;
    if (asprintf(&file, "%s/%s", path, name) >= 0)
        return file;
    no_memory(path, err);
    return NULL;
}

int directory_data(const char *path, struct stat *ret_file, struct error *err)
{
    char *data cleanup_free = directory_file(path, "data.mdb", err);
    if (!data)
        return -ENOMEM;
    if (stat(data, ret_file) == 0)
        return 0;
    return error_set(err, -errno,
                     "journal %s: cannot be read: %s; start the service, which makes it, or "
                     "correct journal.path",
                     path, strerrordesc_np(errno));
}

int directory_sync(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, path, "cannot open it");
    int code = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    /* Some file systems cannot sync directories and say so. */
    return code == 0 || code == EINVAL ? 0 : fail(err, code, path, "cannot sync it");
}

static int make_one(const char *path, const char *parent, struct error *err)
{
    if (mkdir(path, 0700) == 0)
        return directory_sync(parent, err);
    struct stat st;
    if (errno != EEXIST)
        return fail(err, errno, path, "cannot make it");
    if (stat(path, &st) != 0)
        return fail(err, errno, path, "cannot examine it");
    return S_ISDIR(st.st_mode) ? 0 : fail(err, ENOTDIR, path, "cannot make it");
}

int directory_make(const char *path, struct error *err)
{
    char *copy cleanup_free = str_dup(str_from(path));
    char *parent cleanup_free = str_dup(str_from(path[0] == '/' ? "/" : "."));
    if (!copy || !parent)
        return no_memory(path, err);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = make_one(copy, parent, err);
        if (rc != 0)
            return rc;
        free(parent);
        parent = str_dup(str_from(copy));
        if (!parent)
            return no_memory(path, err);
        *slash = '/';
    }
    return make_one(copy, parent, err);
}

static int refuse_busy(int fd, const char *path, struct error *err)
{
    char pid[16] = "";
    ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[len > 0 ? len : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return error_set(err, -EBUSY,
                     "journal directory %s: process %s has it open; stop that process, or set "
                     "journal.path to another directory",
                     path, pid[0] ? pid : "(unknown)");
}

/* For the message of the one that comes second. On a full disk there is none, and that is no reason
 * not to open a journal that can still be read. */
static void write_pid(int fd)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%-14d\n", (int)getpid());
    ssize_t written = pwrite(fd, pid, sizeof(pid) - 1, 0);
    (void)written;
}

/* Locks of the open file (fcntl(2), "open file description locks"), because they can be asked for
 * without being taken: who only looks must not be in the way of the service. */
static int whole_file(int fd, int command, short type, struct flock *ret_lock)
{
    *ret_lock = (struct flock){.l_type = type, .l_whence = SEEK_SET};
    return fcntl(fd, command, ret_lock) == 0 ? 0 : errno;
}

int directory_lock(const char *path, struct error *err)
{
    char *name cleanup_free = directory_file(path, "walpiper.lock", err);
    if (!name)
        return -ENOMEM;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, errno, path, "cannot open walpiper.lock");
    struct flock lock;
    int code = whole_file(fd, F_OFD_SETLK, F_WRLCK, &lock);
    if (code == 0) {
        write_pid(fd);
        return fd;
    }
    int rc = code == EAGAIN || code == EACCES ? refuse_busy(fd, path, err)
                                              : fail(err, code, path, "cannot lock");
    close(fd);
    return rc;
}

int directory_examine_lock(const char *path, struct error *err)
{
    char *name cleanup_free = directory_file(path, "walpiper.lock", err);
    if (!name)
        return -ENOMEM;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? error_set(err, -ENOENT, "journal directory %s: no journal", path)
                               : fail(err, errno, path, "cannot open walpiper.lock");
    struct flock lock;
    int code = whole_file(fd, F_OFD_GETLK, F_RDLCK, &lock);
    int rc = 0;
    if (code != 0)
        rc = fail(err, code, path, "cannot ask for the lock");
    else if (lock.l_type != F_UNLCK)
        rc = refuse_busy(fd, path, err);
    close(fd);
    return rc;
}
