#include "base/marked.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

enum { TABLE = 't', COLUMN = 'c' };

struct marked {
    pthread_mutex_t lock;
    struct buffer list; /* "tschema\0table\0", then "ccolumn\0type\0" of each of its columns: no
                           name holds a NUL */
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
    buffer_append_char(list, TABLE);
    buffer_append_str(list, schema);
    buffer_append_char(list, '\0');
    buffer_append_str(list, table);
    return buffer_append_char(list, '\0');
}

int marked_column(struct buffer *list, struct str column, uint32_t type_oid)
{
    buffer_append_char(list, COLUMN);
    buffer_append_str(list, column);
    buffer_append_char(list, '\0');
    buffer_printf(list, "%" PRIu32, type_oid);
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

/* What is behind the table's names; data NULL when it is not there. */
static struct str find_table(const struct marked *m, struct str schema, struct str table)
{
    struct str rest = buffer_str(&m->list);

    while (rest.len > 0) {
        bool is_table = rest.data[0] == TABLE;
        struct str first = str_cut(&rest, '\0');
        struct str second = str_cut(&rest, '\0');
        if (is_table && str_equal((struct str){first.data + 1, first.len - 1}, schema) &&
            str_equal(second, table))
            return rest;
    }
    return (struct str){NULL, 0};
}

/* REST is what find_table() gave. */
static int find_column(struct str rest, struct str column, uint32_t *ret_type_oid)
{
    int64_t oid;

    if (rest.len == 0 || rest.data[0] != COLUMN)
        return -EAGAIN;
    while (rest.len > 0 && rest.data[0] == COLUMN) {
        struct str name = str_cut(&rest, '\0');
        struct str type = str_cut(&rest, '\0');
        if (str_equal((struct str){name.data + 1, name.len - 1}, column) &&
            str_to_int64(type, &oid) == 0) {
            *ret_type_oid = (uint32_t)oid;
            return 0;
        }
    }
    return -ENOENT;
}

bool marked_has(struct marked *m, struct str schema, struct str table)
{
    pthread_mutex_lock(&m->lock);
    bool found = find_table(m, schema, table).data != NULL;
    pthread_mutex_unlock(&m->lock);
    return found;
}

int marked_column_type(struct marked *m, struct str schema, struct str table, struct str column,
                       uint32_t *ret_type_oid)
{
    pthread_mutex_lock(&m->lock);
    int status = find_column(find_table(m, schema, table), column, ret_type_oid);
    pthread_mutex_unlock(&m->lock);
    return status;
}
