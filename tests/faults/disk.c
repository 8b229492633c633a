#include "disk.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uthash.h>

enum { SECTOR = 512 };

/* One that may differ from what is on disk. */
struct sector {
    uint64_t number;
    bool lost; /* a sync of it failed, and it was not written since */
    unsigned char durable[SECTOR];
    UT_hash_handle hh;
};

struct disk_file {
    dev_t device;
    ino_t inode;
    int fd; /* our own, to read and write; keeps the inode from being another file's */
    uint64_t durable_size;
    bool resized; /* its size may differ from that */
    struct sector *sectors;
    struct disk_file *next;
};

static struct disk_file *files;

uint64_t disk_random(uint64_t seed)
{
    uint64_t z = seed + 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void give_up(const char *what)
{
    perror(what);
    abort();
}

/* --- files ------------------------------------------------------------------------------- */

static bool is_below(int fd, const char *below)
{
    char link[64];
    char path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path));
    size_t top = strlen(below);
    return len > (ssize_t)top && memcmp(path, below, top) == 0 && path[top] == '/';
}

static struct disk_file *add(int fd, const struct stat *st)
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    struct disk_file *file = calloc(1, sizeof(*file));
    if (!file)
        give_up("faults: memory");
    *file = (struct disk_file){.device = st->st_dev,
                               .inode = st->st_ino,
                               .fd = open(link, O_RDWR | O_CLOEXEC),
                               .durable_size = (uint64_t)st->st_size,
                               .next = files};
    if (file->fd < 0)
        give_up("faults: open");
    return files = file;
}

/* A file without a name is gone after a power cut: only what is taken of the disk matters, and we
 * must not keep it. */
static struct disk_file *nameless(int fd)
{
    static struct disk_file file;
    file = (struct disk_file){.fd = fd};
    return &file;
}

static bool is_nameless(const struct disk_file *file)
{
    return file->inode == 0;
}

struct disk_file *disk_find(int fd, const char *below)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return NULL;
    for (struct disk_file *file = files; file; file = file->next)
        if (file->device == st.st_dev && file->inode == st.st_ino)
            return file;
    if (!is_below(fd, below))
        return NULL;
    return st.st_nlink == 0 ? nameless(fd) : add(fd, &st);
}

uint64_t disk_size(const struct disk_file *file)
{
    struct stat st;
    if (fstat(file->fd, &st) != 0)
        give_up("faults: fstat");
    return (uint64_t)st.st_size;
}

size_t disk_room(const struct disk_file *file, uint64_t at, size_t len)
{
    if (at >= disk_size(file))
        return 0;
    off_t before = lseek(file->fd, 0, SEEK_CUR);
    off_t hole = lseek(file->fd, (off_t)at, SEEK_HOLE);
    lseek(file->fd, before, SEEK_SET);
    uint64_t room = hole < (off_t)at ? 0 : (uint64_t)hole - at;
    return room < len ? (size_t)room : len;
}

/* --- sectors ----------------------------------------------------------------------------- */

static struct sector *find_sector(const struct disk_file *file, uint64_t number)
{
    struct sector *sector;
    HASH_FIND(hh, file->sectors, &number, sizeof(number), sector);
    return sector;
}

static void remember(struct disk_file *file, uint64_t number)
{
    struct sector *sector = find_sector(file, number);
    if (sector) {
        sector->lost = false;
        return;
    }
    sector = calloc(1, sizeof(*sector));
    if (!sector)
        give_up("faults: memory");
    sector->number = number;
    if (pread(file->fd, sector->durable, SECTOR, (off_t)(number * SECTOR)) < 0)
        give_up("faults: pread");
    HASH_ADD(hh, file->sectors, number, sizeof(sector->number), sector);
}

static void forget(struct disk_file *file, struct sector *sector)
{
    HASH_DEL(file->sectors, sector);
    free(sector);
}

void disk_touch(struct disk_file *file, uint64_t at, size_t len)
{
    if (is_nameless(file) || len == 0)
        return;
    for (uint64_t n = at / SECTOR; n <= (at + len - 1) / SECTOR; n++)
        remember(file, n);
    if (at + len > disk_size(file))
        file->resized = true;
}

void disk_resize(struct disk_file *file, uint64_t size)
{
    if (is_nameless(file))
        return;
    uint64_t before = disk_size(file);
    if (size < before)
        disk_touch(file, size, (size_t)(before - size));
    file->resized = true;
}

static uint64_t undo(const struct disk_file *file, const struct sector *sector)
{
    uint64_t at = sector->number * SECTOR;
    uint64_t size = disk_size(file);
    if (at >= size)
        return 0;
    size_t len = size - at < SECTOR ? (size_t)(size - at) : SECTOR;
    /* Not by libc's name: that is ours. */
    if (syscall(SYS_pwrite64, file->fd, sector->durable, len, at) != (long)len)
        give_up("faults: pwrite");
    return 1;
}

static void settle(struct disk_file *file, struct sector *sector, enum disk_fate fate)
{
    if (sector->lost)
        return; /* clean, as far as the kernel knows */
    if (fate == DISK_DROPPED)
        undo(file, sector);
    if (fate == DISK_LOST)
        sector->lost = true;
    else
        forget(file, sector);
}

void disk_settle(struct disk_file *file, uint64_t at, size_t len, enum disk_fate fate)
{
    if (is_nameless(file) || len == 0)
        return;
    for (uint64_t n = at / SECTOR; n <= (at + len - 1) / SECTOR; n++) {
        struct sector *sector = find_sector(file, n);
        if (sector)
            settle(file, sector, fate);
    }
}

void disk_settle_all(struct disk_file *file, enum disk_fate fate)
{
    if (is_nameless(file))
        return;
    struct sector *sector;
    struct sector *next;
    HASH_ITER(hh, file->sectors, sector, next)
    settle(file, sector, fate);
    if (fate == DISK_WRITTEN) {
        file->durable_size = disk_size(file);
        file->resized = false;
    }
}

/* --- power cut --------------------------------------------------------------------------- */

/* Out of four sectors that are not on disk, how many are undone: sometimes all, sometimes none. */
uint64_t disk_cut(uint64_t seed)
{
    uint64_t undone = 0;
    uint64_t share = disk_random(seed) % 5;
    for (struct disk_file *file = files; file; file = file->next) {
        struct sector *sector;
        struct sector *next;
        HASH_ITER(hh, file->sectors, sector, next)
        if (disk_random(seed ^ (sector->number << 8)) % 4 < share)
            undone += undo(file, sector);
        if (file->resized && disk_random(seed + 1) % 4 < share &&
            syscall(SYS_ftruncate, file->fd, file->durable_size) != 0)
            give_up("faults: ftruncate");
    }
    return undone;
}
