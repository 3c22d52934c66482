/*
 * security: what SELinux and AppArmor, which may say no where owners and modes say yes, are known to do to us here: whether one is on, under
 * which domain or profile we run, and what it refused lately as far as the kernel's and the audit log can be read. It looks only.
 */
#ifndef MAILCRANE_SECURITY_H
#define MAILCRANE_SECURITY_H

#include <stdbool.h>
#include <time.h>

#define SECURITY_RECENT 86400	/* s: an older refusal is no news */

struct security {
	char state[352];	/* words for people, "" when none of the two is on */
	bool forbids;		/* it is known to forbid web servers to send mail */
	char refusal[400];	/* "AppArmor refused sendmail (profile php-fpm): exec /usr/sbin/sendmail", "" when none is known */
	long ago;		/* s since that */
};

/* `root` is put before each path: "" but in tests. */
void security_look(const char *root, time_t now, struct security *security);

#endif
