#include "api/publish_sql.h"

#include "base/buffer.h"
#include "pg/identifier.h"
#include "pg/state_text.h"

#include <errno.h>
#include <stdlib.h>

#define SQL_MAX 16384

static const char install[] =
#include "api/published_sql.inc"
    ;

/* More than come, so that what is old cannot pile up; not so many that a request waits for it. */
static const char purge[] =
    "DELETE FROM walpiper.published WHERE key IN (SELECT key FROM walpiper.published "
    "WHERE item = 0 AND at < now() - interval '1 day' ORDER BY at LIMIT 10 "
    "FOR UPDATE SKIP LOCKED)";
static const char claim[] = "INSERT INTO walpiper.published (key, item, id) VALUES ($1, 0, $2)";
static const char lookup[] = "SELECT item, id FROM walpiper.published WHERE key = $1 ORDER BY item";

static void append_insert(struct buffer *sql, const struct config *config, bool with_timestamp)
{
    buffer_append_str(sql, STR("INSERT INTO "));
    pg_qualified(sql, str_from(config->events.schema), str_from(config->events.table));
    buffer_append_str(sql, STR(" ("));
    pg_identifier(sql, str_from(config->events.type));
    buffer_append_str(sql, STR(", "));
    pg_identifier(sql, str_from(config->events.consumer));
    buffer_append_str(sql, STR(", "));
    pg_identifier(sql, str_from(config->events.payload));
    if (with_timestamp) {
        buffer_append_str(sql, STR(", "));
        pg_identifier(sql, str_from(config->events.timestamp));
    }
    buffer_append_str(sql, STR(") VALUES ($1, $2, $3"));
    buffer_append_str(sql, with_timestamp ? STR(", $4) RETURNING ") : STR(") RETURNING "));
    pg_identifier(sql, str_from(config->events.id));
    buffer_append_str(sql, STR(" AS id"));
}

static char *make(const struct config *config, unsigned form)
{
    bool with_timestamp = form & PUBLISH_SQL_AT;
    struct buffer sql;

    buffer_init(&sql, SQL_MAX);
    if (form & PUBLISH_SQL_KEYED)
        buffer_append_str(&sql, STR("WITH event AS ("));
    append_insert(&sql, config, with_timestamp);
    if (form & PUBLISH_SQL_KEYED)
        pg_state_text(&sql, config->state_schema,
                      ") INSERT INTO walpiper.published (key, item, id) SELECT "
                      "$5::text, $6::int4, event.id::text FROM event");
    /* A parameter that is not used needs a type all the same. */
    if ((form & PUBLISH_SQL_KEYED) && !with_timestamp)
        buffer_append_str(&sql, STR(" WHERE $4::text IS NULL"));
    if (form & PUBLISH_SQL_KEYED)
        buffer_append_str(&sql, STR(" RETURNING id"));
    char *text = sql.failed == 0 ? str_dup(buffer_str(&sql)) : NULL;
    buffer_release(&sql);
    return text;
}

static char *of_state(const struct config *config, const char *text)
{
    struct buffer sql;

    buffer_init(&sql, SQL_MAX);
    pg_state_text(&sql, config->state_schema, text);
    char *copy = sql.failed == 0 ? str_dup(buffer_str(&sql)) : NULL;
    buffer_release(&sql);
    return copy;
}

int publish_sql_init(struct publish_sql *ret, const struct config *config, struct error *err)
{
    *ret = (struct publish_sql){
        .install = of_state(config, install),
        .purge = of_state(config, purge),
        .claim = of_state(config, claim),
        .lookup = of_state(config, lookup),
    };
    bool complete = ret->install && ret->purge && ret->claim && ret->lookup;
    for (unsigned form = 0; form < PUBLISH_SQL_FORMS; form++) {
        ret->insert[form] = make(config, form);
        complete = complete && ret->insert[form];
    }
    if (complete)
        return 0;
    publish_sql_release(ret);
    return error_set(err, -ENOMEM, "Events: out of memory for the statements");
}

void publish_sql_release(struct publish_sql *sql)
{
    for (unsigned form = 0; form < PUBLISH_SQL_FORMS; form++)
        free(sql->insert[form]);
    free(sql->install);
    free(sql->purge);
    free(sql->claim);
    free(sql->lookup);
    *sql = (struct publish_sql){0};
}
