/*
 * check_damage: files as a power cut or a sick disk leaves them: torn at an offset, with zeros from there on, with a sector of
 * zeros, with a bit turned, with something behind. What the checksum covers is never sent but moved to damaged/, with a log line; what is written again in
 * place (format.h: slot, and a recipient's field behind its first octet) only explains and schedules, and the message is sent.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks.h"
#include "spool/format.h"

#define DAMAGE_BATCH 60
#define DAMAGE_MAX 8192

enum damage_kind { DAMAGE_TORN, DAMAGE_ZEROS, DAMAGE_SECTOR, DAMAGE_BIT, DAMAGE_LONGER, DAMAGE_KINDS };

static const char *const damage_names[DAMAGE_KINDS] = {"torn", "zeros from there on", "a sector of zeros", "a bit turned", "longer"};

struct damage {
	enum damage_kind kind;
	size_t           offset;
	unsigned         number;
	bool             is_sound;	/* must be sent */
	bool             is_later;	/* looks like a later version's, and is left alone */
	char             id[64];
};

/* Is this octet one that is written again in place? */
static bool
damage_is_free(const char *octets, size_t size, size_t offset)
{
	size_t at = FORMAT_ENVELOPE_OFFSET, end;

	if (offset >= FORMAT_HEAD_SIZE && offset < FORMAT_ENVELOPE_OFFSET)
		return true;
	/* the envelope's lines; nothing behind it looks like a recipient's */
	while (at < size && (end = (size_t)((const char *)memchr(octets + at, '\n', size - at) - octets)) < size) {
		if (strncmp(octets + at, "to ", 3) == 0 && end - at > FORMAT_FIELD_SIZE && offset > at + 3 &&
		    offset < at + 3 + FORMAT_FIELD_SIZE)
			return true;
		if (strncmp(octets + at, "Date:", 5) == 0)
			break;
		at = end + 1;
	}
	return false;
}

static bool
damage_do(char *octets, size_t *size, struct damage *damage)
{
	size_t offset = damage->offset, end;

	switch (damage->kind) {
	case DAMAGE_TORN:
		*size = offset;
		break;
	case DAMAGE_ZEROS:
	case DAMAGE_SECTOR:
		end = damage->kind == DAMAGE_ZEROS || offset + 512 > *size ? *size : offset + 512;
		damage->is_sound = damage->kind == DAMAGE_SECTOR && offset == FORMAT_HEAD_SIZE;
		memset(octets + offset, 0, end - offset);
		break;
	case DAMAGE_BIT:
		damage->is_sound = damage_is_free(octets, *size, offset);
		octets[offset] ^= (char)(1 << (offset % 8));
		damage->is_later = offset == strlen("mailcrane message ") && octets[offset] > '1' && octets[offset] <= '9';
		break;
	case DAMAGE_LONGER:
		octets[(*size)++] = '\n';
		break;
	case DAMAGE_KINDS:
		return false;
	}
	return true;
}

static size_t
damage_read(const char *path, char *octets)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, octets, DAMAGE_MAX) : -1;

	if (fd >= 0)
		(void)close(fd);
	return n > 0 ? (size_t)n : 0;
}

static void
damage_write(const char *path, const char *octets, size_t size)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, octets, size) != (ssize_t)size || close(fd) != 0)
		abort();
}

static const char damage_body[] =
    "It was a dark and stormy night; the rain fell in torrents, and of the mail not an octet was to be lost.\r\n";

static void
damage_put(struct checks *checks, struct damage *damage)
{
	static unsigned number;
	char octets[DAMAGE_MAX + 1], path[600];
	size_t size;

	damage->number = ++number;
	(void)snprintf(path, sizeof(path), "%s",
	    place_put(&checks->place, number, "a@example.com b@example.com", number % 2 == 0, damage_body));
	(void)snprintf(damage->id, sizeof(damage->id), "%s", strrchr(path, '/') + 1);
	size = damage_read(path, octets);
	if (size == 0 || !damage_do(octets, &size, damage))
		abort();
	damage_write(path, octets, size);
}

static bool
damage_is_in(const struct checks *checks, const char *box, const char *id)
{
	char path[700];

	(void)snprintf(path, sizeof(path), "%s/spool/%s/%s", checks->place.directory, box, id);
	return access(path, F_OK) == 0;
}

static const char *
damage_judge(struct checks *checks, const struct damage *damage)
{
	unsigned copies = place_copies(&checks->place, damage->number);
	char line[128];

	(void)snprintf(line, sizeof(line), "%s: damaged, moved aside", damage->id);
	if (damage->is_sound)
		return copies == 1 && !damage_is_in(checks, "queue", damage->id) ? NULL : "what is not damaged was not sent";
	if (copies > 0)
		return "SENT";
	if (damage->is_later)
		return damage_is_in(checks, "queue", damage->id) ? NULL : "a later version's was not left alone";
	if (!damage_is_in(checks, "damaged", damage->id))
		return "not in damaged/";
	return place_has(&checks->place, "log", line) ? NULL : "no log line";
}

static void
damage_batch(struct checks *checks, struct damage *damages, size_t count)
{
	if (count == 0)
		return;
	if (place_flush(&checks->place, 1) < 0)
		check_failed(checks, "flush hangs");
	for (size_t i = 0; i < count; i++) {
		const char *wrong = damage_judge(checks, &damages[i]);

		if (wrong == NULL)
			checks->passed++;
		else
			check_failed(checks, "%s at %zu: %s", damage_names[damages[i].kind], damages[i].offset, wrong);
	}
	place_clear(&checks->place, true);
}

static size_t
damage_size(struct checks *checks)
{
	char octets[DAMAGE_MAX];
	size_t size;

	place_clear(&checks->place, true);
	size = damage_read(place_put(&checks->place, 90000, "a@example.com b@example.com", false, damage_body), octets);
	place_clear(&checks->place, true);
	return size;
}

void
check_damage(struct checks *checks)
{
	static struct damage batch[DAMAGE_BATCH];
	unsigned long points[DAMAGE_KINDS] = {0};
	size_t used = 0, size, count = 0;

	scenario_prepare(&scenarios[0], &checks->place);
	size = damage_size(checks);
	for (enum damage_kind kind = 0; kind < DAMAGE_KINDS; kind++) {
		/* primes, so that all bits and places have their turn */
		size_t step = kind == DAMAGE_SECTOR ? 512 : kind == DAMAGE_LONGER ? size : checks->all ? 1 : 13;

		for (size_t offset = 0; offset < size - 1; offset += step) {
			if (count++ % checks->shares != checks->share)
				continue;
			batch[used] = (struct damage){.kind = kind, .offset = offset};
			damage_put(checks, &batch[used++]);
			points[kind]++;
			if (used == DAMAGE_BATCH) {
				damage_batch(checks, batch, used);
				used = 0;
			}
		}
	}
	damage_batch(checks, batch, used);
	printf("damage files %15lu torn, %lu with zeros at the end, %lu with a sector of zeros, %lu with a bit turned, %lu too long\n",
	    points[DAMAGE_TORN], points[DAMAGE_ZEROS], points[DAMAGE_SECTOR], points[DAMAGE_BIT], points[DAMAGE_LONGER]);
}
