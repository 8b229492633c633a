/* hot_path CASE PASSES RECORDED DIRECTORY: PASSES times the same work of one case, for callgrind
 * (tests/bench/instructions.mjs). RECORDED holds the recordings, DIRECTORY is empty. Says how many
 * events it measured, in JSON; exit status 1 when what came out was not right. */
#include "hot_path.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define PASSES_MAX 1000

static const struct hot_case {
    const char *name, *plugin;
    int (*run)(struct hot_scene *scene, unsigned passes, unsigned size, struct error *err);
    unsigned size;
} cases[] = {
    {"capture_pgoutput", "pgoutput", hot_capture, 0},
    {"capture_wal2json", "wal2json", hot_capture, 0},
    {"fanout_1", "pgoutput", hot_fanout, 1}, /* subscribers */
    {"fanout_100", "pgoutput", hot_fanout, 100},
    {"operator", "pgoutput", hot_operator, 1000}, /* ids in a batch */
};

#if __has_attribute(noclone)
#define STANDS_ALONE __attribute__((noinline, noclone))
#else
#define STANDS_ALONE __attribute__((noinline)) /* clang makes no clones */
#endif

STANDS_ALONE int hot_measured(int (*work)(void *owner), void *owner)
{
    int rc = work(owner);

    __asm__ volatile("" ::: "memory"); /* no tail call, which would leave before the work */
    return rc;
}

static const struct hot_case *find_case(const char *name)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(cases[i].name, name) == 0)
            return &cases[i];
    return NULL;
}

static int usage(void)
{
    fprintf(stderr, "usage: hot_path CASE PASSES RECORDED DIRECTORY; cases:");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        fprintf(stderr, " %s", cases[i].name);
    fprintf(stderr, "\n");
    return EX_USAGE;
}

int main(int argc, char **argv)
{
    static struct hot_scene scene;
    struct error err = {0};
    int64_t passes;

    const struct hot_case *wanted = argc == 5 ? find_case(argv[1]) : NULL;
    if (wanted == NULL || str_to_int64(str_from(argv[2]), &passes) < 0 || passes < 1 ||
        passes > PASSES_MAX)
        return usage();
    int rc = hot_scene_open(&scene, wanted->plugin, argv[3], argv[4], &err);
    uint64_t before = 0;
    if (rc == 0) /* the first pass finds what is cold; it is not measured */
        rc = hot_scene_feed(&scene, &err);
    if (rc == 0) {
        hot_scene_sync(&scene);
        before = scene.capture.events;
        rc = wanted->run(&scene, (unsigned)passes, wanted->size, &err);
    }
    if (rc < 0)
        fprintf(stderr, "hot_path: %s: %s\n", wanted->name, err.text);
    else
        printf("{\"events\":%" PRIu64 "}\n", scene.capture.events - before);
    hot_scene_close(&scene);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
