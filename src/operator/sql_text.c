#include "operator/sql_text.h"

enum token { TOKEN_SPACE, TOKEN_SEMICOLON, TOKEN_PARAMETER, TOKEN_OTHER };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool begins_name(char c)
{
    char lower = (char)(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || c == '_' || (unsigned char)c >= 0x80;
}

/* The character at AT; NUL behind the end, which no token contains. */
static char char_at(struct str s, size_t at)
{
    return at < s.len ? s.data[at] : '\0';
}

/* --- tokens that end with what they began with ------------------------------------------------ */

/* A string or a quoted name that begins at AT: where it ends. */
static size_t end_of_quoted(struct str s, size_t at, bool backslashes)
{
    char quote = s.data[at++];
    for (; at < s.len; at++) {
        if (backslashes && s.data[at] == '\\')
            at++;
        else if (s.data[at] == quote && char_at(s, at + 1) != quote)
            return at + 1;
        else if (s.data[at] == quote)
            at++;
    }
    return s.len;
}

static size_t end_of_line(struct str s, size_t at)
{
    while (at < s.len && s.data[at] != '\n' && s.data[at] != '\r')
        at++;
    return at;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Behind a string: where the next piece of it begins, which must stand in another line; 0: none. */
static size_t continuation(struct str s, size_t at)
{
    bool new_line = false;
    while (at < s.len && s.data[at] != '\'') {
        new_line |= s.data[at] == '\n' || s.data[at] == '\r';
        if (is_space(s.data[at]))
            at++;
        else if (s.data[at] == '-' && char_at(s, at + 1) == '-')
            at = end_of_line(s, at);
        else
            return 0;
    }
    return new_line && at < s.len ? at : 0;
}

/* E'...': its later pieces do not say again that backslashes escape. */
static size_t end_of_escaped(struct str s)
{
    size_t end = end_of_quoted(s, 1, true);
    for (size_t next = continuation(s, end); next > 0; next = continuation(s, end))
        end = end_of_quoted(s, next, true);
    return end;
}

static size_t end_of_comment(struct str s)
{
    size_t depth = 0, at = 0;
    while (at < s.len) {
        bool opens = s.data[at] == '/' && char_at(s, at + 1) == '*';
        bool closes = s.data[at] == '*' && char_at(s, at + 1) == '/';
        at += opens || closes ? 2 : 1;
        depth += opens;
        depth -= closes;
        if (depth == 0)
            return at;
    }
    return s.len;
}

/* --- names and what begins with a dollar ------------------------------------------------------ */

static size_t end_of_name(struct str s, size_t at, bool dollars)
{
    while (begins_name(char_at(s, at)) || is_digit(char_at(s, at)) ||
           (dollars && char_at(s, at) == '$'))
        at++;
    return at;
}

/* $tag$...$tag$, or a single dollar when there is no such tag. */
static size_t end_of_dollar_quoted(struct str s)
{
    size_t tag = begins_name(char_at(s, 1)) ? end_of_name(s, 1, false) : 1;
    if (char_at(s, tag) != '$')
        return 1;
    tag++;
    const char *end = memmem(s.data + tag, s.len - tag, s.data, tag);
    return end ? (size_t)(end - s.data) + tag : s.len;
}

static size_t end_of_digits(struct str s, size_t at)
{
    while (is_digit(char_at(s, at)))
        at++;
    return at;
}

/* --- the way through ---------------------------------------------------------------------------
 */

/* Length of the token that S, which is not empty, begins with. */
static size_t next_token(struct str s, enum token *ret_token)
{
    char c = s.data[0], next = char_at(s, 1);
    *ret_token = TOKEN_SPACE;
    if (is_space(c))
        return 1;
    if (c == '-' && next == '-')
        return end_of_line(s, 0);
    if (c == '/' && next == '*')
        return end_of_comment(s);
    *ret_token = TOKEN_OTHER;
    if (c == '\'' || c == '"')
        return end_of_quoted(s, 0, false);
    if ((c == 'e' || c == 'E') && next == '\'')
        return end_of_escaped(s);
    if (begins_name(c))
        return end_of_name(s, 1, true);
    if (c == '$' && is_digit(next)) {
        *ret_token = TOKEN_PARAMETER;
        return end_of_digits(s, 1);
    }
    if (c == '$')
        return end_of_dollar_quoted(s);
    if (c == ';')
        *ret_token = TOKEN_SEMICOLON;
    return 1;
}

int sql_text_bind(struct buffer *out, struct str sql, const char *relation)
{
    size_t end = out->len;
    while (sql.len > 0) {
        enum token token;
        size_t len = next_token(sql, &token);
        if (token == TOKEN_PARAMETER)
            buffer_printf(out, "(%s.c%.*s)", relation, (int)len - 1, sql.data + 1);
        else
            buffer_append(out, sql.data, len);
        if (token == TOKEN_PARAMETER || token == TOKEN_OTHER)
            end = out->len;
        sql = (struct str){sql.data + len, sql.len - len};
    }
    out->len = end;
    return out->failed;
}
