#include "source/spool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BYTES ((size_t)4 << 20) /* past it messages go to the file */
#define MEMORY_MAX ((size_t)2 << 30)   /* one message larger than MEMORY_BYTES still fits */

struct head { /* before each message; in memory and file of one process only */
    uint64_t lsn;
    uint64_t len;
};

void spool_init(struct spool *s, const char *directory)
{
    *s = (struct spool){.directory = directory, .fd = -1};
    buffer_init(&s->memory, MEMORY_MAX);
}

void spool_clear(struct spool *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->file_bytes = s->file_at = 0;
    s->memory_at = 0;
    s->reading = false;
    if (s->memory.capacity > 2 * MEMORY_BYTES)
        buffer_release(&s->memory);
    if (!s->memory.data)
        buffer_init(&s->memory, MEMORY_MAX);
    buffer_reset(&s->memory);
}

void spool_release(struct spool *s)
{
    spool_clear(s);
    buffer_release(&s->memory);
}

/* All is as before the call: the same can be tried again. */
static int file_error(const struct spool *s, int code, struct error *err)
{
    return error_set(err, -ENOSPC,
                     "a transaction larger than %zu MB is kept in %s until its commit: %s; make "
                     "the directory writable and let it have room, or use the plugin wal2json, "
                     "which needs none",
                     MEMORY_BYTES >> 20, s->directory, strerrordesc_np(code));
}

static int open_file(struct spool *s, struct error *err)
{
    s->fd = open(s->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd >= 0)
        return 0;
    char path[4096];
    if ((size_t)snprintf(path, sizeof(path), "%s/spool-XXXXXX", s->directory) >= sizeof(path))
        return file_error(s, ENAMETOOLONG, err);
    s->fd = mkostemp(path, O_CLOEXEC); /* a file system without O_TMPFILE */
    if (s->fd < 0)
        return file_error(s, errno, err);
    unlink(path);
    return 0;
}

static int write_at(const struct spool *s, uint64_t at, struct str bytes, struct error *err)
{
    while (bytes.len > 0) {
        ssize_t n = pwrite(s->fd, bytes.data, bytes.len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return file_error(s, n < 0 ? errno : ENOSPC, err);
        bytes = (struct str){bytes.data + n, bytes.len - (size_t)n};
        at += (size_t)n;
    }
    return 0;
}

/* Moves what is in memory to the end of the file. */
static int write_out(struct spool *s, struct error *err)
{
    if (s->fd < 0) {
        int rc = open_file(s, err);
        if (rc < 0)
            return rc;
    }
    int rc = write_at(s, s->file_bytes, buffer_str(&s->memory), err);
    if (rc < 0)
        return rc;
    s->file_bytes += s->memory.len;
    buffer_reset(&s->memory);
    return 0;
}

/* A message that alone is past MEMORY_BYTES is not copied into memory first. */
static int write_large(struct spool *s, const struct head *head, struct str message,
                       struct error *err)
{
    int rc = write_at(s, s->file_bytes, (struct str){(const char *)head, sizeof(*head)}, err);
    if (rc == 0)
        rc = write_at(s, s->file_bytes + sizeof(*head), message, err);
    if (rc == 0)
        s->file_bytes += sizeof(*head) + message.len;
    return rc;
}

int spool_add(struct spool *s, struct str message, uint64_t lsn, struct error *err)
{
    const struct head head = {lsn, message.len};
    if (s->memory.len + sizeof(head) + message.len > MEMORY_BYTES) {
        int rc = write_out(s, err);
        if (rc < 0)
            return rc;
        if (sizeof(head) + message.len > MEMORY_BYTES)
            return write_large(s, &head, message, err);
    }
    buffer_append(&s->memory, &head, sizeof(head));
    if (buffer_append(&s->memory, message.data, message.len) < 0)
        return error_set(err, s->memory.failed, "no memory for a message of %zu bytes",
                         message.len);
    return 0;
}

/* From filling to reading. */
static int begin_reading(struct spool *s, struct error *err)
{
    int rc = s->fd >= 0 && s->memory.len > 0 ? write_out(s, err) : 0;
    s->reading = rc == 0;
    return rc;
}

/* Drops what was read from memory and fills it up to at least WANTED bytes from the file. 1; 0 when
 * there is not that much; negative when it cannot be read. */
static int fill(struct spool *s, size_t wanted, struct error *err)
{
    if (s->memory.len - s->memory_at >= wanted)
        return 1;
    buffer_consume(&s->memory, s->memory_at);
    s->memory_at = 0;
    if (s->memory.len == 0 && s->memory.capacity > 2 * MEMORY_BYTES)
        buffer_release(&s->memory);
    while (s->memory.len < wanted || s->memory.len < MEMORY_BYTES / 4) {
        uint64_t left = s->file_bytes - s->file_at;
        size_t step = left < MEMORY_BYTES / 4 ? (size_t)left : MEMORY_BYTES / 4;
        if (step == 0)
            break;
        char *room = buffer_reserve(&s->memory, step);
        if (!room)
            return error_set(err, s->memory.failed, "no memory to read a transaction back");
        ssize_t n = pread(s->fd, room, step, (off_t)s->file_at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return file_error(s, n < 0 ? errno : EIO, err);
        s->memory.len += (size_t)n;
        s->file_at += (size_t)n;
    }
    return s->memory.len >= wanted ? 1 : 0;
}

int spool_next(struct spool *s, struct str *ret_message, uint64_t *ret_lsn, struct error *err)
{
    struct head head;
    int rc = s->reading ? 0 : begin_reading(s, err);
    if (rc == 0)
        rc = fill(s, sizeof(head), err);
    if (rc <= 0)
        return rc;
    memcpy(&head, s->memory.data + s->memory_at, sizeof(head));
    rc = fill(s, sizeof(head) + head.len, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return file_error(s, EIO, err);
    *ret_message = (struct str){s->memory.data + s->memory_at + sizeof(head), head.len};
    *ret_lsn = head.lsn;
    s->memory_at += sizeof(head) + head.len;
    return 1;
}
