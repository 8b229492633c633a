#include "base/marked.h"
#include <pthread.h>
#include <stdlib.h>

struct marked {
    pthread_mutex_t lock;
    struct buffer list; /* "schema\0table\0" each: no name holds a NUL */
};

struct marked *marked_new(void)
{
    struct marked *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    if (pthread_mutex_init(&m->lock, NULL) != 0) {
        free(m);
        return NULL;
    }
    return m;
}

void marked_free(struct marked *m)
{
    if (!m)
        return;
    buffer_release(&m->list);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

int marked_list(struct buffer *list, struct str schema, struct str table)
{
    buffer_append_str(list, schema);
    buffer_append_char(list, '\0');
    buffer_append_str(list, table);
    return buffer_append_char(list, '\0');
}

void marked_replace(struct marked *m, struct buffer *list)
{
    struct buffer before;
    pthread_mutex_lock(&m->lock);
    before = m->list;
    m->list = *list;
    pthread_mutex_unlock(&m->lock);
    size_t max = list->max;
    buffer_init(list, max);
    buffer_release(&before);
}

bool marked_has(struct marked *m, struct str schema, struct str table)
{
    bool found = false;
    pthread_mutex_lock(&m->lock);
    struct str rest = buffer_str(&m->list);
    while (rest.len > 0 && !found) {
        struct str one_schema = str_cut(&rest, '\0');
        struct str one_table = str_cut(&rest, '\0');
        found = str_equal(one_schema, schema) && str_equal(one_table, table);
    }
    pthread_mutex_unlock(&m->lock);
    return found;
}
