#include "intake.h"
#include "unit.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define FRAME(number) "id: 7\nevent: insert\ndata: {\"stamp\":\"#" #number "@5#\"}\n\n"

static const struct tally_plan plan = {.receivers = 1, .first = 1, .count = 3};
static struct tally tally;
static struct reading reading;
static struct intake intake;

static void begin(enum intake_state state)
{
    struct error err = {0};

    ck_assert_int_eq(tally_init(&tally, &plan, &err), 0);
    reading = (struct reading){.tally = &tally};
    intake_init(&intake, 0, state);
}

static void end(void)
{
    intake_release(&intake);
    tally_release(&tally);
}

static void feed(const char *text)
{
    ck_assert_int_eq(intake_feed(&intake, &reading, str_from(text), 10), 0);
}

START_TEST(frames_are_read_however_the_bytes_are_cut)
{
    const struct str whole = STR(HEAD ":\n" FRAME(1) FRAME(2) FRAME(3));

    for (size_t cut = 0; cut <= whole.len; cut++) {
        const struct str parts[] = {{whole.data, cut}, {whole.data + cut, whole.len - cut}};
        begin(INTAKE_STATUS);
        for (int k = 0; k < 2; k++)
            ck_assert_int_eq(intake_feed(&intake, &reading, parts[k], 10), 0);
        ck_assert_uint_eq(reading.ready, 1);
        ck_assert_uint_eq(tally_missing(&tally), 0);
        ck_assert_uint_eq(reading.unreadable, 0);
        ck_assert(!intake_is_cut(&intake));
        end();
    }
}
END_TEST

START_TEST(an_event_counts_once_its_frame_is_whole)
{
    begin(INTAKE_STATUS);
    feed(HEAD "data: {\"stamp\":\"#1@5#\"}\n");
    ck_assert_uint_eq(tally.deliveries, 0);
    ck_assert(intake_is_cut(&intake));
    feed("\n");
    ck_assert_uint_eq(tally.deliveries, 1);
    ck_assert(!intake_is_cut(&intake));
    end();
}
END_TEST

START_TEST(a_stream_is_cut_wherever_it_ends_inside_of_an_event)
{
    const struct str event = STR(FRAME(1));

    for (size_t len = 0; len < event.len; len++) {
        begin(INTAKE_STATUS);
        feed(HEAD);
        ck_assert_int_eq(intake_feed(&intake, &reading, (struct str){event.data, len}, 10), 0);
        ck_assert_int_eq(intake_is_cut(&intake), len > 0);
        ck_assert_uint_eq(tally.deliveries, 0);
        end();
    }
}
END_TEST

START_TEST(frames_without_one_whole_stamp_are_unreadable)
{
    begin(INTAKE_STATUS);
    feed(HEAD "event: reset\ndata: {\"reason\":\"epoch\"}\n\n");
    feed("data: {\"stamp\":\"#1@5\n\n");
    feed("data: {\"stamp\":\"#1@5#\"}\ndata: {\"stamp\":\"#2@5#\"}\n\n");
    ck_assert_uint_eq(reading.unreadable, 3);
    ck_assert_uint_eq(tally.deliveries, 0);
    feed("event: keepalive\nid: 7\ndata: {}\n\n" FRAME(1));
    ck_assert_uint_eq(reading.unreadable, 3);
    ck_assert_uint_eq(tally.deliveries, 1);
    end();
}
END_TEST

START_TEST(an_answer_other_than_a_plain_200_is_refused)
{
    const char *answers[] = {
        "HTTP/1.1 503 Service Unavailable\r\n\r\n" FRAME(1),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" FRAME(1),
        "hello\r\n\r\n" FRAME(1),
    };

    for (size_t k = 0; k < sizeof(answers) / sizeof(answers[0]); k++) {
        begin(INTAKE_STATUS);
        feed(answers[k]);
        ck_assert_uint_eq(reading.refused, 1);
        ck_assert_uint_eq(reading.ready, 0);
        ck_assert_uint_eq(tally.deliveries, 0);
        end();
    }
}
END_TEST

START_TEST(a_pipe_may_hold_anything_between_its_stamps)
{
    static const char bytes[] = "I\0#\0\x13#1@5#\n\0#2@5##3@5#\xff\n";

    begin(INTAKE_LINES);
    ck_assert_int_eq(intake_feed(&intake, &reading, (struct str){bytes, sizeof(bytes) - 1}, 10), 0);
    ck_assert_uint_eq(tally_missing(&tally), 0);
    end();
}
END_TEST

START_TEST(a_line_without_end_is_given_up)
{
    static char bytes[1 << 20];

    memset(bytes, 'x', sizeof(bytes));
    begin(INTAKE_LINES);
    ck_assert_int_eq(intake_feed(&intake, &reading, (struct str){bytes, sizeof(bytes)}, 10), 0);
    ck_assert_int_lt(intake_feed(&intake, &reading, (struct str){bytes, 1}, 10), 0);
    end();
}
END_TEST

UNIT_SUITE("bench/intake", frames_are_read_however_the_bytes_are_cut,
           an_event_counts_once_its_frame_is_whole,
           a_stream_is_cut_wherever_it_ends_inside_of_an_event,
           frames_without_one_whole_stamp_are_unreadable,
           an_answer_other_than_a_plain_200_is_refused, a_pipe_may_hold_anything_between_its_stamps,
           a_line_without_end_is_given_up)
