#include "journal/holds.h"
#include <errno.h>

void holds_release(struct holds *holds)
{
    for (size_t i = 0; i < holds->count; i++)
        free(holds->items[i].name);
    free(holds->items);
    *holds = (struct holds){0};
}

static struct hold *find(const struct holds *holds, struct str name)
{
    for (size_t i = 0; i < holds->count; i++)
        if (str_equal(str_from(holds->items[i].name), name))
            return &holds->items[i];
    return NULL;
}

static int add(struct holds *holds, struct str name, struct position position)
{
    if (holds->count == HOLDS_MAX)
        return -ENOSPC;
    if (holds->count == holds->capacity) {
        size_t capacity = holds->capacity ? holds->capacity * 2 : 8;
        struct hold *items = reallocarray(holds->items, capacity, sizeof(*items));
        if (!items)
            return -ENOMEM;
        holds->items = items;
        holds->capacity = capacity;
    }
    char *copy = str_dup(name);
    if (!copy)
        return -ENOMEM;
    holds->items[holds->count++] = (struct hold){.name = copy, .position = position};
    return 1;
}

int holds_set(struct holds *holds, struct str name, struct position position)
{
    if (name.len == 0 || name.len > HOLD_NAME_MAX || memchr(name.data, '\0', name.len))
        return -EINVAL;
    struct hold *hold = find(holds, name);
    if (!hold)
        return add(holds, name, position);
    if (position_compare(position, hold->position) > 0)
        hold->position = position;
    if (hold->given_up && position_compare(hold->position, holds->trimmed) >= 0)
        hold->given_up = hold->told = false;
    return 0;
}

bool holds_remove(struct holds *holds, struct str name)
{
    struct hold *hold = find(holds, name);
    if (!hold)
        return false;
    free(hold->name);
    *hold = holds->items[--holds->count];
    return true;
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

bool holds_keep(struct holds *holds, const char *const *names, size_t count)
{
    size_t before = holds->count;
    for (size_t i = before; i-- > 0;)
        if (!is_among(holds->items[i].name, names, count))
            holds_remove(holds, str_from(holds->items[i].name));
    return holds->count < before;
}

bool holds_oldest(const struct holds *holds, struct position *ret_position)
{
    const struct hold *oldest = NULL;
    for (size_t i = 0; i < holds->count; i++) {
        const struct hold *hold = &holds->items[i];
        if (hold->given_up)
            continue;
        if (!oldest || position_compare(hold->position, oldest->position) < 0)
            oldest = hold;
    }
    if (oldest)
        *ret_position = oldest->position;
    return oldest != NULL;
}

void holds_give_up(struct holds *holds)
{
    for (size_t i = 0; i < holds->count; i++)
        if (position_compare(holds->items[i].position, holds->trimmed) < 0)
            holds->items[i].given_up = true;
}

const struct hold *holds_next_given_up(struct holds *holds)
{
    for (size_t i = 0; i < holds->count; i++) {
        struct hold *hold = &holds->items[i];
        if (!hold->given_up || hold->told)
            continue;
        hold->told = true;
        return hold;
    }
    return NULL;
}

int holds_encode(const struct holds *holds, struct buffer *buffer)
{
    for (size_t i = 0; i < holds->count; i++) {
        struct str name = str_from(holds->items[i].name);
        unsigned char position[POSITION_BYTES];
        position_encode(holds->items[i].position, position);
        buffer_append_char(buffer, (char)name.len);
        buffer_append_str(buffer, name);
        buffer_append(buffer, position, sizeof(position));
    }
    return buffer->failed;
}

int holds_decode(struct holds *holds, struct str coded)
{
    while (coded.len > 0) {
        size_t len = (unsigned char)coded.data[0];
        if (1 + len + POSITION_BYTES > coded.len)
            return -EIO;
        struct str name = {coded.data + 1, len};
        const char *position = name.data + len;
        int rc = holds_set(holds, name, position_decode((const unsigned char *)position));
        if (rc < 0)
            return rc == -ENOMEM ? rc : -EIO;
        coded.data = position + POSITION_BYTES;
        coded.len -= 1 + len + POSITION_BYTES;
    }
    return 0;
}
