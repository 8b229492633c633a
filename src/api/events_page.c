#include "api/events_page.h"

#include "api/events_frame.h"
#include "base/lsn.h"
#include "pg/identifier.h"
#include "pg/result.h"

#include <errno.h>
#include <inttypes.h>

#define SQL_MAX 8192

/* A page is a few hundred rows, cut earlier when their payloads are large: what waits for the
 * journal or for a slow client is bounded by that, plus the one row that always goes through. */
#define TEXT_OF(number) TEXT_OF_VALUE(number)
#define TEXT_OF_VALUE(number) #number
#define PAGE_ROWS TEXT_OF(EVENTS_PAGE_ROWS)
#define PAGE_PAYLOAD_BYTES "262144"
#define PAGE_BYTES_MAX ((size_t)2 << 30)

/* WAL pages of 8 KiB begin with a header of 24 bytes. The insert position of a full page is already
 * behind the next one's header, where no record ends; what the server reports when idle is the
 * page's boundary, and would never get there. */
#define WAL_PAGE_BYTES 8192
#define WAL_PAGE_HEADER_BYTES 24

const char events_sql_snapshot[] = "SELECT pg_current_snapshot()";

static void append_column(struct buffer *sql, const char *column)
{
    buffer_append_str(sql, STR("source."));
    pg_identifier(sql, str_from(column));
}

static void append_source(struct buffer *sql, const struct config *config)
{
    pg_qualified(sql, str_from(config->events.schema), str_from(config->events.table));
    buffer_append_str(sql, STR(" AS source"));
}

static void append_from(struct buffer *sql, const struct config *config)
{
    buffer_append_str(sql, STR(" FROM "));
    append_source(sql, config);
    buffer_append_str(sql, STR(" WHERE "));
}

/* to_json() makes of any payload what the event shows of it: json stays, text becomes a string. */
static void append_columns(struct buffer *sql, const struct config *config)
{
    buffer_append_str(sql, STR("SELECT "));
    append_column(sql, config->events.id);
    buffer_append_str(sql, STR("::int8 AS id, "));
    append_column(sql, config->events.type);
    buffer_append_str(sql, STR("::text AS type, coalesce(to_json("));
    append_column(sql, config->events.payload);
    buffer_append_str(sql, STR(")::text, 'null') AS payload, "));
}

static void append_greater(struct buffer *sql, const struct config *config)
{
    append_columns(sql, config);
    append_column(sql, config->events.id);
    buffer_append_str(sql, STR("::int8 AS place, 0::int8 AS nth"));
    append_from(sql, config);
    append_column(sql, config->events.consumer);
    buffer_append_str(sql, STR(" = $1 AND "));
    append_column(sql, config->events.id);
    buffer_append_str(sql, STR(" > $2::int8 ORDER BY "));
    append_column(sql, config->events.id);
    buffer_append_str(sql, STR(" LIMIT " PAGE_ROWS));
}

static void append_late(struct buffer *sql, const struct config *config)
{
    append_columns(sql, config);
    buffer_append_str(sql, STR("late.place, late.nth FROM unnest($3::int8[], $4::int8[]) "
                               "WITH ORDINALITY AS late (id, place, nth) JOIN "));
    append_source(sql, config);
    buffer_append_str(sql, STR(" ON "));
    append_column(sql, config->events.id);
    buffer_append_str(sql, STR(" = late.id AND "));
    append_column(sql, config->events.consumer);
    buffer_append_str(sql, STR(" = $1"));
}

/* A page is cut where its payloads become too large, in its order: so what is there is the first of
 * what there is. */
static void append_page(struct buffer *sql, const struct config *config)
{
    buffer_append_str(sql, STR("SELECT id, type, payload FROM (SELECT id, type, payload, place, "
                               "nth, sum(octet_length(payload)) OVER (ORDER BY place, nth) - "
                               "octet_length(payload) AS before FROM (("));
    append_greater(sql, config);
    buffer_append_str(sql, STR(") UNION ALL ("));
    append_late(sql, config);
    buffer_append_str(
        sql, STR(")) AS rows) AS page WHERE before < " PAGE_PAYLOAD_BYTES " ORDER BY place, nth"));
}

static void append_mark(struct buffer *sql, const struct config *config)
{
    buffer_append_str(sql, STR("SELECT pg_current_wal_insert_lsn(), EXISTS (SELECT"));
    append_from(sql, config);
    append_column(sql, config->events.id);
    buffer_append_str(sql, STR(" = $1::int8)"));
}

static char *make(void (*append)(struct buffer *sql, const struct config *config),
                  const struct config *config)
{
    struct buffer sql;

    buffer_init(&sql, SQL_MAX);
    append(&sql, config);
    char *text = sql.failed == 0 ? str_dup(buffer_str(&sql)) : NULL;
    buffer_release(&sql);
    return text;
}

int events_sql_init(struct events_sql *ret, const struct config *config, struct error *err)
{
    struct events_sql sql = {make(append_page, config), make(append_mark, config)};

    if (sql.page == NULL || sql.mark == NULL) {
        events_sql_release(&sql);
        return error_set(err, -ENOMEM, "Events: out of memory for the statements");
    }
    *ret = sql;
    return 0;
}

void events_sql_release(struct events_sql *sql)
{
    free(sql->page);
    free(sql->mark);
    *sql = (struct events_sql){0};
}

static void append_number(struct buffer *array, size_t i, int64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%c%" PRId64, i == 0 ? '{' : ',', number);

    buffer_append(array, text, (size_t)len);
}

int events_page_late(const struct events_asked *asked, struct buffer *ids, struct buffer *leaders)
{
    for (size_t i = 0; i < asked->late_count; i++) {
        append_number(ids, i, asked->late[i].tag);
        append_number(leaders, i, asked->late[i].place.leader);
    }
    if (asked->late_count == 0) {
        buffer_append_char(ids, '{');
        buffer_append_char(leaders, '{');
    }
    buffer_append(ids, "}", 2);
    buffer_append(leaders, "}", 2);
    return ids->failed != 0 ? ids->failed : leaders->failed;
}

/* Offsets until all frames are there, for the bytes may move. */
static int append_row(struct events_page *page, const PGresult *result, int row)
{
    struct events_row *out = &page->rows[page->row_count];
    size_t from = page->bytes.len;

    if (str_to_int64(pg_cell(result, row, 0), &out->id) < 0)
        return -EINVAL;
    int status = events_frame_row(&page->bytes, pg_cell(result, row, 0), pg_cell(result, row, 1),
                                  pg_cell(result, row, 2));
    if (status < 0)
        return status;
    out->frame.len = page->bytes.len - from;
    page->row_count++;
    return 0;
}

static void place_frames(struct events_page *page)
{
    const char *at = page->bytes.data;

    for (size_t i = 0; i < page->row_count; i++) {
        page->rows[i].frame.data = at;
        at += page->rows[i].frame.len;
    }
}

int events_page_snapshot(struct events_page *page, const PGresult *result)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
        PQnfields(result) != 1)
        return -EINVAL;
    return snapshot_parse(&page->snapshot, pg_cell(result, 0, 0));
}

int events_page_rows(struct events_page *page, const PGresult *result)
{
    int count = PQntuples(result);

    page->rows = NULL;
    page->row_count = 0;
    buffer_init(&page->bytes, PAGE_BYTES_MAX);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQnfields(result) != 3)
        return -EINVAL;
    if (count == 0)
        return 0;
    page->rows = calloc((size_t)count, sizeof(*page->rows));
    if (page->rows == NULL)
        return -ENOMEM;
    for (int row = 0; row < count; row++) {
        int status = append_row(page, result, row);
        if (status < 0)
            return status;
    }
    place_frames(page);
    return 0;
}

int events_page_mark(struct events_page *page, const PGresult *result)
{
    uint64_t lsn;

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
        PQnfields(result) != 2 || lsn_parse(pg_cell(result, 0, 0), &lsn) < 0)
        return -EINVAL;
    if (lsn % WAL_PAGE_BYTES == WAL_PAGE_HEADER_BYTES)
        lsn -= WAL_PAGE_HEADER_BYTES;
    page->lsn = lsn;
    page->row_exists = str_equal(pg_cell(result, 0, 1), STR("t"));
    return 0;
}

/* The frames lie in the order of their rows, so what stays may move to the front. */
static void pick_in_place(struct events_page *page, const size_t *order, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        struct events_row row = page->rows[order[i]];
        char *place = memmove(page->bytes.data + len, row.frame.data, row.frame.len);
        page->rows[i] = (struct events_row){row.id, {place, row.frame.len}};
        len += row.frame.len;
    }
    page->row_count = count;
    page->bytes.len = len;
}

static int pick_copies(struct events_page *page, const size_t *order, size_t count)
{
    struct buffer bytes;
    struct events_row *rows = calloc(count, sizeof(*rows));

    if (rows == NULL)
        return -ENOMEM;
    buffer_init(&bytes, PAGE_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        rows[i] = page->rows[order[i]];
        buffer_append_str(&bytes, rows[i].frame);
    }
    if (bytes.failed != 0) {
        buffer_release(&bytes);
        free(rows);
        return -ENOMEM;
    }
    buffer_release(&page->bytes);
    free(page->rows);
    page->bytes = bytes;
    page->rows = rows;
    page->row_count = count;
    place_frames(page);
    return 0;
}

int events_page_pick(struct events_page *page, const size_t *order, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (order[i] < order[i - 1])
            return pick_copies(page, order, count);
    pick_in_place(page, order, count);
    return 0;
}

void events_page_release(struct events_page *page)
{
    buffer_release(&page->bytes);
    free(page->rows);
    free(page->asked.late);
    snapshot_release(&page->snapshot);
    *page = (struct events_page){0};
}
