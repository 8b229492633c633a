#include "hot_path.h"

#include <errno.h>

struct feeding {
    struct hot_scene *scene;
    struct error *err;
};

static int feed(void *owner)
{
    struct feeding *feeding = owner;

    return hot_scene_feed(feeding->scene, feeding->err);
}

int hot_capture(struct hot_scene *scene, unsigned passes, unsigned size, struct error *err)
{
    struct feeding feeding = {scene, err};
    uint64_t before = scene->capture.events;
    int rc = 0;

    (void)size;
    for (unsigned pass = 0; pass < passes && rc == 0; pass++) {
        rc = recording_advance(&scene->recording, err);
        if (rc == 0)
            rc = hot_measured(feed, &feeding);
        if (rc == 0)
            hot_scene_sync(scene);
    }
    if (rc == 0 && (scene->capture.events == before || (scene->capture.events - before) % passes))
        rc = error_set(err, -EPROTO, "the passes did not give the same number of events each");
    return rc;
}
