/* operator/failure.h - what a failed transaction means to an operator: the server's classes
 * (pg/failure.h), our own (sql/state.sql), and our own refusals. Pure. */
#ifndef OPERATOR_FAILURE_H
#define OPERATOR_FAILURE_H

#include "base/error.h"

enum failure {
    FAILURE_TRANSIENT, /* goes by itself: try again for ever */
    FAILURE_LOST,      /* transient, and the connection is gone with it; WPR01: so is the slot */
    FAILURE_SYSTEMIC,  /* no id would fare better: pause until it is mended */
    FAILURE_DATA,      /* this id fails: on_error decides after max_retries */
    FAILURE_UNSEEN,    /* WPV01: a transaction is not visible yet; no failure at all */
    FAILURE_FENCED,    /* WPF01: another process has taken the operator over */
    FAILURE_SWAP_GONE, /* WPS01: a rebuild that swaps is not the one that it was: look again */
    FAILURE_SWAP,      /* WPS02: it cannot be done */
};

/* An error of ours (-EINVAL, without SQLSTATE) is systemic: it is only mended from outside. */
enum failure failure_of(const struct error *err);

#endif
