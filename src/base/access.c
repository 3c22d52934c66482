/*
 * access: settings and password files belong to root and the group mailcrane, which `sendmail` gets by
 * set-group-ID.
 */
#include "base/access.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

const char *
access_text(int error)
{
	if (error != EACCES && error != EPERM)
		return strerror(error);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return "permission denied: set-group-ID is switched off here (NoNewPrivileges), so the group mailcrane is "
		    "missing";
	return "permission denied: not in group mailcrane, and not started set-group-ID";
}
