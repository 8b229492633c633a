#include "hot_path.h"

#include "operator/reader.h"

#include <errno.h>

struct collecting {
    struct reader reader;
    struct op_batch batch;
    struct error *err;
};

/* What an engine does with what has come, up to the point where it would run its batch. */
static int collect(void *owner)
{
    struct collecting *c = owner;
    int rc = READING_PAUSED;

    op_batch_clear(&c->batch);
    while (rc == READING_PAUSED)
        rc = reader_collect(&c->reader, &c->batch, c->err);
    return rc;
}

static int collect_passes(struct collecting *c, struct hot_scene *scene, unsigned passes)
{
    int rc = 0;

    for (unsigned pass = 0; pass < passes && rc == 0; pass++) {
        uint64_t events = scene->capture.events, read = c->reader.events;
        rc = recording_advance(&scene->recording, c->err);
        if (rc == 0)
            rc = hot_scene_feed(scene, c->err);
        if (rc < 0)
            return rc;
        hot_scene_sync(scene);
        rc = hot_measured(collect, c);
        bool is_right = rc == READING_END && c->batch.dirty.count > 0 &&
                        c->reader.events - read == scene->capture.events - events;
        if (rc >= 0 && !is_right)
            rc = error_set(c->err, -EPROTO, "the batch does not have what was fed");
    }
    return rc;
}

/* Behind what the journal has: the first reading is of the first pass. */
static void stand_at_the_end(struct collecting *c, struct journal *journal)
{
    struct position oldest;

    journal_bounds(journal, &oldest, &c->batch.position);
    journal_epoch(journal, c->batch.epoch);
}

int hot_operator(struct hot_scene *scene, unsigned passes, unsigned size, struct error *err)
{
    static char public[] = "public", comments[] = "comments", post_id[] = "post_id", id[] = "id",
                counts[] = "counts";
    struct config_name mapped = {post_id}, target = {id};
    struct config_operator_source source = {
        .schema = public, .table = comments, .columns = {&mapped, 1}};
    const struct config_operator op = {.name = counts,
                                       .target_schema = public,
                                       .target_table = counts,
                                       .target_id = {&target, 1},
                                       .on_insert = true,
                                       .on_update = true,
                                       .on_delete = true,
                                       .sources = &source,
                                       .source_count = 1,
                                       .batch_size = size,
                                       .lanes = 1};
    struct collecting c = {.err = err};

    reader_init(&c.reader, scene->journal, &op);
    op_batch_init(&c.batch, BATCH_LIVE, size);
    stand_at_the_end(&c, scene->journal);
    int rc = collect_passes(&c, scene, passes);
    op_batch_release(&c.batch);
    reader_release(&c.reader);
    return rc;
}
