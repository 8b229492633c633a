#include "hot_path.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* As of the service (daemon.c). */
#define RING_BYTES ((size_t)8 << 20)
#define BATCH_BYTES ((size_t)4 << 20)
#define AHEAD_BYTES ((size_t)12 << 20)

#define INT8 20
#define INT4 23
#define TEXT 25
#define TIMESTAMPTZ 1184

static const struct relation_cache_column columns[] = {
    {STR("id"), INT8, true, false},
    {STR("post_id"), INT8, false, false},
    {STR("message"), TEXT, false, false},
    {STR("rating"), INT4, false, false},
    {STR("inserted_at"), TIMESTAMPTZ, false, false},
    {STR("updated_at"), TIMESTAMPTZ, false, false},
};
static const struct event_origin origin = {
    .epoch = {"7f3a91c2", 8}, .database = {"demo", 4}, .version = {"0.1.0", 5}};

static void on_durable(struct journal_listener *listener)
{
    struct hot_scene *scene =
        (struct hot_scene *)((char *)listener - offsetof(struct hot_scene, listener));

    pthread_mutex_lock(&scene->lock);
    scene->told = journal_durable_lsn(scene->journal);
    pthread_cond_signal(&scene->progress);
    pthread_mutex_unlock(&scene->lock);
}

void hot_scene_sync(struct hot_scene *scene)
{
    pthread_mutex_lock(&scene->lock);
    while (scene->told < scene->capture.marked)
        pthread_cond_wait(&scene->progress, &scene->lock);
    pthread_mutex_unlock(&scene->lock);
}

/* What the source reads from the catalog. */
static int know_comments(struct hot_scene *scene)
{
    const struct relation_cache_row row = {
        .name = {STR("public"), STR("comments")},
        .oid = 16384,
        .full = true,
        .columns = columns,
        .count = sizeof(columns) / sizeof(columns[0]),
    };
    uint32_t missing;
    int rc = relation_cache_add_type(scene->cache, INT8, STR("int8"), 0, 0, ',');
    rc = rc ? rc : relation_cache_add_type(scene->cache, INT4, STR("int4"), 0, 0, ',');
    rc = rc ? rc : relation_cache_add_type(scene->cache, TEXT, STR("text"), 0, 0, ',');
    rc =
        rc ? rc : relation_cache_add_type(scene->cache, TIMESTAMPTZ, STR("timestamptz"), 0, 0, ',');
    return rc ? rc : relation_cache_put_row(scene->cache, &row, &missing);
}

static int open_journal(struct hot_scene *scene, const char *directory, struct error *err)
{
    const struct journal_options options = {.path = directory,
                                            .ring_bytes = RING_BYTES,
                                            .batch_bytes = BATCH_BYTES,
                                            .ahead_bytes = AHEAD_BYTES};
    int rc = journal_open(&scene->journal, &options, err);
    if (rc < 0)
        return rc;
    /* The first to listen is the last to be told. */
    scene->listener.on_durable = on_durable;
    journal_listen(scene->journal, &scene->listener);
    const struct journal_identity identity = {.database = "demo", .slot = "walpiper"};
    return journal_begin_epoch(scene->journal, &identity, 0, err);
}

static void configure(struct hot_scene *scene, const char *directory)
{
    static char public[] = "public", comments[] = "comments", post_id[] = "post_id",
                posts[] = "posts";
    static struct config_scope_column column = {post_id, posts};
    static struct config_scope scope = {&column, 1};
    static struct config_table table = {
        .schema = public, .table = comments, .scopes = &scope, .scope_count = 1};

    scene->config = (struct config){.tables = &table, .table_count = 1};
    scene->config.journal.path = (char *)(uintptr_t)directory;
    scene->config.journal.max_event = (uint64_t)64 << 20;
    scene->config.http.heartbeat_ms = 3600 * 1000;
    scene->config.http.max_topics = 100;
    scene->config.http.max_filters = 10;
}

int hot_scene_open(struct hot_scene *scene, const char *plugin, const char *recorded,
                   const char *directory, struct error *err)
{
    bool is_pgoutput = strcmp(plugin, "pgoutput") == 0;

    *scene = (struct hot_scene){0};
    pthread_mutex_init(&scene->lock, NULL);
    pthread_cond_init(&scene->progress, NULL);
    configure(scene, directory);
    int rc = recording_load(&scene->recording, recorded, plugin, err);
    if (rc == 0)
        rc = open_journal(scene, directory, err);
    if (rc < 0)
        return rc;
    scene->cache = relation_cache_new();
    if (scene->cache == NULL || know_comments(scene) < 0)
        return error_set(err, -ENOMEM, "no memory for the catalog");
    capture_init(&scene->capture, scene->cache, scene->journal, &scene->config);
    rc = capture_restart(&scene->capture, is_pgoutput ? &pgoutput_decoder : &wal2json_decoder,
                         &origin);
    return rc < 0 ? error_set(err, rc, "no memory for a decoder") : 0;
}

void hot_scene_close(struct hot_scene *scene)
{
    if (scene->capture.config != NULL)
        capture_release(&scene->capture);
    relation_cache_free(scene->cache);
    if (scene->journal != NULL) {
        journal_unlisten(scene->journal, &scene->listener);
        journal_close(scene->journal);
    }
    recording_release(&scene->recording);
}

int hot_scene_feed(struct hot_scene *scene, struct error *err)
{
    uint32_t missing;

    for (size_t i = 0; i < scene->recording.count; i++) {
        const struct recorded *message = &scene->recording.messages[i];
        const struct str text = {message->bytes, message->len};
        int rc = capture_message(&scene->capture, text, message->lsn, &missing, err);
        while (rc == -EINPROGRESS)
            rc = capture_message(&scene->capture, text, message->lsn, &missing, err);
        if (rc < 0)
            return error_prefix(err, "message %zu", i + 1);
    }
    return 0;
}
