#include "http/output.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Small writes share one chunk: a frame that is written field by field is still one piece. The more
 * waits, the larger the next chunk: many frames are few pieces, of twice their bytes at the most.
 */
#define CHUNK_BYTES_MIN 2048
#define CHUNK_BYTES_MAX 32768

/* One that sends all the time grows anew each time. */
#define GROWTH 4
static_assert(OUTPUT_PIECES_INLINE * GROWTH * GROWTH * GROWTH * GROWTH == OUTPUT_PIECES_MAX,
              "it grows to the maximum, and not past it");

void output_init(struct output *output)
{
    *output = (struct output){.capacity = OUTPUT_PIECES_INLINE};
    output->pieces = output->inline_pieces;
}

static struct output_piece *piece_at(struct output *output, uint32_t index)
{
    return &output->pieces[(output->first + index) & (output->capacity - 1)];
}

/* An output without pieces is as small as it was born: most connections wait most of the time. */
static void shrink(struct output *output)
{
    if (output->pieces != output->inline_pieces)
        free(output->pieces);
    output->pieces = output->inline_pieces;
    output->capacity = OUTPUT_PIECES_INLINE;
    output->first = output->count = 0;
    output->bytes = 0;
    output->tail_open = false;
}

void output_release(struct output *output)
{
    for (uint32_t i = 0; i < output->count; i++)
        shared_unref(piece_at(output, i)->bytes);
    shrink(output);
}

static int grow(struct output *output)
{
    if (output->capacity >= OUTPUT_PIECES_MAX)
        return -ENOBUFS;
    uint32_t capacity = output->capacity * GROWTH;
    struct output_piece *pieces = malloc(capacity * sizeof(*pieces));
    if (!pieces)
        return -ENOMEM;
    for (uint32_t i = 0; i < output->count; i++)
        pieces[i] = *piece_at(output, i);
    if (output->pieces != output->inline_pieces)
        free(output->pieces);
    output->pieces = pieces;
    output->first = 0;
    output->capacity = capacity;
    return 0;
}

/* Room for one more piece. */
static int reserve(struct output *output)
{
    return output->count < output->capacity ? 0 : grow(output);
}

/* There is room. Takes the caller's reference of BYTES. */
static void push(struct output *output, struct shared *bytes, size_t offset, size_t len)
{
    *piece_at(output, output->count++) = (struct output_piece){bytes, offset, len};
    output->bytes += len;
}

int output_add(struct output *output, struct shared *bytes, size_t offset, size_t len)
{
    assert(offset <= bytes->len && len <= bytes->len - offset);
    if (len == 0)
        return 0;
    int result = reserve(output);
    if (result < 0)
        return result;
    push(output, shared_ref(bytes), offset, len);
    output->tail_open = false;
    return 0;
}

/* As much of BYTES as the open chunk at the end has room for. */
static size_t continue_tail(struct output *output, struct str bytes)
{
    if (!output->tail_open)
        return 0;
    struct output_piece *tail = piece_at(output, output->count - 1);
    size_t end = tail->offset + tail->len;
    size_t room = tail->bytes->len - end;
    size_t len = bytes.len < room ? bytes.len : room;
    memcpy(tail->bytes->data + end, bytes.data, len);
    tail->len += len;
    output->bytes += len;
    return len;
}

static size_t chunk_size(const struct output *output, size_t need)
{
    size_t size = output->bytes < CHUNK_BYTES_MAX ? output->bytes : CHUNK_BYTES_MAX;
    size = size > CHUNK_BYTES_MIN ? size : CHUNK_BYTES_MIN;
    return size > need ? size : need;
}

int output_copy(struct output *output, struct str bytes)
{
    if (bytes.len == 0)
        return 0;
    size_t copied = continue_tail(output, bytes);
    bytes.data += copied;
    bytes.len -= copied;
    if (bytes.len == 0)
        return 0;
    int result = reserve(output);
    if (result < 0)
        return result;
    struct shared *chunk = shared_new(NULL, chunk_size(output, bytes.len));
    if (!chunk)
        return -ENOMEM;
    memcpy(chunk->data, bytes.data, bytes.len);
    push(output, chunk, 0, bytes.len);
    output->tail_open = true;
    return 0;
}

static void consume(struct output *output, size_t len)
{
    if (len == output->bytes) {
        output_release(output);
        return;
    }
    output->bytes -= len;
    while (len > 0) {
        struct output_piece *piece = piece_at(output, 0);
        if (len < piece->len) {
            piece->offset += len;
            piece->len -= len;
            return;
        }
        len -= piece->len;
        shared_unref(piece->bytes);
        output->first = (output->first + 1) & (output->capacity - 1);
        output->count--;
    }
}

/* For a single piece, which is what an event is to a client that keeps up, send() costs the kernel
 * less than a vector of one. */
static ssize_t send_first(const struct output_piece *piece, int fd)
{
    return send(fd, piece->bytes->data + piece->offset, piece->len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t send_all(struct output *output, int fd)
{
    struct iovec vectors[OUTPUT_PIECES_MAX];
    for (uint32_t i = 0; i < output->count; i++) {
        struct output_piece *piece = piece_at(output, i);
        vectors[i] = (struct iovec){piece->bytes->data + piece->offset, piece->len};
    }
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = output->count};
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t output_send(struct output *output, int fd)
{
    ssize_t sent;
    do
        sent = output->count == 1 ? send_first(piece_at(output, 0), fd) : send_all(output, fd);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    consume(output, (size_t)sent);
    return sent;
}
