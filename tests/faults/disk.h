/* disk.h - what of the files below a directory is not on disk yet, in sectors, and what a power cut
 * makes of it. One lock around all of it, which the caller holds. */
#ifndef FAULTS_DISK_H
#define FAULTS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct disk_file;

/* The file of FD, or NULL when it is none of those. It is not closed with FD. */
struct disk_file *disk_find(int fd, const char *below);
uint64_t disk_size(const struct disk_file *file);
/* How many bytes of LEN from AT are on space that the file has. */
size_t disk_room(const struct disk_file *file, uint64_t at, size_t len);

/* Before a write. */
void disk_touch(struct disk_file *file, uint64_t at, size_t len);
/* Before the file gets another SIZE. */
void disk_resize(struct disk_file *file, uint64_t size);

enum disk_fate { DISK_WRITTEN, DISK_LOST, DISK_DROPPED };
/* What a sync of the range, or of the whole file, came to. */
void disk_settle(struct disk_file *file, uint64_t at, size_t len, enum disk_fate fate);
void disk_settle_all(struct disk_file *file, enum disk_fate fate);

/* All files as after a power cut: of what was not on disk, part is undone. Returns the number of
 * sectors. */
uint64_t disk_cut(uint64_t seed);

/* A number that looks random and is not. */
uint64_t disk_random(uint64_t seed);

#endif
