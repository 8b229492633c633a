#include "operator/bisect.h"
#include <assert.h>

void bisect_start(struct bisect *b, size_t count)
{
    *b = (struct bisect){.end = count, .run = 2 * count};
}

static bool knows(const struct bisect *b)
{
    return b->failed > b->begin;
}

size_t bisect_until(const struct bisect *b)
{
    if (knows(b))
        return b->begin + (b->failed - b->begin) / 2;
    return b->end - b->begin > b->run ? b->begin + b->run : b->end;
}

enum bisect_want bisect_want(const struct bisect *b)
{
    if (knows(b))
        return b->failed - b->begin > 1 ? BISECT_PART : BISECT_BAD;
    return bisect_until(b) < b->end ? BISECT_PART : BISECT_REST;
}

void bisect_tell(struct bisect *b, bool failed)
{
    assert(bisect_want(b) != BISECT_BAD);
    size_t until = bisect_until(b);
    if (!knows(b) && failed)
        b->run = b->run > 1 ? b->run / 2 : 1;
    else if (!knows(b))
        b->run *= 2;
    if (failed)
        b->failed = until;
    else
        b->begin = until;
}

void bisect_drop(struct bisect *b)
{
    b->begin++;
}
