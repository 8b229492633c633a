/* temp_dir.h - a directory of its own for a test, and its end. */
#ifndef TEMP_DIR_H
#define TEMP_DIR_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define TEMP_DIR_MAX 64

static inline void temp_dir_make(char path[TEMP_DIR_MAX], const char *name)
{
    snprintf(path, TEMP_DIR_MAX, "/tmp/walpiper-%s-XXXXXX", name);
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static inline int temp_dir_unlink(const char *path, const struct stat *stat, int type,
                                  struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void temp_dir_remove(const char *path)
{
    ck_assert_int_eq(nftw(path, temp_dir_unlink, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
