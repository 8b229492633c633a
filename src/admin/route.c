#include "admin/route.h"

bool route_fits(const char *pattern, struct str path, struct str *ret_word)
{
    struct str wanted = str_from(pattern), word = {NULL, 0};

    while (wanted.data != NULL && path.data != NULL) {
        struct str expected = str_cut(&wanted, '/');
        struct str segment = str_cut(&path, '/');
        if (str_equal(expected, STR("*")) && segment.len > 0)
            word = segment;
        else if (!str_equal(expected, segment))
            return false;
    }
    if (wanted.data != NULL || path.data != NULL)
        return false;
    *ret_word = word;
    return true;
}
