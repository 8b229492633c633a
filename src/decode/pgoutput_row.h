/* decode/pgoutput_row.h - the rows in Insert, Update and Delete messages of pgoutput: tuples become
 * old and new values. What is made of them is the same as what wal2json's decoder makes: an update
 * knows the old values of the identity, and with REPLICA IDENTITY FULL all of them. Private to
 * decode/. Pure. */
#ifndef DECODE_PGOUTPUT_ROW_H
#define DECODE_PGOUTPUT_ROW_H

#include "decode/pgoutput_relation.h"

/* Memory for the values that a change borrows. */
struct pgoutput_row {
    struct value new_values[PGOUTPUT_COLUMNS_MAX];
    struct value old_values[PGOUTPUT_COLUMNS_MAX];
};

/* Reads what follows the OID of RELATION in a message of KIND I, U or D, to its end. *RET borrows
 * from ROW, RELATION and the message. 0, or -EBADMSG with the story in ERR. */
int pgoutput_row_read(struct pgoutput_row *row, const struct pgoutput_relation *relation, char kind,
                      struct byte_reader *reader, struct change *ret, struct error *err);

#endif
