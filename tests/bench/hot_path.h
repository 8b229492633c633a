/* tests/bench/hot_path.h - the way of an event without a server, for counting instructions: a
 * recording goes through the real capture into a real journal, and from there to real subscribers
 * or an operator's batch, on the thread of main(), in steps of the same work each time. */
#ifndef BENCH_HOT_PATH_H
#define BENCH_HOT_PATH_H

#include "recording.h"
#include "source/capture.h"
#include <pthread.h>

struct hot_scene {
    struct recording recording;
    struct config config;
    struct relation_cache *cache;
    struct journal *journal;
    struct capture capture;
    struct journal_listener listener;
    pthread_mutex_t lock;
    pthread_cond_t progress;
    uint64_t told; /* the durable LSN that all listeners have been told of */
};

/* RECORDED: the directory of the recordings. DIRECTORY: an empty one, for the journal. */
int hot_scene_open(struct hot_scene *scene, const char *plugin, const char *recorded,
                   const char *directory, struct error *err);
void hot_scene_close(struct hot_scene *scene);

/* The recording, a pass further than before, into the journal. */
int hot_scene_feed(struct hot_scene *scene, struct error *err);
/* Waits until what was fed is on disk, and every reader has been told. */
void hot_scene_sync(struct hot_scene *scene);

/* All that is done inside of this is counted, and nothing else: tests/bench/instructions.mjs names
 * it to callgrind. Returns what WORK returns. */
int hot_measured(int (*work)(void *owner), void *owner);

/* The cases: PASSES measured ones after one that is not. SIZE is what the table in hot_path.c says.
 * 0, or negative also when what came out was not right. */
int hot_capture(struct hot_scene *scene, unsigned passes, unsigned size, struct error *err);
int hot_fanout(struct hot_scene *scene, unsigned passes, unsigned size, struct error *err);
int hot_operator(struct hot_scene *scene, unsigned passes, unsigned size, struct error *err);

#endif
