#include "source/inexact.h"

#include "base/buffer.h"
#include "base/log.h"
#include "base/str.h"

#include <stdio.h>

/* By OID, as wal2json itself looks at values. */
static bool is_inexact(const char *type_oid)
{
    return strcmp(type_oid, "700") == 0 || strcmp(type_oid, "701") == 0 ||
           strcmp(type_oid, "1700") == 0;
}

void inexact_read(struct inexact *inexact, const PGresult *result)
{
    struct buffer text;
    unsigned count = 0;

    buffer_init(&text, INEXACT_TEXT_MAX - 1);
    for (int row = 0; row < PQntuples(result); row++) {
        bool published = *PQgetvalue(result, row, 5) == 't';
        if (!published || !is_inexact(PQgetvalue(result, row, 3)) || ++count > INEXACT_SHOWN_MAX)
            continue;
        buffer_printf(&text, "%s%s.%s.%s", count > 1 ? ", " : "", PQgetvalue(result, row, 0),
                      PQgetvalue(result, row, 1), PQgetvalue(result, row, 2));
    }
    if (count > INEXACT_SHOWN_MAX)
        buffer_printf(&text, " and %u more", count - INEXACT_SHOWN_MAX);
    snprintf(inexact->columns, sizeof(inexact->columns), "%.*s", STR_ARG(buffer_str(&text)));
    buffer_release(&text);
}

void inexact_tell(struct inexact *inexact, const char *slot)
{
    if (strcmp(inexact->columns, inexact->told) == 0)
        return;
    snprintf(inexact->told, sizeof(inexact->told), "%s", inexact->columns);
    if (inexact->columns[0] != '\0')
        log_info("source",
                 "slot %s: wal2json gives NaN and Infinity as null, in %s; where they matter, set "
                 "slot.plugin: pgoutput with a new slot.name",
                 slot, inexact->columns);
}
