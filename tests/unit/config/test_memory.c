/* Whichever allocation fails, config_load() says so, leaves nothing behind and its result alone. */
#include "scene.h"
#include <errno.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

static long until_failure = -1; /* allocations that still succeed; -1: all */

static bool fails(void)
{
    if (until_failure < 0)
        return false;
    return until_failure-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
    return fails() ? NULL : __real_realloc(pointer, size);
}

START_TEST(test_each_allocation_fails_once)
{
    int code = -ENOMEM;
    long count = 0;

    scene_clear_environment();
    ck_assert_int_eq(chdir(SOURCE_ROOT), 0);
    for (; code != 0; count++) {
        struct config config = {0};
        struct error err = {0};
        until_failure = count;
        code = config_load(&config, "config/walpiper.yaml", &err);
        until_failure = -1;
        ck_assert_msg(code == 0 || code == -ENOMEM, "allocation %ld: %d %s", count, code, err.text);
        ck_assert(code == 0 || (config.file == NULL && err.code == -ENOMEM && *err.text));
        config_release(&config);
        ck_assert_int_lt(count, 20000);
    }
    ck_assert_int_gt(count, 100);
}
END_TEST

UNIT_SUITE("config/memory", test_each_allocation_fails_once)
