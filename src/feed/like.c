#include "feed/like.h"

bool like_is_sound(struct str pattern)
{
    size_t at = 0;

    while (at < pattern.len)
        at += pattern.data[at] == '\\' ? 2 : 1;
    return at == pattern.len;
}

static bool is_run(struct str pattern, size_t at)
{
    return at < pattern.len && (pattern.data[at] == '*' || pattern.data[at] == '%');
}

/* What is no UTF-8, of a database without an encoding, goes byte by byte. */
static size_t character_at(struct str text, size_t at)
{
    size_t len = str_utf8_length((struct str){text.data + at, text.len - at});

    return len > 0 ? len : 1;
}

/* One character of both; false when they differ. */
static bool step(struct str pattern, size_t *p, struct str text, size_t *t)
{
    if (*p >= pattern.len)
        return false;
    if (pattern.data[*p] == '_') {
        *t += character_at(text, *t);
        *p += 1;
        return true;
    }
    size_t at = *p + (pattern.data[*p] == '\\');
    if (pattern.data[at] != text.data[*t])
        return false;
    *p = at + 1;
    *t += 1;
    return true;
}

/* Only the last run has to be tried again with one character more: what an earlier one leaves to
 * the later ones, these can take. */
bool like_matches(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, run = SIZE_MAX, tried = 0;

    while (t < text.len) {
        if (is_run(pattern, p)) {
            run = ++p;
            tried = t;
        } else if (!step(pattern, &p, text, &t)) {
            if (run == SIZE_MAX)
                return false;
            p = run;
            tried += character_at(text, tried);
            t = tried;
        }
    }
    while (is_run(pattern, p))
        p++;
    return p == pattern.len;
}
