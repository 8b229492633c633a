#include "source/spool.h"
#include "temp_dir.h"
#include "unit.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static char directory[TEMP_DIR_MAX];
static struct spool spool;

static void setup(void)
{
    temp_dir_make(directory, "spool");
    spool_init(&spool, directory);
}

static void teardown(void)
{
    spool_release(&spool);
    temp_dir_remove(directory);
}

/* Message N has a length and content of its own. */
static size_t message_of(unsigned n, char *text)
{
    size_t len = n * 7919 % 3000;
    memset(text, (int)('a' + n % 26), len);
    return len;
}

static void add(unsigned from, unsigned to)
{
    char text[3000];
    struct error err = {0};
    for (unsigned n = from; n < to; n++) {
        size_t len = message_of(n, text);
        ck_assert_msg(spool_add(&spool, (struct str){text, len}, 1000 + n, &err) == 0, "%s",
                      err.text);
    }
}

static void expect(unsigned count)
{
    char text[3000];
    struct str got;
    uint64_t lsn;
    struct error err = {0};
    for (unsigned n = 0; n < count; n++) {
        size_t len = message_of(n, text);
        ck_assert_int_eq(spool_next(&spool, &got, &lsn, &err), 1);
        ck_assert_uint_eq(lsn, 1000 + n);
        ck_assert(str_equal(got, (struct str){text, len}));
    }
    ck_assert_int_eq(spool_next(&spool, &got, &lsn, &err), 0);
}

START_TEST(small_transactions_come_back_in_order_and_touch_no_file)
{
    setup();
    add(0, 100);
    ck_assert_int_eq(spool.fd, -1);
    expect(100);
    spool_clear(&spool);
    expect(0);
    add(0, 3);
    expect(3);
    teardown();
}
END_TEST

START_TEST(large_transactions_go_through_a_file_in_order)
{
    setup();
    add(0, 12000); /* about 18 MB */
    ck_assert_int_ge(spool.fd, 0);
    ck_assert_uint_le(spool.memory.capacity, 16u << 20);
    expect(12000);
    spool_clear(&spool);
    add(0, 10);
    expect(10);
    teardown();
}
END_TEST

START_TEST(the_file_has_no_name_that_could_be_left_behind)
{
    setup();
    add(0, 6000);
    ck_assert_int_ge(spool.fd, 0);
    DIR *dir = opendir(directory);
    unsigned names = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        names += entry->d_name[0] != '.';
    closedir(dir);
    ck_assert_uint_eq(names, 0);
    teardown();
}
END_TEST

START_TEST(a_message_larger_than_the_memory_share_is_kept_whole)
{
    setup();
    size_t len = 9 << 20;
    char *large = malloc(len);
    memset(large, 'x', len);
    struct error err = {0};
    struct str got;
    uint64_t lsn;
    ck_assert_int_eq(spool_add(&spool, STR("before"), 1, &err), 0);
    ck_assert_int_eq(spool_add(&spool, (struct str){large, len}, 2, &err), 0);
    ck_assert_uint_le(spool.memory.capacity, 1 << 20);
    ck_assert_int_eq(spool_add(&spool, STR("after"), 3, &err), 0);
    ck_assert_int_eq(spool_next(&spool, &got, &lsn, &err), 1);
    ck_assert(str_equal(got, STR("before")));
    ck_assert_int_eq(spool_next(&spool, &got, &lsn, &err), 1);
    ck_assert_uint_eq(got.len, len);
    ck_assert(memcmp(got.data, large, len) == 0);
    ck_assert_int_eq(spool_next(&spool, &got, &lsn, &err), 1);
    ck_assert(str_equal(got, STR("after")));
    ck_assert_int_eq(spool_next(&spool, &got, &lsn, &err), 0);
    free(large);
    teardown();
}
END_TEST

START_TEST(a_directory_that_is_gone_is_named)
{
    setup();
    spool.directory = "/nonexistent/walpiper";
    char text[3000] = {0};
    struct error err = {0};
    int rc = 0;
    for (unsigned n = 0; rc == 0 && n < 3000; n++)
        rc = spool_add(&spool, (struct str){text, sizeof(text)}, n, &err);
    ck_assert_int_eq(rc, -ENOSPC);
    ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/walpiper"));
    teardown();
}
END_TEST

/* A limit on the size of files is as good as a full disk, and needs no file system of its own. */
START_TEST(what_had_no_room_is_taken_once_there_is_some)
{
    setup();
    struct rlimit before, small = {.rlim_cur = 6 << 20, .rlim_max = RLIM_INFINITY};
    struct error err = {0};
    char text[3000];
    unsigned n = 0;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    int rc = 0;
    for (;; n++) {
        size_t len = message_of(n, text);
        rc = spool_add(&spool, (struct str){text, len}, 1000 + n, &err);
        if (rc < 0)
            break;
    }
    ck_assert_int_eq(rc, -ENOSPC);
    ck_assert_ptr_nonnull(strstr(err.text, directory));
    ck_assert_ptr_nonnull(strstr(err.text, "File too large"));
    size_t len = message_of(n, text);
    ck_assert_int_eq(spool_add(&spool, (struct str){text, len}, 1000 + n, &err), -ENOSPC);
    setrlimit(RLIMIT_FSIZE, &before);
    add(n, n + 3000);
    expect(n + 3000);
    teardown();
}
END_TEST

/* The end of the filling writes too, and may be tried again. */
START_TEST(the_end_of_a_transaction_that_has_no_room_is_tried_again)
{
    setup();
    struct rlimit before, small;
    struct error err = {0};
    struct str got;
    uint64_t lsn;
    add(0, 4000); /* one piece in the file, another in memory */
    ck_assert_int_ge(spool.fd, 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = spool.file_bytes;
    setrlimit(RLIMIT_FSIZE, &small);
    ck_assert_int_eq(spool_next(&spool, &got, &lsn, &err), -ENOSPC);
    ck_assert_int_eq(spool_next(&spool, &got, &lsn, &err), -ENOSPC);
    setrlimit(RLIMIT_FSIZE, &before);
    expect(4000);
    teardown();
}
END_TEST

UNIT_SUITE("source/spool", small_transactions_come_back_in_order_and_touch_no_file,
           large_transactions_go_through_a_file_in_order,
           the_file_has_no_name_that_could_be_left_behind,
           a_message_larger_than_the_memory_share_is_kept_whole, a_directory_that_is_gone_is_named,
           what_had_no_room_is_taken_once_there_is_some,
           the_end_of_a_transaction_that_has_no_room_is_tried_again)
