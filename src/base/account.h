/*
 * account: a user's entry in the password database.
 */
#ifndef MAILCRANE_ACCOUNT_H
#define MAILCRANE_ACCOUNT_H

#include <pwd.h>
#include <sys/types.h>

/* NULL when there is none. Valid until the next call. Does not wait for a directory server unless the user is one of its own. */
const struct passwd *account_of(uid_t uid);

#endif
