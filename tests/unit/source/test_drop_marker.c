#include "source/drop_marker.h"
#include "temp_dir.h"
#include "unit.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[TEMP_DIR_MAX];
static struct error err;

static void setup(void)
{
    temp_dir_make(directory, "marker");
    error_clear(&err);
}

static const char *file(void)
{
    static char path[TEMP_DIR_MAX + 32];
    snprintf(path, sizeof(path), "%s/slot.dropped", directory);
    return path;
}

static void put(const char *text)
{
    FILE *out = fopen(file(), "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

START_TEST(what_is_written_is_read)
{
    setup();
    struct drop_marker read, marker = {.slot = "shop_1", .epoch = "7f3a91c2"};
    drop_marker_date(&marker);
    ck_assert_int_eq(drop_marker_write(directory, &marker, &err), 0);
    ck_assert_int_eq(drop_marker_read(directory, &read, &err), 0);
    ck_assert_str_eq(read.slot, "shop_1");
    ck_assert_str_eq(read.epoch, "7f3a91c2");
    ck_assert_str_eq(read.time, marker.time);
    ck_assert_uint_eq(strlen(read.time), strlen("2026-01-01T00:00:00Z"));
    marker.epoch[0] = '\0';
    ck_assert_int_eq(drop_marker_write(directory, &marker, &err), 0);
    ck_assert_int_eq(drop_marker_read(directory, &read, &err), 0);
    ck_assert_str_eq(read.epoch, "");
    temp_dir_remove(directory);
}
END_TEST

/* The service may be another user than the one who drops the slot. */
START_TEST(everybody_may_read_it)
{
    setup();
    struct stat st;
    mode_t before = umask(077);
    struct drop_marker marker = {.slot = "s", .time = "t"};
    ck_assert_int_eq(drop_marker_write(directory, &marker, &err), 0);
    umask(before);
    ck_assert_int_eq(stat(file(), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0644);
    temp_dir_remove(directory);
}
END_TEST

START_TEST(removed_it_is_gone_and_removing_nothing_is_fine)
{
    setup();
    struct drop_marker marker = {.slot = "s", .time = "t"};
    ck_assert_int_eq(drop_marker_read(directory, &marker, &err), -ENOENT);
    ck_assert_int_eq(drop_marker_remove(directory, &err), 0);
    ck_assert_int_eq(drop_marker_write(directory, &marker, &err), 0);
    ck_assert_int_eq(drop_marker_remove(directory, &err), 0);
    ck_assert_int_eq(drop_marker_read(directory, &marker, &err), -ENOENT);
    temp_dir_remove(directory);
}
END_TEST

START_TEST(what_is_not_a_marker_is_refused)
{
    static const char *const texts[] = {
        "",
        "\n",
        "slot s epoch - dropped t", /* cut off */
        "slot s epoch - dropped\n",
        "slot  epoch - dropped t\n",
        "slot s epoch 123456789 dropped t\n",
        "slot s dropped t epoch -\n",
        "slot 1234567890123456789012345678901234567890123456789012345678901234 epoch - dropped t\n",
    };
    setup();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct drop_marker marker = {.slot = "untouched"};
        put(texts[i]);
        ck_assert_msg(drop_marker_read(directory, &marker, &err) == -EBADMSG, "%s", texts[i]);
        ck_assert_str_eq(marker.slot, "untouched");
        ck_assert_ptr_nonnull(strstr(err.text, "slot.dropped"));
    }
    temp_dir_remove(directory);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_named)
{
    setup();
    temp_dir_remove(directory);
    struct drop_marker marker = {.slot = "s", .time = "t"};
    ck_assert_int_eq(drop_marker_write(directory, &marker, &err), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, directory));
}
END_TEST

START_TEST(a_marker_left_half_written_is_in_nobodys_way)
{
    setup();
    char begun[TEMP_DIR_MAX + 32];
    struct drop_marker marker = {.slot = "s", .time = "t"};
    snprintf(begun, sizeof(begun), "%s/slot.dropped.new", directory);
    ck_assert_int_eq(symlink("/nowhere/at/all", begun), 0);
    ck_assert_int_eq(drop_marker_write(directory, &marker, &err), 0);
    ck_assert_int_eq(drop_marker_read(directory, &marker, &err), 0);
    temp_dir_remove(directory);
}
END_TEST

START_TEST(it_ends_one_epoch_of_one_slot)
{
    struct drop_marker marker = {.slot = "s", .epoch = "7f3a91c2"};
    ck_assert(drop_marker_ends(&marker, "s", "7f3a91c2"));
    ck_assert(!drop_marker_ends(&marker, "s", "7f3a91c3"));
    ck_assert(!drop_marker_ends(&marker, "s", ""));
    ck_assert(!drop_marker_ends(&marker, "t", "7f3a91c2"));
    marker.epoch[0] = '\0';
    ck_assert(drop_marker_ends(&marker, "s", "7f3a91c3"));
    ck_assert(!drop_marker_ends(&marker, "t", "7f3a91c3"));
}
END_TEST

UNIT_SUITE("source/drop_marker", what_is_written_is_read, everybody_may_read_it,
           removed_it_is_gone_and_removing_nothing_is_fine, what_is_not_a_marker_is_refused,
           a_directory_that_is_not_there_is_named, a_marker_left_half_written_is_in_nobodys_way,
           it_ends_one_epoch_of_one_slot)
