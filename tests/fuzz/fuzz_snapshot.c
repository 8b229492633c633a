/* What pg_current_snapshot() gives: refused, or all before xmin and nothing from xmax on is seen,
 * and of what lies between all but those that are named. */
#include "base/snapshot.h"
#include "fuzz.h"

#include <errno.h>

static void check(const struct snapshot *snapshot)
{
    size_t at = 0;

    promise(snapshot->xmin > 0 && snapshot->xmin <= snapshot->xmax);
    promise(!snapshot_sees(snapshot, (uint32_t)snapshot->xmax));
    promise(snapshot_sees(snapshot, (uint32_t)(snapshot->xmin - 1)) ||
            snapshot->xmax - snapshot->xmin >= (uint64_t)3 << 30);
    for (uint64_t xid = snapshot->xmin; xid < snapshot->xmax && xid < snapshot->xmin + 100; xid++) {
        bool runs = at < snapshot->running_count && snapshot->running[at] == xid;
        at += runs;
        if (snapshot->xmax - snapshot->xmin < (uint64_t)3 << 30)
            promise(snapshot_sees(snapshot, (uint32_t)xid) == !runs);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = exact_copy(data, size);
    struct snapshot snapshot;
    int r = snapshot_parse(&snapshot, text);

    promise(r == 0 || r == -EINVAL);
    if (r == 0) {
        check(&snapshot);
        snapshot_release(&snapshot);
    }
    free_copy(text);
    return 0;
}
