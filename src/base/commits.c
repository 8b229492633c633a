#include "base/commits.h"
#include <pthread.h>
#include <stdlib.h>

/* Further behind the newest, 32 bits no longer tell which transaction is meant. */
#define BEHIND_MAX ((int32_t)1 << 30)

struct commit {
    struct position position; /* of its first row */
    uint32_t xid;
};

struct commits {
    pthread_mutex_t lock;
    uint64_t first; /* commit number N is at N % COMMITS_MAX */
    uint64_t end;
    struct commit all[COMMITS_MAX];
};

struct commits *commits_new(void)
{
    struct commits *commits = calloc(1, sizeof(*commits));
    if (commits)
        pthread_mutex_init(&commits->lock, NULL);
    return commits;
}

void commits_free(struct commits *commits)
{
    if (!commits)
        return;
    pthread_mutex_destroy(&commits->lock);
    free(commits);
}

static struct commit *at(struct commits *commits, uint64_t number)
{
    return &commits->all[number % COMMITS_MAX];
}

/* With the lock held. */
static bool is_noted(struct commits *commits, struct position position, uint32_t xid)
{
    if (commits->first == commits->end)
        return false;
    const struct commit *newest = at(commits, commits->end - 1);
    return newest->xid == xid || position_compare(position, newest->position) <= 0;
}

/* With the lock held. XID comes next. */
static void make_room(struct commits *commits, uint32_t xid)
{
    if (commits->end - commits->first == COMMITS_MAX)
        commits->first++;
    while (commits->first < commits->end &&
           (int32_t)(xid - at(commits, commits->first)->xid) > BEHIND_MAX)
        commits->first++;
}

void commits_note(struct commits *commits, struct position position, uint32_t xid)
{
    pthread_mutex_lock(&commits->lock);
    if (!is_noted(commits, position, xid)) {
        make_room(commits, xid);
        *at(commits, commits->end++) = (struct commit){position, xid};
    }
    pthread_mutex_unlock(&commits->lock);
}

void commits_forget(struct commits *commits)
{
    pthread_mutex_lock(&commits->lock);
    commits->first = commits->end;
    pthread_mutex_unlock(&commits->lock);
}

bool commits_first_unseen(struct commits *commits, const struct snapshot *snapshot,
                          struct position *ret_position)
{
    bool found = false;
    pthread_mutex_lock(&commits->lock);
    for (uint64_t n = commits->first; n < commits->end && !found; n++) {
        found = !snapshot_sees(snapshot, at(commits, n)->xid);
        if (found)
            *ret_position = at(commits, n)->position;
    }
    pthread_mutex_unlock(&commits->lock);
    return found;
}
