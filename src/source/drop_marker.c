#include "source/drop_marker.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "journal/directory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "slot.dropped"
#define TEXT_BYTES 256
/* Epoch "-": not known. */
#define TEXT_FORMAT "slot %s epoch %s dropped %s\n"

static int fail(struct error *err, int code, const char *journal_path, const char *what)
{
    return error_set(err, -code,
                     "journal %s: cannot %s " FILE_NAME
                     ": %s; make the directory writable for this user, or be the user who runs "
                     "the service",
                     journal_path, what, strerrordesc_np(code));
}

static char *path_of(const char *journal_path, const char *suffix, struct error *err)
{
    char *path;
    if (asprintf(&path, "%s/" FILE_NAME "%s", journal_path, suffix) >= 0)
        return path;
    error_set(err, -ENOMEM, "journal %s: out of memory", journal_path);
    return NULL;
}

void drop_marker_date(struct drop_marker *marker)
{
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(marker->time, sizeof(marker->time), "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* --- write ----------------------------------------------------------------------------------- */

/* The service may be another user than the one who drops the slot, so everybody may read it. */
static int write_file(const char *path, const char *text, size_t len)
{
    unlink(path); /* of one who was killed */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    ssize_t written = write(fd, text, len);
    int code = written < 0 ? errno : written < (ssize_t)len ? ENOSPC : 0;
    if (code == 0 && (fchmod(fd, 0644) != 0 || fsync(fd) != 0))
        code = errno;
    close(fd);
    return code;
}

int drop_marker_write(const char *journal_path, const struct drop_marker *marker, struct error *err)
{
    char text[TEXT_BYTES];
    char *whole cleanup_free = path_of(journal_path, "", err);
    char *begun cleanup_free = path_of(journal_path, ".new", err);
    if (!whole || !begun)
        return -ENOMEM;
    int len = snprintf(text, sizeof(text), TEXT_FORMAT, marker->slot,
                       marker->epoch[0] ? marker->epoch : "-", marker->time);
    int code = write_file(begun, text, (size_t)len);
    if (code == 0 && rename(begun, whole) != 0)
        code = errno;
    if (code != 0) {
        unlink(begun);
        return fail(err, code, journal_path, "write");
    }
    return directory_sync(journal_path, err);
}

/* --- read ------------------------------------------------------------------------------------ */

static bool take(struct str *text, const char *word, char *out, size_t size)
{
    struct str label = str_cut(text, ' ');
    struct str value = str_cut(text, ' ');
    if (!str_equal(label, str_from(word)) || value.len == 0 || value.len >= size)
        return false;
    snprintf(out, size, "%.*s", STR_ARG(value));
    return true;
}

static bool parse(struct drop_marker *ret_marker, struct str text)
{
    struct drop_marker marker;
    struct str line = str_cut(&text, '\n');
    if (!take(&line, "slot", marker.slot, sizeof(marker.slot)) ||
        !take(&line, "epoch", marker.epoch, sizeof(marker.epoch)) ||
        !take(&line, "dropped", marker.time, sizeof(marker.time)) || text.data == NULL)
        return false;
    if (strcmp(marker.epoch, "-") == 0)
        marker.epoch[0] = '\0';
    *ret_marker = marker;
    return true;
}

int drop_marker_read(const char *journal_path, struct drop_marker *ret_marker, struct error *err)
{
    char text[TEXT_BYTES];
    char *path cleanup_free = path_of(journal_path, "", err);
    if (!path)
        return -ENOMEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, journal_path, "read");
    ssize_t len = read(fd, text, sizeof(text));
    int code = len < 0 ? errno : 0;
    close(fd);
    if (code != 0)
        return fail(err, code, journal_path, "read");
    if (parse(ret_marker, (struct str){text, (size_t)len}))
        return 0;
    return error_set(err, -EBADMSG,
                     "journal %s: " FILE_NAME
                     " is not what walpiper slot drop writes; remove it and run that again",
                     journal_path);
}

int drop_marker_remove(const char *journal_path, struct error *err)
{
    char *path cleanup_free = path_of(journal_path, "", err);
    if (!path)
        return -ENOMEM;
    if (unlink(path) == 0)
        return directory_sync(journal_path, err);
    return errno == ENOENT ? 0 : fail(err, errno, journal_path, "remove");
}

bool drop_marker_ends(const struct drop_marker *marker, const char *slot, const char *epoch)
{
    return strcmp(marker->slot, slot) == 0 &&
           (marker->epoch[0] == '\0' || strcmp(marker->epoch, epoch) == 0);
}
