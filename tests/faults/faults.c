/* faults.so - faults of disk and clock for one process (LD_PRELOAD): power cut, full disk, syncs
 * that fail or are slow, a clock that is stepped. steering.h says how it is told.
 *
 * A power cut kills the process (SIGKILL) and leaves its files as a disk would be found: what was
 * synced is there, of the rest a random part of the 512-byte sectors, and the size of a file that
 * was not synced may be the old one. Not simulated: the loss of names (new files, renames,
 * removals) that were not synced in their directory; writes through stdio or a mapping (LMDB writes
 * neither way to its data file); what other processes write; sync(2), syncfs, sync_file_range. What
 * stood in a file before the process first wrote to it counts as synced.
 *
 * It sees what the process and its libraries call by name, not the system calls that libc makes
 * itself. */
#include "disk.h"
#include "steering.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *below;
static volatile uint64_t *steering;

static struct {
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*pwritev)(int, const struct iovec *, int, off_t);
    int (*ftruncate)(int, off_t);
    int (*fallocate)(int, int, off_t, off_t);
    int (*fsync)(int);
    int (*fdatasync)(int);
    int (*clock_gettime)(clockid_t, struct timespec *);
} real;

/* POSIX lets dlsym() name functions; C does not know the cast. */
static void find(const char *name, void *ret_function)
{
    void *address = dlsym(RTLD_NEXT, name);
    memcpy(ret_function, &address, sizeof(address));
}

static void start(void)
{
    find("writev", &real.writev);
    find("pwritev", &real.pwritev);
    find("ftruncate", &real.ftruncate);
    find("fallocate", &real.fallocate);
    find("fsync", &real.fsync);
    find("fdatasync", &real.fdatasync);
    find("clock_gettime", &real.clock_gettime);
    below = getenv("FAULTS_BELOW");
    const char *path = getenv("FAULTS_STEERING");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *words = mmap(NULL, STEERING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!below || words == MAP_FAILED) {
        perror("faults: FAULTS_BELOW, FAULTS_STEERING");
        _exit(125);
    }
    close(fd);
    steering = words;
    for (int word = STEERING_CALLS; word < STEERING_WORDS; word++)
        steering[word] = 0;
}

/* Other libraries may write before our constructor would have its turn. */
static void ensure_started(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}

/* --- the power cut ----------------------------------------------------------------------- */

enum moment { NEVER, BEFORE, WITHIN, AFTER };

static enum moment count_call(void)
{
    uint64_t cut_at = steering[STEERING_CUT_AT];
    uint64_t call = ++steering[STEERING_CALLS];
    if (cut_at == 0 || call < cut_at)
        return NEVER;
    return (enum moment)(BEFORE + disk_random(steering[STEERING_SEED] + call) % 3);
}

static void cut(void)
{
    steering[STEERING_UNDONE] = 1 + disk_cut(steering[STEERING_SEED] + steering[STEERING_CALLS]);
    for (;;)
        kill(getpid(), SIGKILL);
}

/* --- writing ----------------------------------------------------------------------------- */

struct piece {
    int fd;
    const struct iovec *parts;
    int count;
    off_t offset; /* -1: at the descriptor's own */
};

static size_t length(const struct piece *piece)
{
    size_t len = 0;
    for (int i = 0; i < piece->count; i++)
        len += piece->parts[i].iov_len;
    return len;
}

static ssize_t write_parts(const struct piece *piece, const struct iovec *parts, int count)
{
    return piece->offset < 0 ? real.writev(piece->fd, parts, count)
                             : real.pwritev(piece->fd, parts, count, piece->offset);
}

/* The first LEN bytes. */
static ssize_t write_first(const struct piece *piece, size_t len)
{
    struct iovec parts[IOV_MAX];
    int count = 0;
    for (; count < piece->count && len > 0; count++) {
        parts[count] = piece->parts[count];
        if (parts[count].iov_len > len)
            parts[count].iov_len = len;
        len -= parts[count].iov_len;
    }
    return write_parts(piece, parts, count);
}

static uint64_t place_of(const struct piece *piece, const struct disk_file *file)
{
    if (piece->offset >= 0)
        return (uint64_t)piece->offset;
    if (fcntl(piece->fd, F_GETFL) & O_APPEND)
        return disk_size(file);
    return (uint64_t)lseek(piece->fd, 0, SEEK_CUR);
}

/* Of the call that was counted last. */
static enum steering_sync way_of_sync(void)
{
    uint64_t call = steering[STEERING_CALLS];
    uint64_t from = steering[STEERING_SYNC_FROM];
    uint64_t calls = steering[STEERING_SYNC_CALLS];
    if (call < from || (calls != 0 && call - from >= calls))
        return SYNC_WELL;
    if (steering[STEERING_SYNC] != SYNC_ANY)
        return (enum steering_sync)steering[STEERING_SYNC];
    return (enum steering_sync)(SYNC_LOST + disk_random(steering[STEERING_SEED] - call) % 3);
}

static enum disk_fate fate_of_sync(enum steering_sync how)
{
    if (how == SYNC_LOST)
        return DISK_LOST;
    return how == SYNC_DROPPED ? DISK_DROPPED : DISK_WRITTEN;
}

/* 0, or the errno of a disk that fails. */
static int count_sync(enum steering_sync how)
{
    steering[how == SYNC_WELL ? STEERING_SYNCS : STEERING_FAILED]++;
    return how == SYNC_WELL ? 0 : EIO;
}

static bool syncs_each_write(int fd)
{
    return fcntl(fd, F_GETFL) & O_DSYNC; /* a bit of O_SYNC too */
}

static ssize_t refuse(int code)
{
    steering[STEERING_REFUSED]++;
    errno = code;
    return -1;
}

static ssize_t write_file(const struct piece *piece, struct disk_file *file)
{
    uint64_t at = place_of(piece, file);
    size_t len = length(piece);
    size_t room = len;
    enum moment moment = count_call();
    if (moment == BEFORE)
        cut();
    if (steering[STEERING_FULL] != 0)
        room = disk_room(file, at, len);
    if (moment == WITHIN && room > len / 2)
        room = len / 2;
    if (room == 0 && len > 0 && moment == NEVER)
        return refuse((int)steering[STEERING_FULL]);
    disk_touch(file, at, room);
    ssize_t written = room == 0 ? 0 : write_first(piece, room);
    if (moment != NEVER)
        cut();
    if (written <= 0 || !syncs_each_write(piece->fd))
        return written;
    enum steering_sync how = way_of_sync();
    disk_settle(file, at, (size_t)written, fate_of_sync(how));
    int code = count_sync(how);
    if (code == 0)
        return written;
    errno = code;
    return -1;
}

/* Not under the lock: on a slow disk only who waits for it is slow. */
static void be_slow(void)
{
    uint64_t ms = steering[STEERING_SYNC_MS];
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (ms > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static ssize_t write_piece(const struct piece *piece)
{
    ensure_started();
    if (steering[STEERING_SYNC_MS] != 0 && syncs_each_write(piece->fd))
        be_slow();
    pthread_mutex_lock(&lock);
    struct disk_file *file = disk_find(piece->fd, below);
    ssize_t written = file ? write_file(piece, file) : 0;
    int code = errno;
    pthread_mutex_unlock(&lock);
    if (!file)
        return write_parts(piece, piece->parts, piece->count);
    errno = code;
    return written;
}

/* --- what takes the place of libc's ------------------------------------------------------ */

/* Declared with the types of libc, under all names that a program may have linked. */
#define EXPORT __attribute__((visibility("default")))
#define SAME(name, as, type, ...) EXPORT type as(__VA_ARGS__) __attribute__((alias(#name)))

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return write_piece(&(struct piece){fd, parts, count, -1});
}

EXPORT ssize_t write(int fd, const void *bytes, size_t len)
{
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    return writev(fd, &part, 1);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    return write_piece(&(struct piece){fd, parts, count, offset});
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    return pwritev(fd, &part, 1, offset);
}

static int truncate_file(int fd, struct disk_file *file, off_t size)
{
    enum moment moment = count_call();
    if (moment == BEFORE)
        cut();
    disk_resize(file, (uint64_t)size);
    int rc = real.ftruncate(fd, size);
    if (moment != NEVER)
        cut();
    return rc;
}

EXPORT int ftruncate(int fd, off_t size)
{
    ensure_started();
    pthread_mutex_lock(&lock);
    struct disk_file *file = disk_find(fd, below);
    int rc = file ? truncate_file(fd, file, size) : real.ftruncate(fd, size);
    int code = errno;
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

/* Takes space, and that is all we know of it: its content is zeros, its size soon the disk's. */
static int reserve(int fd, const struct disk_file *file, int mode, off_t at, off_t len)
{
    if (steering[STEERING_FULL] != 0 && disk_room(file, (uint64_t)at, (size_t)len) < (size_t)len)
        return (int)refuse((int)steering[STEERING_FULL]);
    return real.fallocate(fd, mode, at, len);
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t len)
{
    ensure_started();
    pthread_mutex_lock(&lock);
    struct disk_file *file = disk_find(fd, below);
    int rc = file ? reserve(fd, file, mode, at, len) : real.fallocate(fd, mode, at, len);
    int code = errno;
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

/* Nothing is synced in truth: only the cut that we make can tell, and tests are quicker so. */
static int sync_file(struct disk_file *file)
{
    enum moment moment = count_call();
    enum steering_sync how = way_of_sync();
    if (moment == BEFORE || moment == WITHIN)
        cut();
    disk_settle_all(file, fate_of_sync(how));
    if (moment == AFTER)
        cut();
    errno = count_sync(how);
    return errno == 0 ? 0 : -1;
}

static int sync_with(int fd, int (*sync)(int))
{
    if (steering[STEERING_SYNC_MS] != 0)
        be_slow();
    pthread_mutex_lock(&lock);
    struct disk_file *file = disk_find(fd, below);
    int rc = file ? sync_file(file) : 0;
    int code = errno;
    pthread_mutex_unlock(&lock);
    if (!file)
        return sync(fd);
    errno = code;
    return rc;
}

EXPORT int fsync(int fd)
{
    ensure_started();
    return sync_with(fd, real.fsync);
}

EXPORT int fdatasync(int fd)
{
    ensure_started();
    return sync_with(fd, real.fdatasync);
}

/* off_t has 64 bits here: both names mean the same. */
SAME(pwrite, pwrite64, ssize_t, int fd, const void *bytes, size_t len, off_t offset);
SAME(pwritev, pwritev64, ssize_t, int fd, const struct iovec *parts, int count, off_t offset);
SAME(ftruncate, ftruncate64, int, int fd, off_t size);
SAME(fallocate, fallocate64, int, int fd, int mode, off_t at, off_t len);

/* --- the clock --------------------------------------------------------------------------- */

EXPORT int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    ensure_started();
    int rc = real.clock_gettime(clock, ret_time);
    if (rc != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return rc;
    int64_t ns = (int64_t)steering[STEERING_CLOCK_MS] % 1000 * 1000000 + ret_time->tv_nsec;
    int64_t carry = ns < 0 ? -1 : ns / 1000000000;
    ret_time->tv_sec += (int64_t)steering[STEERING_CLOCK_MS] / 1000 + carry;
    ret_time->tv_nsec = ns - carry * 1000000000;
    return 0;
}

EXPORT int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int rc = clock_gettime(CLOCK_REALTIME, &now);
    *ret_time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return rc;
}

EXPORT time_t time(time_t *ret_time)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time)
        *ret_time = now.tv_sec;
    return now.tv_sec;
}
