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

#define ROUNDS 2000

static void *tell_often(void *progress)
{
    for (int i = 0; i < ROUNDS; i++)
        progress_tell(progress);
    return NULL;
}

/* Each on a thread of its own: who has ceased to listen may be gone at once. */
START_TEST(test_ears_come_and_go_while_it_is_told)
{
    struct progress progress = {0};
    pthread_t teller;

    ck_assert_int_eq(pthread_create(&teller, NULL, tell_often, &progress), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct ear *ear = calloc(1, sizeof(*ear));
        ear->listener.on_progress = on_progress;
        progress_listen(&progress, &ear->listener);
        progress_unlisten(&progress, &ear->listener);
        free(ear);
    }
    pthread_join(teller, NULL);
}
END_TEST

UNIT_SUITE("base/progress", test_who_listens_is_told_and_nobody_else,
           test_ears_come_and_go_while_it_is_told)
