#include "api/accept.h"

#include <errno.h>

#define WEIGHT_MAX 1000 /* q=1 */

static const struct str media_types[FORM_COUNT] = {
    [FORM_SSE] = STR("text/event-stream"),
    [FORM_JSON] = STR("application/json"),
    [FORM_NDJSON] = STR("application/x-ndjson"),
};

/* How a media range names a form: of several the most exact one counts. */
enum exactness { NOT_NAMED, ANY, ANY_OF_TYPE, EXACT };

struct preference {
    enum exactness exactness;
    unsigned weight; /* q in thousandths */
};

struct str accept_media_type(enum form form)
{
    return media_types[form];
}

/* As str_cut(), but a separator inside a quoted string does not count. */
static struct str cut(struct str *text, char separator)
{
    bool quoted = false;

    for (size_t i = 0; i < text->len; i++) {
        char c = text->data[i];
        if (c == '"')
            quoted = !quoted;
        else if (c == '\\' && quoted)
            i++;
        else if (c == separator && !quoted) {
            struct str head = {text->data, i};
            *text = (struct str){text->data + i + 1, text->len - i - 1};
            return head;
        }
    }
    struct str all = *text;
    *text = (struct str){NULL, 0};
    return all;
}

/* "0", "0.5", "1.000": at most three digits behind the point. ".2" is what Java sends. */
static int parse_weight(struct str text, unsigned *ret_weight)
{
    struct str fraction = text;
    struct str whole = str_cut(&fraction, '.');
    unsigned weight = str_equal(whole, STR("1")) ? WEIGHT_MAX : 0;
    unsigned unit = WEIGHT_MAX / 10;

    if (whole.len + fraction.len == 0 || fraction.len > 3 ||
        (weight == 0 && whole.len > 0 && !str_equal(whole, STR("0"))))
        return -EINVAL;
    for (size_t i = 0; i < fraction.len; i++) {
        if (fraction.data[i] < '0' || fraction.data[i] > '9')
            return -EINVAL;
        weight += (unsigned)(fraction.data[i] - '0') * unit;
        unit /= 10;
    }
    if (weight > WEIGHT_MAX)
        return -EINVAL;
    *ret_weight = weight;
    return 0;
}

/* Other parameters than q say nothing here: there is one kind of each form. */
static int find_weight(struct str parameters, unsigned *ret_weight)
{
    *ret_weight = WEIGHT_MAX;
    while (parameters.data != NULL) {
        struct str value = cut(&parameters, ';');
        struct str name = str_trim(str_cut(&value, '='));
        if (str_equal_nocase(name, STR("q")))
            return parse_weight(str_trim(value), ret_weight);
    }
    return 0;
}

static enum exactness match(struct str range, struct str media_type)
{
    struct str subtype = range;
    struct str type = str_cut(&subtype, '/');

    if (str_equal_nocase(range, media_type))
        return EXACT;
    if (str_equal(range, STR("*/*")) || str_equal(range, STR("*")))
        return ANY;
    if (!str_equal(subtype, STR("*")))
        return NOT_NAMED;
    return str_equal_nocase(type, str_cut(&media_type, '/')) ? ANY_OF_TYPE : NOT_NAMED;
}

static void weigh(struct preference preferences[FORM_COUNT], struct str element)
{
    struct str range = str_trim(cut(&element, ';'));
    unsigned weight;

    if (find_weight(element, &weight) < 0)
        return;
    for (int form = 0; form < FORM_COUNT; form++) {
        struct preference *preference = &preferences[form];
        enum exactness exactness = match(range, media_types[form]);
        bool better = exactness > preference->exactness ||
                      (exactness == preference->exactness && weight > preference->weight);
        if (exactness != NOT_NAMED && better)
            *preference = (struct preference){exactness, weight};
    }
}

static bool prefers(const struct preference *a, const struct preference *b)
{
    if (a->weight != b->weight)
        return a->weight > b->weight;
    return a->exactness > b->exactness;
}

enum form accept_form(const struct http_request *request)
{
    struct preference preferences[FORM_COUNT + 1] = {{0}};
    enum form best = FORM_NONE;
    bool any = false;

    for (size_t i = 0; i < request->header_count; i++) {
        struct str value = request->headers[i].value;
        if (!str_equal_nocase(request->headers[i].name, STR("Accept")))
            continue;
        while (value.data != NULL) {
            struct str element = str_trim(cut(&value, ','));
            any = any || element.len > 0;
            weigh(preferences, element);
        }
    }
    for (int form = 0; form < FORM_COUNT; form++) {
        const struct preference *preference = &preferences[form];
        if (preference->weight > 0 && prefers(preference, &preferences[best]))
            best = (enum form)form;
    }
    return any ? best : FORM_SSE;
}
