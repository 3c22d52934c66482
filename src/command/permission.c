/*
 * permission: the arithmetic of modes along a path (path_resolution(7)).
 */
#include "command/permission.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/account.h"

#define PERMISSION_GROUPS 256

struct permission_user {
	uid_t uid;
	gid_t groups[PERMISSION_GROUPS + 1];
	int   count;
};

static bool
permission_of_mode(const struct permission_user *user, const struct stat *status, unsigned wanted)
{
	unsigned bits = status->st_mode & 7U;

	if (user->uid == 0)
		return true;
	for (int i = 0; i < user->count; i++)
		if (user->groups[i] == status->st_gid)
			bits = status->st_mode >> 3 & 7U;
	if (user->uid == status->st_uid)
		bits = status->st_mode >> 6 & 7U;
	return (bits & wanted) == wanted;
}

static bool
permission_refused(const char *what, const char *path, const struct stat *status, char *why, size_t size)
{
	const struct passwd *owner = account_of(status->st_uid);
	const struct group *group = getgrgid(status->st_gid);

	(void)snprintf(why, size, "can't %s %s (%s:%s %04o)", what, path, owner != NULL ? owner->pw_name : "?", group != NULL ? group->gr_name :
	    "?", (unsigned)status->st_mode & 07777U);
	return false;
}

/* Each directory of the path can be passed, the last part allows `wanted`. */
static bool
permission_of_path(const struct permission_user *user, const char *path, unsigned wanted, const char *what, char *why, size_t size)
{
	char part[PATH_MAX], real[PATH_MAX];
	struct stat status;

	if (realpath(path, real) == NULL) {
		(void)snprintf(why, size, "%s: %s", path, strerror(errno));
		return false;
	}
	for (char *slash = strchr(real + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - real), real);
		if (stat(part, &status) == 0 && !permission_of_mode(user, &status, 1))
			return permission_refused("pass", part, &status, why, size);
	}
	if (stat(real, &status) != 0) {
		(void)snprintf(why, size, "%s: %s", path, strerror(errno));
		return false;
	}
	return permission_of_mode(user, &status, wanted) || permission_refused(what, path, &status, why, size);
}

bool
permission_allows(const struct permission_places *places, const char *name, uid_t uid, gid_t gid, char *why, size_t size)
{
	struct permission_user user = {.uid = uid, .count = PERMISSION_GROUPS};
	struct stat status;
	char inside[PATH_MAX];

	if (getgrouplist(name, gid, user.groups, &user.count) < 0)
		user.count = PERMISSION_GROUPS;
	if (places->program != NULL) {
		if (!permission_of_path(&user, places->program, 1, "run", why, size))
			return false;
		if (stat(places->program, &status) == 0 && (status.st_mode & S_ISGID) != 0)
			user.groups[user.count++] = status.st_gid;
	}
	if (!permission_of_path(&user, places->settings, 4, "read", why, size))
		return false;
	(void)snprintf(inside, sizeof(inside), "%s/tmp", places->spool);
	if (!permission_of_path(&user, inside, 3, "write to", why, size))
		return false;
	(void)snprintf(inside, sizeof(inside), "%s/queue", places->spool);
	return permission_of_path(&user, inside, 3, "write to", why, size);
}
