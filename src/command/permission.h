/*
 * permission: what `sendmail` may do when a user calls it, by owners and modes, without becoming that user. Access lists are not
 * seen, nor what SELinux and AppArmor say: security looks there.
 */
#ifndef MAILCRANE_PERMISSION_H
#define MAILCRANE_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct permission_places {
	const char *program;	/* sendmail; a set-group-ID bit gives its group. NULL: not looked at, no group given */
	const char *settings;
	const char *spool;
};

/* true, or false and in `why` what is refused: "can't read /etc/mailcrane.ini (root:root 0600)". `name` is the user's, for its groups. */
bool permission_allows(const struct permission_places *places, const char *name, uid_t uid, gid_t gid, char *why, size_t size);

#endif
