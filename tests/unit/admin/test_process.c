#include "admin/process.h"
#include "unit.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

START_TEST(test_the_kernel_tells)
{
    struct process_use use;

    process_use(&use);
    ck_assert_uint_gt(use.resident_bytes, 100000);
    ck_assert_uint_lt(use.resident_bytes, UINT64_C(1) << 40);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(use.max_fds, limit.rlim_cur);
}
END_TEST

START_TEST(test_each_descriptor_counts_once)
{
    struct process_use before, after;
    int fds[5];

    process_use(&before);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_ge(fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    process_use(&after);
    for (size_t i = 0; i < 5; i++)
        close(fds[i]);
    ck_assert_uint_ge(before.open_fds, 1);
    ck_assert_uint_eq(after.open_fds, before.open_fds + 5);
    process_use(&after);
    ck_assert_uint_eq(after.open_fds, before.open_fds);
}
END_TEST

UNIT_SUITE("admin/process", test_the_kernel_tells, test_each_descriptor_counts_once)
