#include "base/progress.h"
#include "unit.h"
#include <stdbool.h>

struct ear {
    struct progress_listener listener;
    int told;
};

static void on_progress(struct progress_listener *listener)
{
    ((struct ear *)listener)->told++;
}

START_TEST(test_who_listens_is_told_and_nobody_else)
{
    struct progress progress = {0};
    struct ear ears[3] = {0};

    progress_tell(&progress);
    for (int i = 0; i < 3; i++) {
        ears[i].listener.on_progress = on_progress;
        progress_listen(&progress, &ears[i].listener);
    }
    progress_tell(&progress);
    progress_unlisten(&progress, &ears[1].listener);
    progress_unlisten(&progress, &ears[1].listener);
    progress_tell(&progress);
    progress_unlisten(&progress, &ears[0].listener);
    progress_unlisten(&progress, &ears[2].listener);
    progress_tell(&progress);
    ck_assert_int_eq(ears[0].told, 2);
    ck_assert_int_eq(ears[1].told, 1);
    ck_assert_int_eq(ears[2].told, 2);
}
END_TEST

UNIT_SUITE("base/progress", test_who_listens_is_told_and_nobody_else)
