/* The query of /processed, and a path of the admin listener, one a line: what is asked for is
 * within its limits, or refused by the parameter's name; a path fits a pattern when it is the
 * pattern with one segment in the place of the star. */
#include "admin/route.h"
#include "api/processed_query.h"
#include "api/pull_query.h"
#include "fuzz.h"

#include <errno.h>

static void check_query(struct str query)
{
    struct processed_query parsed;
    struct error err = {0};
    int r = processed_query_parse(&parsed, query, &err);

    promise(r == 0 || r == -EINVAL);
    if (r < 0) {
        promise(strstr(err.text, "lsn") || strstr(err.text, "since") || strstr(err.text, "wait") ||
                strstr(err.text, "limit"));
        return;
    }
    promise(parsed.wait_ms <= PULL_WAIT_MAX_MS);
}

static void check_route(struct str path)
{
    static const char *const patterns[] = {"/operators", "/operators/*", "/operators/*/retry"};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const char *star = strchr(patterns[i], '*');
        struct str word = {NULL, 0};
        if (!route_fits(patterns[i], path, &word))
            continue;
        promise(is_inside(word, path));
        promise((star != NULL) == (word.len > 0));
        promise(path.len == strlen(patterns[i]) - (star != NULL) + word.len);
        for (size_t at = 0; at < word.len; at++)
            promise(word.data[at] != '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = exact_copy(data, size);
    struct str rest = text;

    check_query(str_cut(&rest, '\n'));
    check_route(str_cut(&rest, '\n'));
    free_copy(text);
    return 0;
}
