/*
 * route: file `route` in the spool, a line a relay, written anew and renamed into place:
 *
 *	WHO SETTINGS SECRET PORT FAMILY ROUND-TRIP SINCE FAILURES DOWN-UNTIL LOGIN-UNTIL THROTTLES THROTTLE-UNTIL CERTIFICATE
 *	PROVEN STAGE CAUSE REASON...
 *
 * WHO is the host, of a relay with a name NAME@HOST: two accounts with one provider are two relays.
 * SETTINGS and SECRET are the times of change (ns) of the settings and of the password file. Two who write at once lose one of the two
 * memories, which costs time, or a login that is refused once more. A line that is not of this form, as older versions wrote, says nothing.
 */
#include "delivery/route.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "delivery/policy.h"

#define ROUTE_FILE_MAX 16384
#define ROUTE_FUTURE_MAX 3600	/* s; a hold beyond it: the clock was set back, or the file is damaged */
#define ROUTE_STALE 86400	/* s; then the ports are tried in the order of the settings again */
#define ROUTE_CALM 3600	/* s after the last pause; then the relay is as any other */
#define ROUTE_NUMBERS 13
#define ROUTE_WHO 320

static int64_t
route_changed(const char *file)
{
	struct stat status;

	if (file == NULL || stat(file, &status) != 0)
		return 0;
	/* not the time of writing, which a copy may keep */
	return (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
}

struct route_stamp
route_stamp(const struct config *config, const struct relay *relay)
{
	return (struct route_stamp){.settings = route_changed(config->file),
	    .secret = relay->secret_source == SECRET_FILE ? route_changed(relay->secret) : 0};
}

static const char *
route_who(char who[ROUTE_WHO], const struct relay *relay)
{
	const char *name = relay->name != NULL ? relay->name : "";

	(void)snprintf(who, ROUTE_WHO, "%s%s%s", name, name[0] != '\0' ? "@" : "", relay->host);
	return who;
}

static int
route_directory(const struct spool *spool)
{
	return spool == NULL ? -1 : open(spool_directory(spool), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The whole file, "" when there is none. The caller frees. */
static char *
route_read(int directory)
{
	int fd = openat(directory, "route", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;

	if (fd >= 0) {
		text = file_slurp(fd, ROUTE_FILE_MAX, NULL);
		(void)close(fd);
	}
	return text != NULL ? text : memory_copy_text("");
}

/* The line of this relay in text, behind its WHO and the blank; NULL: none. */
static const char *
route_find(const char *text, const char *who)
{
	size_t length = strlen(who);

	while (*text != '\0') {
		if (strncmp(text, who, length) == 0 && text[length] == ' ')
			return text + length + 1;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return NULL;
}

/* Numbers with a blank behind each; gives what follows, NULL when they are none of ours. */
static const char *
route_numbers(const char *line, int64_t values[ROUTE_NUMBERS])
{
	char *end;

	for (size_t i = 0; i < ROUTE_NUMBERS; i++) {
		errno = 0;
		values[i] = strtoll(line, &end, 10);
		if (end == line || errno != 0 || *end != ' ')
			return NULL;
		line = end + 1;
	}
	return line;
}

static time_t
route_until(int64_t until, int64_t now)
{
	return until > now && until <= now + ROUTE_FUTURE_MAX ? (time_t)until : 0;
}

static void
route_parse_reason(const char *line, struct outcome *down)
{
	char stage[24], cause[32], text[200] = "";

	if (sscanf(line, "%23s %31s %199[^\n]", stage, cause, text) >= 2)
		outcome_set(down, VERDICT_DEFERRED, stage_parse(stage), cause_parse(cause), "%s", text);
}

/* Or the clock was set back. */
static bool
route_is_stale(const struct route *route, time_t now)
{
	return now - route->since >= ROUTE_STALE || now < route->since;
}

static void
route_parse(const char *line, const struct config *config, const struct relay *relay, struct route *route)
{
	struct route_stamp stamp = route_stamp(config, relay);
	int64_t values[ROUTE_NUMBERS], now = (int64_t)time(NULL);

	line = route_numbers(line, values);
	if (line == NULL || values[2] < 0 || values[2] > 65535 || values[4] < 0 || values[4] > 60000)
		return;
	route->way.port = (uint16_t)values[2];
	route->way.family = (sa_family_t)values[3];
	route->way.round_trip = values[4];
	route->since = (time_t)values[5];
	route->certificate = values[11] > 0 ? (time_t)values[11] : 0;
	if (values[0] != stamp.settings || values[1] != stamp.secret)
		return;
	if (values[6] > 0 && values[6] < INT32_MAX) {
		route->failures = (unsigned)values[6];
		route->down_until = route_until(values[7], now);
		route_parse_reason(line, &route->down);
	}
	route->login_until = route_until(values[8], now);
	route->is_proven = values[12] == 1 && !route_is_stale(route, (time_t)now);
	if (values[9] > 0 && values[9] < INT32_MAX && values[10] > now - ROUTE_CALM && values[10] <= now + ROUTE_FUTURE_MAX) {
		route->throttles = (unsigned)values[9];
		route->throttle_until = (time_t)values[10];
	}
}

void
route_load(const struct spool *spool, const struct config *config, const struct relay *relay, struct route *route)
{
	int directory = route_directory(spool);
	char who[ROUTE_WHO];
	const char *line;
	char *text;

	memset(route, 0, sizeof(*route));
	if (directory < 0)
		return;
	text = route_read(directory);
	line = route_find(text, route_who(who, relay));
	if (line != NULL)
		route_parse(line, config, relay, route);
	free(text);
	(void)close(directory);
}

static void
route_format(struct buffer *text, const struct config *config, const struct relay *relay, const struct route *route)
{
	struct route_stamp stamp = route_stamp(config, relay);
	char reason[200], who[ROUTE_WHO];

	text_printable(reason, sizeof(reason), route->down.text, strlen(route->down.text), true);
	(void)buffer_append_format(text, "%s %" PRId64 " %" PRId64 " %u %u %" PRId64 " %" PRId64 " %u %" PRId64 " %" PRId64
	    " %u %" PRId64 " %" PRId64 " %d %s %s %s\n",
	    route_who(who, relay), stamp.settings, stamp.secret, (unsigned)route->way.port,
	    (unsigned)route->way.family, route->way.round_trip, (int64_t)route->since, route->failures, (int64_t)route->down_until,
	    (int64_t)route->login_until, route->throttles, (int64_t)route->throttle_until,
	    (int64_t)route->certificate, route->is_proven ? 1 : 0, stage_name(route->down.stage), cause_name(route->down.cause), reason);
}

/* The other relays' lines as they were, as far as they fit. */
static void
route_copy_others(struct buffer *text, const char *old, const char *who)
{
	size_t length = strlen(who), line;

	for (; *old != '\0'; old += line) {
		line = strcspn(old, "\n");
		line += old[line] == '\n';
		if (strncmp(old, who, length) != 0 || old[length] != ' ')
			(void)buffer_append(text, old, line);
	}
}

static void
route_replace(int directory, const struct buffer *text)
{
	char name[64];
	bool written;
	int fd;

	(void)snprintf(name, sizeof(name), "route.%ld", (long)getpid());
	(void)unlinkat(directory, name, 0);
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	/* the next runner may be another user's, of the spool's group */
	written = fchmod(fd, 0660) == 0 && file_write(fd, text->data, text->length) == 0;
	written = close(fd) == 0 && written;
	if (!written || renameat(directory, name, directory, "route") != 0)
		(void)unlinkat(directory, name, 0);
}

void
route_save(const struct spool *spool, const struct config *config, const struct relay *relay, const struct route *route)
{
	int directory = route_directory(spool);
	char who[ROUTE_WHO];
	struct buffer text;
	char *old;

	if (directory < 0)
		return;
	buffer_init(&text, ROUTE_FILE_MAX);
	route_format(&text, config, relay, route);
	old = route_read(directory);
	route_copy_others(&text, old, route_who(who, relay));
	free(old);
	route_replace(directory, &text);
	buffer_free(&text);
	(void)close(directory);
}

void
route_failed(struct route *route, const struct outcome *outcome, time_t now)
{
	route->failures++;
	route->is_proven = false;
	route->down_until = now + policy_relay_hold(route->failures);
	route->down = *outcome;
}

void
route_refused(struct route *route, time_t until)
{
	route->login_until = until;
	route->is_proven = false;
}

bool
route_worked(struct route *route, const struct ladder_hint *way, time_t certificate, time_t now)
{
	const struct ladder_hint *old = &route->way;
	bool is_news = !route->is_proven || old->port != way->port || old->family != way->family || route->certificate != certificate ||
	    route_is_stale(route, now) || way->round_trip > 2 * old->round_trip || old->round_trip > 2 * way->round_trip;

	if (!is_news)
		return false;
	if (old->port != way->port || old->family != way->family || route_is_stale(route, now))
		route->since = now;
	route->way = *way;
	route->certificate = certificate;
	route->failures = 0;
	route->down_until = 0;
	route->login_until = 0;
	route->is_proven = true;
	memset(&route->down, 0, sizeof(route->down));
	return true;
}

void
route_throttled(struct route *route, time_t hold, time_t now)
{
	if (route->throttles < INT32_MAX - 1)
		route->throttles++;
	route->throttle_until = now + hold;
}

bool
route_eased(struct route *route, bool is_calm)
{
	unsigned before = route->throttles;

	if (is_calm)
		route->throttles = 0;
	else if (route->throttles > 1)
		route->throttles = 1;
	return route->throttles != before;
}

struct ladder_hint
route_hint(const struct route *route, time_t now)
{
	struct ladder_hint hint = route->way;

	if (route_is_stale(route, now))
		hint.port = 0;
	return hint;
}
