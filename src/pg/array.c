#include "pg/array.h"

/* In quotes each, so that no text is taken for NULL, a brace or white space. */
int pg_array_item(struct buffer *array, const char *text)
{
    buffer_append_char(array, array->len == 0 ? '{' : ',');
    if (!text)
        return buffer_append_str(array, STR("NULL"));
    buffer_append_char(array, '"');
    for (size_t plain; *text; text += plain) {
        plain = strcspn(text, "\"\\");
        if (plain == 0) {
            buffer_append_char(array, '\\');
            plain = 1;
        }
        buffer_append(array, text, plain);
    }
    return buffer_append_char(array, '"');
}

int pg_array_end(struct buffer *array)
{
    buffer_append_str(array, array->len == 0 ? STR("{}") : STR("}"));
    return buffer_append_char(array, '\0');
}
