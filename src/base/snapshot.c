#include "base/snapshot.h"
#include <errno.h>
#include <stdlib.h>

#define AHEAD_MAX ((uint32_t)1 << 30)

static int parse_xid(struct str text, uint64_t *ret_xid)
{
    int64_t number;
    if (str_to_int64(text, &number) < 0 || number <= 0)
        return -EINVAL;
    *ret_xid = (uint64_t)number;
    return 0;
}

/* Appends the next of LIST; the room is there. */
static int take_running(struct snapshot *snapshot, struct str text)
{
    size_t count = snapshot->running_count;
    uint64_t least = count > 0 ? snapshot->running[count - 1] + 1 : snapshot->xmin;
    uint64_t xid;
    if (parse_xid(text, &xid) < 0 || xid < least || xid >= snapshot->xmax)
        return -EINVAL;
    snapshot->running[snapshot->running_count++] = xid;
    return 0;
}

static int parse_running(struct snapshot *snapshot, struct str list)
{
    size_t count = 1;
    for (size_t i = 0; i < list.len; i++)
        count += list.data[i] == ',';
    if (count > SNAPSHOT_RUNNING_MAX)
        return -EINVAL;
    snapshot->running = calloc(count, sizeof(*snapshot->running));
    if (!snapshot->running)
        return -ENOMEM;
    for (; count > 0; count--) {
        int rc = take_running(snapshot, str_cut(&list, ','));
        if (rc < 0)
            return rc;
    }
    return 0;
}

int snapshot_parse(struct snapshot *ret_snapshot, struct str text)
{
    struct snapshot snapshot = {0};
    struct str xmin = str_cut(&text, ':');
    struct str xmax = str_cut(&text, ':');
    if (parse_xid(xmin, &snapshot.xmin) < 0 || parse_xid(xmax, &snapshot.xmax) < 0 ||
        snapshot.xmax < snapshot.xmin || !text.data)
        return -EINVAL;
    int rc = text.len > 0 ? parse_running(&snapshot, text) : 0;
    if (rc < 0) {
        snapshot_release(&snapshot);
        return rc;
    }
    *ret_snapshot = snapshot;
    return 0;
}

void snapshot_release(struct snapshot *snapshot)
{
    free(snapshot->running);
    *snapshot = (struct snapshot){0};
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

bool snapshot_sees(const struct snapshot *snapshot, uint32_t xid)
{
    uint32_t end = (uint32_t)snapshot->xmax;
    if (xid - end < AHEAD_MAX)
        return false;
    uint32_t behind = end - xid;
    if (snapshot->xmax - snapshot->xmin < behind)
        return true;
    uint64_t full = snapshot->xmax - behind;
    return snapshot->running_count == 0 ||
           !bsearch(&full, snapshot->running, snapshot->running_count, sizeof(full), compare);
}
