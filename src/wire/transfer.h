/*
 * transfer: the message of a transaction, by DATA or by BDAT, up to the relay's verdict. Private to splice.
 * The envelope has gone before, or waits in the exchange to go out in the same flight. 0 when the relay has
 * answered the whole message, -1 when it stopped before (see passage.h).
 */
#ifndef MAILCRANE_TRANSFER_H
#define MAILCRANE_TRANSFER_H

#include "wire/passage.h"

int transfer_by_data(struct passage *passage);
int transfer_by_chunks(struct passage *passage);

#endif
