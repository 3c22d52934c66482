/*
 * transaction: MAIL, RCPT, DATA, BDAT and RSET of one session, and what is kept of them.
 */
#ifndef RELAY_TRANSACTION_H
#define RELAY_TRANSACTION_H

#include "session.h"

/* Each: 0 go on, -1 the connection is over. `line` is the whole command. */
int transaction_mail(struct session *session, const char *line);
int transaction_rcpt(struct session *session, const char *line);
int transaction_data(struct session *session);
int transaction_bdat(struct session *session, const char *line);
void transaction_forget(struct session *session);

#endif
