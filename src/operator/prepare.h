/* operator/prepare.h - the part of a session's set-up that the operator's definition is about: what
 * the catalog must say of target and sources, then the statement that its form makes. Keeps what it
 * learns in the session. */
#ifndef OPERATOR_PREPARE_H
#define OPERATOR_PREPARE_H

#include "operator/session.h"

/* Ends with session_prepare_own(), or session_fail(). */
void prepare_start(struct session *session);

#endif
