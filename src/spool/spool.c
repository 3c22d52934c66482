/*
 * spool: the directory, and what stands in it. RFC 5321 section 4.2.5 and 6.1: who answers for a message must not lose it "for
 * frivolous reasons"; whoever says "queued" has seen spool_draft_sync succeed.
 *
 * WHERE A MESSAGE IS AND WHO HOLDS IT. One message is one file; its inode never changes, its name does. "Locked" is flock()
 * LOCK_EX on the file itself, by one open file description that no child keeps.
 *
 *   state      name        lock      event                      next state   what a crash right then leaves
 *   ---------  ----------  --------  -------------------------  -----------  --------------------------------------------------
 *   new        tmp/ID      caller    spool_draft_new            writing      an empty file nobody holds: sweep removes it
 *   writing    tmp/ID      caller    begin, write ...           writing      part of a message, without head: sweep removes it
 *              tmp/ID      caller    spool_draft_free           -            removed
 *              tmp/ID      caller    commit: head written       writing      whole, but promised to nobody: sweep removes it
 *              tmp/ID      caller    commit: rename             committed    in queue/, promised to nobody: whole after a mere
 *                                                                            process death; after a power cut perhaps torn, and
 *                                                                            then the checksum moves it aside
 *   committed  queue/ID    caller    commit: unlock             waiting      as before
 *   waiting    queue/ID    nobody    spool_draft_sync           waiting      0 was returned: it is there, whole, for good
 *                                    spool_draft_withdraw       -            there or not; nothing was promised
 *                                    spool_claim                serving      lock gone with the process: waiting
 *                                    spool_claim, bad checksum  damaged      queue/ID or damaged/ID
 *   serving    queue/ID    courier   spool_entry_begin          serving      due and attempts are both old or both new
 *                                    spool_entry_settle         serving      that recipient's state is the old or the new one
 *                                    spool_entry_sync           serving      0 was returned: the new ones, for good
 *                                    spool_entry_note_told      serving      that its sender was told is noted or not: report.c
 *                                    spool_entry_postpone       serving      due and attempts are both old or both new
 *                                    spool_entry_free           waiting      -
 *                                    finish, all delivered      -            gone, or waiting with nobody left to serve: the
 *                                                                            next claim has only to finish it
 *                                    finish, one failed         failed       queue/ID (the same) or failed/ID
 *   failed     failed/ID   nobody    sweep, keep_failed over    -            kept for people until then
 *                          people    spool_entry_restore        waiting      failed/ID, with recipients that wait and nobody serves
 *   any        ../ID       people    spool_entry_remove         -            there or not
 *   damaged    damaged/ID  nobody    -                          -            kept for people; never listed, claimed or removed
 *
 * A runner that scans between rename and unlock finds the message busy: the caller pokes after the unlock, so that runner scans
 * again. Who locks a file by a name has to check afterwards that the name still is that inode: in between it may have been
 * withdrawn, finished or swept. Then content, then states, in this order.
 *
 * THE RECIPIENTS of a message, each by the first octet of its field (format.h): waiting -> delivered | deferred | refused, deferred
 * -> the same; delivered and refused are final. No write ever turns a final state back, but that of people who have a
 * message in failed/ tried again: refused -> waiting.
 *
 * VERDICT/ID is a FIFO, made and opened by the caller while it still holds tmp/ID, so a FIFO whose tmp/ID is gone and that nobody
 * reads is dead. Unlinked by the caller when it has read the verdict: a runner that finds it still there, but nobody
 * reading, knows that the caller was told nothing.
 *
 * LOOSE: with [queue] delivery = direct a message is in no spool: a file without a name, shared by the caller and the process that it
 * started, which writes the outcomes into it as here. It dies with them.
 *
 * TRIGGER and LOCK are never unlinked; who holds LOCK is the runner. See watch.c. BESIDE is the lock of one who works beside a runner
 * that gives no sign of life. Neither is needed for safety: that is the message's lock.
 *
 * A REPORT of our own (delivery/report.c) is a message like others, marked in its envelope. In tmp/ it has a name of chance; its id follows
 * from what it is about, so the commit of a second one replaces nothing and fails with EEXIST.
 *
 * HELD, in the slot, is set and cleared by people under the message's lock: waiting, but never due. Whoever claims a message looks.
 *
 * Writing to a FIFO can raise SIGPIPE, and to a file SIGXFSZ: the mains ignore both, which the functions here rely on (the error is
 * then EPIPE or EFBIG).
 */
#include "spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "spool/private.h"

#define SPOOL_ADVICE "run make install, or set [queue] directory"
#define SPOOL_PROBE_SIZE 4096	/* octets, as much as a small message needs: a disk may have room for a name and for no more */

int
spool_fail(struct outcome *outcome, const char *format, ...)
{
	int saved = errno;
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	outcome_set(outcome, VERDICT_FAILED, STAGE_SPOOL, CAUSE_SPOOL, "%s", text);
	errno = saved;
	return -1;
}

/* What helps depends on what went wrong. */
static const char *
spool_advice(int error)
{
	switch (error) {
	case EMFILE:
		return ": the limit of open files is too low (ulimit -n)";
	case EACCES:
	case ELOOP:
	case ENOENT:
	case ENOTDIR:
	case EPERM:
		return ": " SPOOL_ADVICE;
	default:
		return "";
	}
}

const char *
spool_name(const struct spool *spool)
{
	return spool != NULL ? spool->directory : "memory";
}

bool
spool_is_id(const char *name)
{
	size_t length = strspn(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

	return length > 0 && length < SPOOL_ID_SIZE && name[length] == '\0';
}

bool
spool_is_inode(int fd, int directory, const char *name)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && fstatat(directory, name, &theirs, AT_SYMLINK_NOFOLLOW) == 0 &&
	    ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int
spool_rename_new(int from, int to, const char *name, const char *new_name)
{
	if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0)
		return 0;
	/* file systems without the flag (NFS): ids hold 31 random bits besides the time, so a plain one replaces nothing */
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (faccessat(to, new_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, name, to, new_name);
}

int
spool_open_fifo(int directory, const char *name, int flags)
{
	struct stat status;
	int fd = openat(directory, name, flags | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode)) {
		(void)close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

/* Makes path and its parents, 0700. */
static int
spool_make_top(const char *path)
{
	char *copy = memory_copy_text(path);
	int result = 0;

	for (char *slash = strchr(copy + 1, '/'); result == 0 && slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			result = -1;
		*slash = '/';
	}
	if (result == 0 && mkdir(copy, 0700) != 0 && errno != EEXIST)
		result = -1;
	free(copy);
	return result;
}

/* Who could slip something into the spool? Nobody but root, us, and the group that an administrator shared it with. */
static int
spool_check_top(struct spool *spool, struct outcome *outcome)
{
	const mode_t shared = S_ISGID | S_IWGRP;
	struct stat status;

	if (fstat(spool->top, &status) != 0)
		return spool_fail(outcome, "spool %s: %s", spool->directory, strerror(errno));
	if ((status.st_mode & S_IRWXO) != 0) {
		errno = EPERM;
		return spool_fail(outcome, "spool %s is open to everybody (mode %04o): chmod o-rwx, or " SPOOL_ADVICE,
		    spool->directory, (unsigned)status.st_mode & 07777);
	}
	if (status.st_uid != 0 && status.st_uid != geteuid() && (status.st_mode & shared) != shared) {
		errno = EPERM;
		return spool_fail(outcome, "spool %s belongs to another user (uid %u): " SPOOL_ADVICE, spool->directory,
		    (unsigned)status.st_uid);
	}
	spool->owner = status.st_uid;
	spool->group = status.st_gid;
	spool->file_mode = (status.st_mode & S_IRWXG) != 0 ? 0660 : 0600;
	return 0;
}

/* Opens a directory inside, making it when it is missing: tried in this order, since it is missing once only. */
static int
spool_open_inside(struct spool *spool, const char *name, int *fd, struct outcome *outcome)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	mode_t mode = spool->file_mode == 0660 ? 02770 : 0700;
	bool is_new = false;
	struct stat status;

	*fd = openat(spool->top, name, flags);
	if (*fd < 0 && errno == ENOENT) {
		is_new = mkdirat(spool->top, name, mode) == 0;
		*fd = openat(spool->top, name, flags);
	}
	if (*fd < 0)
		return spool_fail(outcome, "spool %s/%s: %s%s", spool->directory, name, strerror(errno), spool_advice(errno));
	if (is_new && fchmod(*fd, mode) != 0)
		return spool_fail(outcome, "spool %s/%s: can't set its mode: %s", spool->directory, name, strerror(errno));
	/* a message is only as safe as the names that lead to it */
	if (is_new)
		(void)fsync(spool->top);
	if (fstat(*fd, &status) != 0 || (status.st_mode & S_IRWXO) != 0) {
		errno = EPERM;
		return spool_fail(outcome, "spool %s/%s is open to everybody: chmod o-rwx", spool->directory, name);
	}
	return 0;
}

static int
spool_make_trigger(struct spool *spool, struct outcome *outcome)
{
	struct stat status;
	int result = fstatat(spool->top, "trigger", &status, AT_SYMLINK_NOFOLLOW);

	if (result != 0 && errno == ENOENT) {
		if (mkfifoat(spool->top, "trigger", spool->file_mode) != 0 && errno != EEXIST)
			return spool_fail(outcome, "spool %s/trigger: %s%s", spool->directory, strerror(errno), spool_advice(errno));
		result = fstatat(spool->top, "trigger", &status, AT_SYMLINK_NOFOLLOW);
	}
	if (result != 0 || !S_ISFIFO(status.st_mode)) {
		errno = EINVAL;
		return spool_fail(outcome, "spool %s/trigger is not a FIFO: remove it", spool->directory);
	}
	return 0;
}

static int
spool_open_all(struct spool *spool, struct outcome *outcome)
{
	const struct {
		const char *name;
		int        *fd;
	} inside[] = {
		{"tmp", &spool->tmp},
		{"queue", &spool->queue},
		{"failed", &spool->failed},
		{"verdict", &spool->verdict},
		{"damaged", &spool->damaged},
	};
	int result;
	mode_t saved;

	if (spool_check_top(spool, outcome) != 0)
		return -1;
	/* with the caller's umask another user would for a moment find a directory that is closed to the group */
	saved = umask(0);
	result = spool_make_trigger(spool, outcome);
	for (size_t i = 0; result == 0 && i < sizeof(inside) / sizeof(inside[0]); i++)
		result = spool_open_inside(spool, inside[i].name, inside[i].fd, outcome);
	(void)umask(saved);
	return result;
}

int
spool_open(const char *directory, bool may_create, struct spool **spool, struct outcome *outcome)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct spool *new = memory_alloc(sizeof(*new));
	int saved;

	new->directory = memory_copy_text(directory);
	new->tmp = new->queue = new->failed = new->verdict = new->damaged = -1;
	new->top = open(directory, flags);
	if (new->top < 0 && errno == ENOENT && may_create && spool_make_top(directory) == 0)
		new->top = open(directory, flags);
	if (new->top < 0) {
		(void)spool_fail(outcome, "spool %s: %s%s", directory, strerror(errno), spool_advice(errno));
		goto fail;
	}
	if (spool_open_all(new, outcome) != 0)
		goto fail;
	*spool = new;
	return 0;
fail:
	saved = errno;
	spool_close(new);
	errno = saved;
	return -1;
}

void
spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	const int all[] = {spool->top, spool->tmp, spool->queue, spool->failed, spool->verdict, spool->damaged};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] >= 0)
			(void)close(all[i]);
	free(spool->directory);
	free(spool);
}

const char *
spool_directory(const struct spool *spool)
{
	return spool->directory;
}

uid_t
spool_owner(const struct spool *spool)
{
	return spool->owner;
}

gid_t
spool_group(const struct spool *spool)
{
	return spool->group;
}

/* In tmp/; -1 with errno. */
static int
spool_nameless(const struct spool *spool)
{
	return openat(spool->tmp, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* The file system knows no files without a name. */
static bool
spool_lacks_nameless(int error)
{
	return error == EOPNOTSUPP || error == EISDIR || error == ENOENT;
}

int
spool_scratch(struct spool *spool)
{
	int fd = spool != NULL ? spool_nameless(spool) : -1;

	if (fd < 0 && (spool == NULL || spool_lacks_nameless(errno)))
		fd = memfd_create("mailcrane", MFD_CLOEXEC);
	return fd;
}

/* By writing: after an error of the disk, statvfs() and access() may still say that all is well. */
int
spool_probe(const struct spool *spool, struct outcome *outcome)
{
	static const char block[SPOOL_PROBE_SIZE];
	int fd = spool_nameless(spool), result, saved;

	if (fd < 0 && spool_lacks_nameless(errno))
		result = faccessat(spool->tmp, ".", W_OK | X_OK, AT_EACCESS);
	else
		result = fd < 0 ? -1 : file_write(fd, block, sizeof(block));
	saved = errno;
	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return result == 0 ? 0 : spool_fail(outcome, "can't write into %s/tmp: %s: %sno new mail can be kept", spool->directory,
	    strerror(errno), errno == EROFS ? "what waits there stays there, and " : "");
}
