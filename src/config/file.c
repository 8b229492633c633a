#include "config/file.h"
#include "base/buffer.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_all(FILE *stream, const char *file, struct buffer *bytes, struct error *err)
{
    char chunk[4096];
    size_t got;

    while (!bytes->failed && (got = fread(chunk, 1, sizeof(chunk), stream)) > 0)
        buffer_append(bytes, chunk, got);
    if (ferror(stream))
        return error_set(err, -errno, "%s: cannot be read: %s", file, strerrordesc_np(errno));
    buffer_append_char(bytes, '\0');
    if (bytes->failed == -EMSGSIZE)
        return error_set(err, -EMSGSIZE, "%s: is larger than %zu bytes; shorten it", file,
                         bytes->max - 1);
    if (bytes->failed)
        return error_set(err, bytes->failed, "%s: no memory to read it", file);
    return 0;
}

int file_read(char **ret_text, size_t *ret_len, const char *file, size_t max, struct error *err)
{
    struct buffer bytes;

    FILE *stream = fopen(file, "re");
    if (!stream)
        return error_set(err, -errno, "%s: cannot be opened: %s", file, strerrordesc_np(errno));
    buffer_init(&bytes, max + 1);
    int code = read_all(stream, file, &bytes, err);
    fclose(stream);
    if (code < 0) {
        buffer_release(&bytes);
        return code;
    }
    *ret_text = bytes.data;
    *ret_len = bytes.len - 1;
    return 0;
}
