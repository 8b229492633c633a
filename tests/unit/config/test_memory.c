/* Whichever allocation fails, config_load() says so, leaves nothing behind and its result alone. */
#include "failing_malloc.h"
#include "scene.h"
#include <errno.h>

START_TEST(test_each_allocation_fails_once)
{
    int code = -ENOMEM;
    long count = 0;

    scene_clear_environment();
    ck_assert_int_eq(chdir(SOURCE_ROOT), 0);
    for (; code != 0; count++) {
        struct config config = {0};
        struct error err = {0};
        allocations_start(count + 1);
        WATCHED(code = config_load(&config, "config/walpiper.yaml", &err));
        ck_assert_msg(code == 0 || code == -ENOMEM, "allocation %ld: %d %s", count, code, err.text);
        ck_assert(code == 0 || (config.file == NULL && err.code == -ENOMEM && *err.text));
        config_release(&config);
        ck_assert_int_lt(count, 20000);
    }
    ck_assert_int_gt(count, 100);
}
END_TEST

UNIT_SUITE("config/memory", test_each_allocation_fails_once)
