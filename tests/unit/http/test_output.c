#include "http/output.h"
#include "unit.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_pair(int fds[2], int send_buffer)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    if (send_buffer > 0)
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
}

static void close_pair(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

/* Copies in a row share a piece, and what they hold is theirs. */
START_TEST(test_copies_are_gathered)
{
    struct output output;
    int fds[2];
    char text[] = "abc", got[16];
    output_init(&output);
    open_pair(fds, 0);
    ck_assert_int_eq(output_copy(&output, (struct str){text, 3}), 0);
    ck_assert_int_eq(output_copy(&output, STR("def")), 0);
    memset(text, 'x', 3);
    ck_assert_uint_eq(output.count, 1);
    ck_assert_uint_eq(output.bytes, 6);
    ck_assert_int_eq(output_send(&output, fds[0]), 6);
    ck_assert_uint_eq(output.count, 0);
    ck_assert_uint_eq(output.bytes, 0);
    ck_assert_int_eq(read(fds[1], got, sizeof(got)), 6);
    ck_assert_int_eq(memcmp(got, "abcdef", 6), 0);
    output_release(&output);
    close_pair(fds);
}
END_TEST

/* In bulk they share few pieces, and the memory that waits is not much more than what was copied.
 */
START_TEST(test_bulk_is_few_pieces)
{
    static const char frame[300];
    struct output output;
    size_t allocated = 0;
    output_init(&output);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(output_copy(&output, (struct str){frame, sizeof(frame)}), 0);
    ck_assert_uint_eq(output.bytes, 300000);
    ck_assert_uint_le(output.count, 16);
    for (uint32_t i = 0; i < output.count; i++)
        allocated += output.pieces[(output.first + i) & (output.capacity - 1)].bytes->len;
    ck_assert_uint_lt(allocated, 2 * output.bytes);
    output_release(&output);
}
END_TEST

/* Copies of all sizes, cut by chunks and by the socket, come out as they went in. */
START_TEST(test_partial_sends)
{
    struct output output;
    int fds[2];
    const size_t total = 1u << 20;
    char *in = malloc(total), *out = malloc(total);
    size_t put = 0, got = 0;
    for (size_t i = 0; i < total; i++)
        in[i] = (char)(i * 2654435761u >> 13);
    output_init(&output);
    open_pair(fds, 4608);
    for (size_t step = 1; got < total; step = step * 7 % 5003) {
        size_t len = total - put < step ? total - put : step;
        if (output.count < OUTPUT_PIECES_MAX / 2) {
            ck_assert_int_eq(output_copy(&output, (struct str){in + put, len}), 0);
            put += len;
        }
        ssize_t sent = output.count > 0 ? output_send(&output, fds[0]) : 0;
        ck_assert(sent >= 0 || sent == -EAGAIN);
        ssize_t n = read(fds[1], out + got, step % 1000 + 1);
        got += n > 0 ? (size_t)n : 0;
    }
    ck_assert_int_eq(memcmp(in, out, total), 0);
    ck_assert_uint_eq(output.count, 0);
    output_release(&output);
    close_pair(fds);
    free(in);
    free(out);
}
END_TEST

/* A copy never goes into bytes that are shared, even where those have room behind the piece. */
/* What the socket has room for in one send: LEN bytes, or as many as it takes. */
static ssize_t send_of(size_t len, struct output *output)
{
    int fds[2];
    char *bytes = calloc(1, len);
    output_init(output);
    open_pair(fds, 4608);
    ck_assert_int_eq(output_copy(output, (struct str){bytes, len}), 0);
    ssize_t sent = output_send(output, fds[0]);
    close_pair(fds);
    free(bytes);
    return sent;
}

/* One byte that the socket has no room for is not forgotten. */
START_TEST(test_last_byte)
{
    struct output output;
    ssize_t room = send_of(1u << 20, &output);
    ck_assert_int_gt(room, 0);
    ck_assert_uint_eq(output.bytes, (1u << 20) - (size_t)room);
    output_release(&output);
    ck_assert_int_eq(send_of((size_t)room + 1, &output), room);
    ck_assert_uint_eq(output.bytes, 1);
    ck_assert_uint_eq(output.count, 1);
    output_release(&output);
}
END_TEST

START_TEST(test_shared_bytes_stay)
{
    struct output output;
    int fds[2];
    char got[16];
    struct shared *bytes = shared_new("0123456789", 10);
    output_init(&output);
    open_pair(fds, 0);
    ck_assert_int_eq(output_copy(&output, STR("a")), 0);
    ck_assert_int_eq(output_add(&output, bytes, 0, 5), 0);
    ck_assert_int_eq(output_copy(&output, STR("b")), 0);
    ck_assert_int_eq(output_send(&output, fds[0]), 7);
    ck_assert_int_eq(read(fds[1], got, sizeof(got)), 7);
    ck_assert_int_eq(memcmp(got, "a01234b", 7), 0);
    ck_assert_int_eq(memcmp(bytes->data, "0123456789", 10), 0);
    shared_unref(bytes);
    output_release(&output);
    close_pair(fds);
}
END_TEST

/* Each piece holds one reference until its last byte is sent, or the output is released. */
START_TEST(test_references)
{
    struct output output;
    int fds[2];
    char got[64];
    struct shared *bytes = shared_new("0123456789", 10);
    output_init(&output);
    open_pair(fds, 0);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(output_add(&output, bytes, (size_t)i, 2), 0);
    ck_assert_uint_eq(atomic_load(&bytes->references), 6);
    ck_assert_int_eq(output_send(&output, fds[0]), 10);
    ck_assert_uint_eq(atomic_load(&bytes->references), 1);
    ck_assert_int_eq(read(fds[1], got, sizeof(got)), 10);
    ck_assert_int_eq(memcmp(got, "0112233445", 10), 0);
    ck_assert_int_eq(output_add(&output, bytes, 0, 10), 0);
    output_release(&output);
    ck_assert_uint_eq(atomic_load(&bytes->references), 1);
    shared_unref(bytes);
    close_pair(fds);
}
END_TEST

/* The maximum is a maximum: one more piece is refused and nothing is lost or kept. */
START_TEST(test_maximum)
{
    struct output output;
    int fds[2];
    char got[OUTPUT_PIECES_MAX + 1];
    struct shared *bytes = shared_new("x", 1);
    output_init(&output);
    open_pair(fds, 0);
    for (int i = 0; i < OUTPUT_PIECES_MAX; i++)
        ck_assert_int_eq(output_add(&output, bytes, 0, 1), 0);
    ck_assert_int_eq(output_add(&output, bytes, 0, 1), -ENOBUFS);
    ck_assert_int_eq(output_copy(&output, STR("y")), -ENOBUFS);
    ck_assert_uint_eq(atomic_load(&bytes->references), OUTPUT_PIECES_MAX + 1);
    ck_assert_int_eq(output_send(&output, fds[0]), OUTPUT_PIECES_MAX);
    ck_assert_int_eq(read(fds[1], got, sizeof(got)), OUTPUT_PIECES_MAX);
    ck_assert_ptr_eq(output.pieces, output.inline_pieces);
    shared_unref(bytes);
    output_release(&output);
    close_pair(fds);
}
END_TEST

/* A peer that is gone is an error code, not a signal. */
START_TEST(test_peer_gone)
{
    struct output output;
    int fds[2];
    output_init(&output);
    open_pair(fds, 0);
    close(fds[1]);
    ck_assert_int_eq(output_copy(&output, STR("x")), 0);
    ck_assert_int_eq(output_send(&output, fds[0]), -EPIPE);
    ck_assert_uint_eq(output.bytes, 1);
    output_release(&output);
    close(fds[0]);
}
END_TEST

UNIT_SUITE("http/output", test_copies_are_gathered, test_bulk_is_few_pieces, test_partial_sends,
           test_last_byte, test_shared_bytes_stay, test_references, test_maximum, test_peer_gone)
