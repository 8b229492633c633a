/* cli/verify_wait.h - waits until a row that is not right cannot be one that the operator is only
 * about to write. */
#ifndef CLI_VERIFY_WAIT_H
#define CLI_VERIFY_WAIT_H

#include "cli/operator_call.h"

/* Returns when the operator has applied all that was in the WAL before LSN, as far as it concerns
 * it; when nobody has it or it is paused; and when it is stuck. 0 or the server's failure. */
int verify_wait(struct operator_call *call, const char *lsn, struct error *err);

#endif
