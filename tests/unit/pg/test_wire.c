#include "pg/wire.h"
#include "unit.h"
#include <errno.h>

/* As the server sends them: 'w', start, end, time, payload. */
static const char data_message[] =
    "w\0\0\0\1\xab\xcd\xef\1\0\0\0\1\xab\xcd\xef\2\0\0\0\0\0\0\0\0{}";
static const char keepalive[] = "k\0\0\0\0\1\x54\x20\x98\0\0\0\0\0\0\0\0\1";

START_TEST(data_gives_position_and_payload)
{
    struct wire_message message;
    struct error err = {0};
    ck_assert_int_eq(wire_read(&message, (struct str){data_message, 27}, &err), 0);
    ck_assert_int_eq(message.kind, WIRE_DATA);
    ck_assert_uint_eq(message.lsn, 0x1abcdef01);
    ck_assert(str_equal(message.payload, STR("{}")));
}
END_TEST

START_TEST(keepalive_gives_position_and_wish_for_a_reply)
{
    struct wire_message message;
    struct error err = {0};
    ck_assert_int_eq(wire_read(&message, (struct str){keepalive, 18}, &err), 0);
    ck_assert_int_eq(message.kind, WIRE_KEEPALIVE);
    ck_assert_uint_eq(message.lsn, 0x1542098);
    ck_assert(message.reply_requested);
}
END_TEST

START_TEST(every_truncated_header_is_refused)
{
    struct wire_message message;
    struct error err = {0};
    for (size_t len = 0; len < 25; len++)
        ck_assert_int_eq(wire_read(&message, (struct str){data_message, len}, &err), -EBADMSG);
    for (size_t len = 0; len < 18; len++)
        ck_assert_int_eq(wire_read(&message, (struct str){keepalive, len}, &err), -EBADMSG);
    ck_assert_int_eq(wire_read(&message, STR("x0000000000000000000000000000"), &err), -EBADMSG);
}
END_TEST

START_TEST(status_says_one_position_three_times_and_the_time_since_2000)
{
    char status[WIRE_STATUS_BYTES];
    wire_write_status(status, 0x0102030405060708, 946684800000000 + 0x11, true);
    static const char expected[WIRE_STATUS_BYTES] = "r\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10\1\2\3\4\5"
                                                    "\6\7\10\0\0\0\0\0\0\0\x11\1";
    ck_assert_mem_eq(status, expected, sizeof(status));
}
END_TEST

UNIT_SUITE("pg/wire", data_gives_position_and_payload,
           keepalive_gives_position_and_wish_for_a_reply, every_truncated_header_is_refused,
           status_says_one_position_three_times_and_the_time_since_2000)
