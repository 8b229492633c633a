#include "api/review.h"

#include <stddef.h>
#include <utlist.h>

static void on_turn(struct loop_hook *hook)
{
    struct review *review = (struct review *)((char *)hook - offsetof(struct review, hook));
    struct review_entry *entry, *next;

    DL_FOREACH_SAFE(review->entries, entry, next)
    {
        entry->look(entry);
    }
}

void review_start(struct review *review, struct loop *loop)
{
    *review = (struct review){.loop = loop, .hook = {.order = LOOP_ORDER_FEED, .run = on_turn}};
    loop_hook_add(loop, &review->hook);
}

void review_stop(struct review *review)
{
    if (review->loop != NULL)
        loop_hook_remove(review->loop, &review->hook);
}

void review_add(struct review *review, struct review_entry *entry)
{
    if (entry->prev != NULL) /* utlist: the first one's is the last one */
        return;
    DL_APPEND(review->entries, entry);
    loop_again(review->loop);
}

void review_remove(struct review *review, struct review_entry *entry)
{
    if (entry->prev == NULL)
        return;
    DL_DELETE(review->entries, entry);
    entry->prev = entry->next = NULL;
}
