#include "fixture.h"
#include "journal/resident.h"
#include <stdint.h>
#include <sys/mman.h>

/* A sanitizer's own memory would be measured, not ours. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1, MEGABYTES = 20 };
#else
enum { SANITIZED = 0, MEGABYTES = 600 };
#endif

/* The promise of the whole service is 64 MiB. */
enum { LIMIT_KIB = 40 << 10 };

static long status_kib(const char *name)
{
    char line[256];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "re");
    ck_assert_ptr_nonnull(status);
    while (fgets(line, sizeof(line), status))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtol(line + strlen(name) + 1, NULL, 10);
    fclose(status);
    return kib;
}

START_TEST(test_memory_is_bounded_by_configuration_not_by_the_journal)
{
    struct fixture f;
    fixture_init(&f);
    f.options.ring_bytes = 4 << 20;
    f.options.batch_bytes = 1 << 20;
    f.options.ahead_bytes = 4 << 20;
    fixture_open(&f);
    struct journal_cursor *live = cursor_at(&f, at(0, 0));
    struct journal_entry entry;
    const uint32_t count = (uint32_t)((uint64_t)MEGABYTES * 1000000 / 300);
    /* One transaction, so one LSN; a live reader follows. */
    for (uint32_t i = 1; i <= count; i++) {
        int64_t tag = i;
        ck_assert(append(&f, at(1, i), &tag) == 0);
        while (i % 64 == 0 && journal_cursor_next(live, &entry) == 1)
            ;
    }
    journal_flush(f.journal);
    wait_until(&f, journal_idle(f.journal));
    journal_cursor_close(live);
    printf("resident after %d MB appended: %ld KiB, at most %ld KiB\n", MEGABYTES,
           status_kib("VmRSS"), status_kib("VmHWM"));
    struct journal_cursor *replay = cursor_at(&f, at(0, 0));
    uint32_t read = 0;
    for (; journal_cursor_next(replay, &entry) == 1; read++)
        if (entry.position.ordinal != read + 1)
            break;
    ck_assert_uint_eq(read, count);
    journal_cursor_close(replay);
    printf("resident after %d MB read back: %ld KiB, at most %ld KiB\n", MEGABYTES,
           status_kib("VmRSS"), status_kib("VmHWM"));
    if (!SANITIZED)
        ck_assert_int_lt(status_kib("VmHWM"), LIMIT_KIB);
    fixture_release(&f);
}
END_TEST

START_TEST(test_the_mapping_is_found_and_let_go)
{
    size_t len = 16 << 20;
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(ftruncate(fileno(file), (off_t)len), 0);
    char *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fileno(file), 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    struct resident resident;
    resident_init(&resident, map + len / 2);
    ck_assert_ptr_eq(resident.start, map);
    ck_assert_uint_eq(resident.len, len);
    long before = status_kib("RssFile");
    long sum = 0;
    for (size_t i = 0; i < len; i += 4096)
        sum += map[i];
    ck_assert_int_eq(sum, 0);
    ck_assert_int_gt(status_kib("RssFile"), before + (long)(len >> 11));
    resident_touched(&resident, len);
    ck_assert_int_lt(status_kib("RssFile"), before + 1024);
    /* An address in no mapping: nothing is ever let go. */
    munmap(map, len);
    resident_init(&resident, map);
    ck_assert_ptr_null(resident.start);
    resident_touched(&resident, len);
    fclose(file);
}
END_TEST

UNIT_SUITE("journal/resident", test_memory_is_bounded_by_configuration_not_by_the_journal,
           test_the_mapping_is_found_and_let_go)
