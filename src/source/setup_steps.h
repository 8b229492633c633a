/* source/setup_steps.h - the steps of the setup, one question to the server each, and what they
 * share. Private to setup*.c. */
#ifndef SOURCE_SETUP_STEPS_H
#define SOURCE_SETUP_STEPS_H

#include "pg/result.h"
#include "source/setup.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SQL_MAX (16 * 1024 * 1024)

/* --- what a step does ------------------------------------------------------------------------- */

/* Each step does one of these; the next one follows when the answer was read. */
void setup_query(struct setup *setup, const char *sql, const char *const *values, int count,
                 pg_on_result on_result);
/* The same with the publication's name for $1. */
void setup_query_publication(struct setup *setup, const char *sql, pg_on_result on_result);
void setup_skip(struct setup *setup);
/* From on_result: not the next step follows, but after MS the same one again. */
void setup_again(struct setup *setup, unsigned ms);

/* Remembers the first refusal; the setup ends when the step's answers are all read. */
void setup_refuse(struct setup *setup, const struct error *err);

#define REFUSE(setup, code, ...)                                                                   \
    do {                                                                                           \
        struct error refusal = {0};                                                                \
        error_set(&refusal, code, __VA_ARGS__);                                                    \
        setup_refuse(setup, &refusal);                                                             \
    } while (0)

static inline const char *setup_cell(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column);
}

static inline void setup_copy_cell(char *out, size_t size, const PGresult *result, int column)
{
    snprintf(out, size, "%s", setup_cell(result, 0, column));
}

/* The first table of RESULT, or an empty text. */
static inline void setup_copy_table(char *out, size_t size, const PGresult *result)
{
    out[0] = '\0';
    if (pg_has_rows(result))
        snprintf(out, size, "%s.%s", setup_cell(result, 0, 0), setup_cell(result, 0, 1));
}

/* --- setup_server.c: what server and slot are ------------------------------------------------- */

void setup_send_server(struct setup *setup);
void setup_send_slot(struct setup *setup);

/* --- setup_publication.c: tables that must be there, and the publication that must have them -- */

void setup_send_tables(struct setup *setup);
void setup_send_publication(struct setup *setup);
void setup_send_unpublished(struct setup *setup);
void setup_send_publish(struct setup *setup);
void setup_send_filtered(struct setup *setup);
void setup_send_columns(struct setup *setup);

/* --- setup_catalog.c: what the decoder must know ---------------------------------------------- */

void setup_send_seen(struct setup *setup);
void setup_send_types(struct setup *setup);
void setup_send_relations(struct setup *setup);
void setup_send_partitions(struct setup *setup);
void setup_send_partitioned(struct setup *setup);
void setup_send_unmarked(struct setup *setup);
void setup_send_marked(struct setup *setup);
void setup_send_shape(struct setup *setup);
void setup_send_relation(struct setup *setup);

#endif
