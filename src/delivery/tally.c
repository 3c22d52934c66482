/*
 * tally: TALLY_PLACES lines of TALLY_PLACE octets, each "HASH SECONDS COUNT" of one address: a hash, since the file is no list of
 * addresses. The address's own line is taken, else the oldest: a flood from many addresses can push one out, which then gets a few reports
 * more. Under flock(), as couriers work side by side.
 */
#include "delivery/tally.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/file.h"
#include "base/text.h"

#define TALLY_PLACES 512
#define TALLY_PLACE 48
#define TALLY_LOCK_MS 1000

struct tally_line {
	uint64_t hash;
	int64_t  since;
	unsigned count;
};

/* FNV-1a, of the address without case. */
static uint64_t
tally_hash(const char *address)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *address != '\0'; address++) {
		unsigned char c = (unsigned char)*address;

		hash ^= c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
		hash *= UINT64_C(0x100000001b3);
	}
	return hash;
}

/* As last.c: the next courier may be another user's. -1: it can't be had. */
static int
tally_open(const struct spool *spool)
{
	int directory = open(spool_directory(spool), O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	struct deadline deadline = deadline_in(TALLY_LOCK_MS);
	struct stat status;

	if (directory < 0)
		return -1;
	fd = openat(directory, "reports", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	(void)close(directory);
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		(void)close(fd);
		return -1;
	}
	if (status.st_uid == geteuid() && (status.st_mode & 07777) != 0660)
		(void)fchmod(fd, 0660);
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (deadline_passed(deadline)) {
			(void)close(fd);
			return -1;
		}
		(void)poll(NULL, 0, 2);
	}
	return fd;
}

/* A line that is none of ours comes to zeros, or to numbers that nobody has. */
static struct tally_line
tally_parse(const char *place)
{
	struct tally_line line;
	char text[TALLY_PLACE + 1], *end;

	memcpy(text, place, TALLY_PLACE);
	text[TALLY_PLACE] = '\0';
	line.hash = strtoull(text, &end, 16);
	line.since = (int64_t)strtoll(end, &end, 10);
	line.count = (unsigned)strtoul(end, NULL, 10);
	if (line.since < 0)
		line.since = 0;
	return line;
}

/* The place of this address, else the one that was begun first; in *line what counts now: a period that is over, or begins after `now`
 * (a clock set back), is forgotten. */
static size_t
tally_find(const char *text, uint64_t hash, time_t now, struct tally_line *line)
{
	int64_t least = INT64_MAX;
	size_t found = 0;

	for (size_t i = 0; i < TALLY_PLACES; i++) {
		*line = tally_parse(text + i * TALLY_PLACE);
		if (line->hash == hash) {
			found = i;
			break;
		}
		if (line->since < least) {
			least = line->since;
			found = i;
		}
	}
	if (line->hash != hash || line->since > now || now - line->since >= TALLY_PERIOD)
		*line = (struct tally_line){.hash = hash, .since = (int64_t)now};
	return found;
}

/* The number of those before, with one more noted when `is_more`; 0 when it can't be had. */
static unsigned
tally_look(const struct spool *spool, const char *address, time_t now, bool is_more)
{
	char text[TALLY_PLACES * TALLY_PLACE + 1], place[TALLY_PLACE + 1];
	struct tally_line line;
	size_t at;
	int fd = tally_open(spool), length;

	if (fd < 0)
		return 0;
	memset(text, 0, sizeof(text));
	(void)file_pread(fd, text, sizeof(text) - 1, 0);
	at = tally_find(text, tally_hash(address), now, &line);
	length = snprintf(place, sizeof(place), "%016" PRIx64 " %" PRId64 " %u", line.hash, line.since, line.count + 1);
	if (is_more && length > 0 && (size_t)length < sizeof(place)) {
		memset(place + length, ' ', sizeof(place) - (size_t)length);
		place[TALLY_PLACE - 1] = '\n';
		(void)file_pwrite(fd, place, TALLY_PLACE, (off_t)(at * TALLY_PLACE));
	}
	(void)close(fd);
	return line.count;
}

bool
tally_allows(const struct spool *spool, const char *address, time_t now)
{
	return tally_look(spool, address, now, false) < TALLY_MOST;
}

void
tally_count(const struct spool *spool, const char *address, time_t now)
{
	(void)tally_look(spool, address, now, true);
}
