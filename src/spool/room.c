/*
 * room: how much waits in the queue. File `load` holds "OCTETS MESSAGES" as somebody counted them a moment ago, so that with thousands of
 * messages not each caller has to look at each. A figure that is lost or wrong costs a count, and is never older than ROOM_FRESH.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/quantity.h"
#include "spool/private.h"
#include "spool/spool.h"

#define ROOM_FILE "load"
#define ROOM_FRESH 5		/* s */
#define ROOM_MANY 50		/* messages: fewer are counted each time; to look at more takes longer than to write one */
#define ROOM_LINE 48

struct room {
	uint64_t octets, messages;
};

/* true and the figure when somebody has counted lately. */
static bool
room_recall(const struct spool *spool, struct room *room)
{
	int fd = openat(spool->top, ROOM_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char line[ROOM_LINE + 1] = "", *end;
	struct stat status;
	time_t age = -1;

	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0 && file_read(fd, line, ROOM_LINE) > 0)
		age = time(NULL) - status.st_mtim.tv_sec;
	(void)close(fd);
	if (age < 0 || age >= ROOM_FRESH)
		return false;
	room->octets = strtoull(line, &end, 10);
	if (end == line || *end != ' ')
		return false;
	room->messages = strtoull(end, NULL, 10);
	return true;
}

/* Read and written by several at once: one write of fixed length. */
static void
room_note(const struct spool *spool, const struct room *room)
{
	const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(spool->top, ROOM_FILE, flags, spool->file_mode);
	char line[ROOM_LINE + 1];

	if (fd < 0)
		return;
	(void)fchmod(fd, spool->file_mode);
	(void)snprintf(line, sizeof(line), "%020" PRIu64 " %020" PRIu64 "      \n", room->octets, room->messages);
	(void)file_pwrite(fd, line, ROOM_LINE, 0);
	(void)close(fd);
}

static int
room_count(const struct spool *spool, struct room *room)
{
	int fd = openat(spool->queue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *name;
	struct stat status;

	*room = (struct room){0, 0};
	if (stream == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	while ((name = readdir(stream)) != NULL) {
		if (!spool_is_id(name->d_name) || fstatat(fd, name->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		room->octets += (uint64_t)status.st_size;
		room->messages++;
	}
	(void)closedir(stream);
	return 0;
}

int
spool_check_room(const struct spool *spool, uint64_t most, struct outcome *outcome)
{
	struct buffer text;
	struct room room;

	if (room_recall(spool, &room) && room.octets < most / 10 * 9)
		return 0;
	/* what can't be counted is not full */
	if (room_count(spool, &room) != 0)
		return 0;
	if (room.messages >= ROOM_MANY)
		room_note(spool, &room);
	if (room.octets < most)
		return 0;
	buffer_init(&text, 64);
	(void)quantity_print_size(&text, most);
	errno = EDQUOT;
	(void)spool_fail(outcome, "the queue is full: %" PRIu64 " messages with %" PRIu64 " K wait in %s, max_queue is %s; see mailcrane queue",
	    room.messages, room.octets / 1024, spool->directory, text.data != NULL ? text.data : "?");
	buffer_free(&text);
	errno = EDQUOT;
	return -1;
}
