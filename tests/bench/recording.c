#include "recording.h"

#include "base/lsn.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (1 << 20)
#define STRIDE 0x10000 /* more than the log of one pass */

static int read_file(char **ret_bytes, size_t *ret_len, const char *path, struct error *err)
{
    char *bytes = malloc(FILE_MAX);
    FILE *file = fopen(path, "rb");
    size_t len = bytes != NULL && file != NULL ? fread(bytes, 1, FILE_MAX, file) : 0;

    if (file != NULL)
        fclose(file);
    if (len > 0 && len < FILE_MAX) {
        *ret_bytes = bytes;
        *ret_len = len;
        return 0;
    }
    free(bytes);
    return error_set(err, -EINVAL, "%s: cannot be read, is empty, or has more than %d bytes", path,
                     FILE_MAX);
}

/* In place. */
static int from_hex(struct recorded *message)
{
    for (size_t at = 0; at < message->len / 2; at++) {
        int high = str_hex_digit(message->bytes[2 * at]);
        int low = str_hex_digit(message->bytes[2 * at + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        message->bytes[at] = (char)(high << 4 | low);
    }
    message->len /= 2;
    return 0;
}

static int add_line(struct recording *recording, struct str line)
{
    struct recorded *message = &recording->messages[recording->count];

    if (lsn_parse(str_cut(&line, '\t'), &message->lsn) < 0 || line.len == 0)
        return -EINVAL;
    message->bytes = recording->file + (line.data - recording->file);
    message->len = line.len;
    int rc = recording->is_binary ? from_hex(message) : 0;
    recording->count += rc == 0;
    return rc;
}

static int add_lines(struct recording *recording, struct str text)
{
    size_t lines = 0;
    int rc = 0;

    for (size_t at = 0; at < text.len; at++)
        lines += text.data[at] == '\n';
    recording->messages = calloc(lines + 1, sizeof(*recording->messages));
    if (recording->messages == NULL)
        return -ENOMEM;
    while (rc == 0 && text.len > 0)
        rc = add_line(recording, str_cut(&text, '\n'));
    return rc;
}

int recording_load(struct recording *ret, const char *directory, const char *plugin,
                   struct error *err)
{
    struct recording recording = {.is_binary = strcmp(plugin, "pgoutput") == 0};
    char path[PATH_MAX];
    size_t len = 0;

    snprintf(path, sizeof(path), "%s/%s.messages", directory, plugin);
    int rc = read_file(&recording.file, &len, path, err);
    if (rc < 0)
        return rc;
    rc = add_lines(&recording, (struct str){recording.file, len});
    if (rc < 0) {
        recording_release(&recording);
        return error_set(err, rc, "%s: line %zu is no message", path, recording.count + 1);
    }
    *ret = recording;
    return 0;
}

void recording_release(struct recording *recording)
{
    free(recording->messages);
    free(recording->file);
    recording->messages = NULL;
    recording->file = NULL;
}

/* --- moving on ------------------------------------------------------------------------------- */

static void move_number(char *at)
{
    uint64_t big;

    memcpy(&big, at, sizeof(big));
    big = htobe64(be64toh(big) + STRIDE);
    memcpy(at, &big, sizeof(big));
}

/* Begin: final LSN; Commit: flags, its LSN, the end LSN. */
static void move_pgoutput(struct recorded *message)
{
    if (message->bytes[0] == 'B')
        move_number(message->bytes + 1);
    if (message->bytes[0] == 'C') {
        move_number(message->bytes + 2);
        move_number(message->bytes + 10);
    }
}

static int move_text(struct recorded *message, const char *key)
{
    char text[LSN_TEXT_MAX];
    uint64_t lsn;
    char *at = memmem(message->bytes, message->len, key, strlen(key));

    if (at == NULL)
        return 0;
    at += strlen(key);
    struct str rest = {at, message->len - (size_t)(at - message->bytes)};
    struct str old = str_cut(&rest, '"');
    if (lsn_parse(old, &lsn) < 0 || strlen(lsn_format(lsn + STRIDE, text)) != old.len)
        return -ERANGE;
    memcpy(at, text, old.len);
    return 0;
}

/* A row's own position is read by nobody. */
static int move_wal2json(struct recorded *message)
{
    struct str text = {message->bytes, message->len};
    int rc = 0;

    if (str_starts_with(text, STR("{\"action\":\"B\"")) ||
        str_starts_with(text, STR("{\"action\":\"C\""))) {
        rc = move_text(message, "\"lsn\":\"");
        if (rc == 0)
            rc = move_text(message, "\"nextlsn\":\"");
    }
    return rc;
}

int recording_advance(struct recording *recording, struct error *err)
{
    for (size_t i = 0; i < recording->count; i++) {
        struct recorded *message = &recording->messages[i];
        int rc = 0;
        message->lsn += STRIDE;
        if (recording->is_binary)
            move_pgoutput(message);
        else
            rc = move_wal2json(message);
        if (rc < 0)
            return error_set(err, rc, "message %zu: its positions have no room to grow", i + 1);
    }
    return 0;
}
