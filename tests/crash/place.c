/*
 * place: see the header.
 */
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spool/spool.h"

#define PLACE_FLUSH_MS 30000
#define PLACE_KEPT "spool/failed/0KEPT"

static const char *const place_boxes[PLACE_BOXES] = {"tmp", "queue", "failed", "verdict", "damaged"};

static void place_die(const char *what) __attribute__((noreturn));

static void
place_die(const char *what)
{
	fprintf(stderr, "crash: %s: %s\n", what, strerror(errno));
	exit(2);
}

static const char *
place_path(const struct place *place, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", place->directory, name);
	return path;
}

void
place_open(struct place *place, const char *directory, const char *build)
{
	static char setting[600], home[600];
	static char path[] = "PATH=/usr/bin:/bin", no_leaks[] = "ASAN_OPTIONS=detect_leaks=0";
	static char *environment[] = {setting, home, path, no_leaks, NULL};

	memset(place, 0, sizeof(*place));
	place->directory = directory;
	place->build = build;
	(void)snprintf(place->sendmail, sizeof(place->sendmail), "%s/sendmail", build);
	(void)snprintf(place->mailcrane, sizeof(place->mailcrane), "%s/mailcrane", build);
	(void)snprintf(place->settings, sizeof(place->settings), "%s/mailcrane.ini", directory);
	(void)snprintf(setting, sizeof(setting), "MAILCRANE_CONFIG=%s", place->settings);
	(void)snprintf(home, sizeof(home), "HOME=%s", directory);
	place->environment = environment;
	place->copies = calloc(PLACE_NUMBERS, 1);
	if (place->copies == NULL)
		place_die("memory");
}

void
place_close(struct place *place)
{
	free(place->copies);
	place->copies = NULL;
}

const char *
place_file(const struct place *place, const char *name, const char *text, size_t length)
{
	const char *path = place_path(place, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, length) != (ssize_t)length || close(fd) != 0)
		place_die(path);
	return path;
}

void
place_settle_in(struct place *place, const char *delivery, const char *wait, const char *runner)
{
	char text[2048];
	int length, port = 0;
	FILE *ports = fopen(place_path(place, "relay/ports"), "re");

	if (ports == NULL || fscanf(ports, "%d", &port) != 1)
		place_die("relay/ports");
	(void)fclose(ports);
	(void)place_file(place, "password", "sesame\n", 7);
	length = snprintf(text, sizeof(text),
	    "[relay]\nhost = 127.0.0.1\nports = %d/starttls\nuser = app@example.com\npassword_file = %s/password\n"
	    "tls_ca_file = %s/relay/ca.pem\n[sender]\ndomain = example.com\n[timeouts]\nwait = %s\ncommand = 3s\ndata = 3s\nfinal = 5s\n"
	    "[queue]\ndirectory = %s/spool\ndelivery = %s\nrunner = %s\nlinger = 1ms\n[log]\nto = %s/log\nlevel = info\n",
	    port, place->directory, place->directory, wait, place->directory, delivery, runner, place->directory);
	(void)place_file(place, "mailcrane.ini", text, (size_t)length);
}

static void
place_remove(const char *path)
{
	DIR *stream = opendir(path);
	const struct dirent *entry;

	while (stream != NULL && (entry = readdir(stream)) != NULL) {
		char inside[1024];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
		if (unlink(inside) != 0)
			place_remove(inside);
	}
	if (stream != NULL)
		(void)closedir(stream);
	(void)rmdir(path);
}

static struct spool *
place_spool(const struct place *place)
{
	struct outcome outcome;
	struct spool *spool;

	if (spool_open(place_path(place, "spool"), true, &spool, &outcome) != 0) {
		fprintf(stderr, "crash: %s\n", outcome.text);
		exit(2);
	}
	return spool;
}

void
place_clear(struct place *place, bool whole)
{
	const struct timespec times[2] = {{time(NULL) - 3600, 0}, {time(NULL) - 3600, 0}};

	place_remove(place_path(place, "spool"));
	(void)unlink(place_path(place, "log"));
	if (mkdir(place_path(place, "spool"), 0700) != 0)
		place_die("spool");
	if (!whole)
		return;
	spool_close(place_spool(place));
	/* an hour old: nobody has to remove it before 14 days are over */
	if (utimensat(AT_FDCWD, place_file(place, PLACE_KEPT, "given up", 8), times, 0) != 0)
		place_die(PLACE_KEPT);
}

static void
place_defer(struct spool *spool, const char *id)
{
	struct spool_entry *entry = NULL;
	struct outcome outcome, error;

	if (spool_claim(spool, id, &entry, &outcome) != SPOOL_CLAIMED)
		place_die("claim");
	outcome_set(&outcome, VERDICT_DEFERRED, STAGE_RCPT, CAUSE_THROTTLED, "come back later");
	outcome.reply = 450;
	for (size_t i = 0; i < spool_entry_count(entry); i++)
		if (spool_entry_settle(entry, i, &outcome, &error) != 0)
			place_die("settle");
	if (spool_entry_postpone(entry, time(NULL) - 1, &outcome, &error) != 0)
		place_die("postpone");
	spool_entry_free(entry);
}

const char *
place_subject(unsigned number)
{
	static char subject[64];

	(void)snprintf(subject, sizeof(subject), "crash %07ld %05u", (long)getpid(), number);
	return subject;
}

const char *
place_put(struct place *place, unsigned number, const char *recipients, bool deferred, const char *body)
{
	struct spool *spool = place_spool(place);
	struct spool_draft *draft;
	struct envelope envelope;
	struct outcome outcome;
	char copy[512], head[512], name[64], *rest = copy, *recipient;
	int length;

	envelope_init(&envelope);
	envelope_set_reverse_path(&envelope, "app@example.com");
	(void)snprintf(copy, sizeof(copy), "%s", recipients);
	while ((recipient = strsep(&rest, " ")) != NULL)
		(void)envelope_add(&envelope, recipient);
	length = snprintf(head, sizeof(head),
	    "Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nFrom: app@example.com\r\nMessage-ID: <crash.%05u@example.com>\r\nTo: b@example.com\r\n"
	    "Subject: %s\r\n\r\n", number, place_subject(number));
	if (spool_draft_new(spool, &draft, &outcome) != 0 || spool_draft_begin(draft, &envelope, getuid(), "crash", &outcome) != 0 ||
	    spool_draft_write(draft, head, (size_t)length, &outcome) != 0 ||
	    spool_draft_write(draft, body, strlen(body), &outcome) != 0 || spool_draft_commit(draft, false, &outcome) != 0) {
		fprintf(stderr, "crash: %s\n", outcome.text);
		exit(2);
	}
	if (deferred)
		place_defer(spool, spool_draft_id(draft));
	(void)snprintf(name, sizeof(name), "spool/queue/%s", spool_draft_id(draft));
	spool_draft_free(draft);
	envelope_free(&envelope);
	spool_close(spool);
	return place_path(place, name);
}

static size_t
place_count(const struct place *place, const char *box)
{
	char name[64];
	DIR *stream;
	const struct dirent *entry;
	size_t count = 0;

	(void)snprintf(name, sizeof(name), "spool/%s", box);
	stream = opendir(place_path(place, name));
	while (stream != NULL && (entry = readdir(stream)) != NULL)
		count += entry->d_name[0] != '.' ? 1 : 0;
	if (stream != NULL)
		(void)closedir(stream);
	return count;
}

/* Somebody may have it. */
static bool
place_is_marked(const struct spool *spool, const struct spool_item *item)
{
	struct spool_entry *entry = NULL;
	struct outcome outcome;
	bool is_marked = item->is_begun;

	if (spool_peek((struct spool *)(uintptr_t)spool, SPOOL_QUEUE, item->id, &entry, &outcome) != SPOOL_CLAIMED)
		return is_marked;
	for (size_t i = 0; i < spool_entry_count(entry); i++)
		is_marked |= spool_entry_recipient(entry, i)->outcome.uncertain;
	spool_entry_free(entry);
	return is_marked;
}

void
place_look(struct place *place, struct place_sight *sight)
{
	struct spool *spool = place_spool(place);
	struct spool_item *items = NULL;
	struct outcome outcome;
	size_t count = 0;

	memset(sight, 0, sizeof(*sight));
	for (size_t i = 0; i < PLACE_BOXES; i++)
		sight->boxes[i] = place_count(place, place_boxes[i]);
	sight->is_kept = access(place_path(place, PLACE_KEPT), F_OK) == 0;
	sight->boxes[PLACE_FAILED] -= sight->is_kept ? 1 : 0;
	if (spool_list(spool, SPOOL_QUEUE, &items, &count, &outcome) != 0)
		place_die("list");
	sight->waiting = count;
	for (size_t i = 0; i < count; i++)
		sight->is_marked |= place_is_marked(spool, &items[i]);
	free(items);
	spool_close(spool);
}

static int
place_run_flush(struct place *place)
{
	const char *out = place_path(place, "flush.out");
	struct timespec began, now, nap = {0, 2000000};
	char verb[] = "flush";
	char *argv[] = {place->mailcrane, verb, NULL};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), null = open("/dev/null", O_RDONLY);

		if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(126);
		(void)execve(argv[0], argv, place->environment);
		_exit(127);
	}
	if (pid < 0)
		place_die("fork");
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		(void)nanosleep(&nap, NULL);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - began.tv_sec) * 1000 > PLACE_FLUSH_MS) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return -1;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
place_flush(struct place *place, int times)
{
	int code;

	do {
		code = place_run_flush(place);
	} while (code >= 0 && --times > 0 && place_count(place, "queue") > 0);
	return code;
}

/* Anything else is none of ours: a report perhaps, or of an earlier run that the relay was still busy with. */
static unsigned
place_number_of(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[1200], ours[64];
	unsigned number = 0;
	int length = snprintf(ours, sizeof(ours), "Subject: crash %07ld ", (long)getpid());

	while (file != NULL && number == 0 && fgets(line, sizeof(line), file) != NULL && line[0] != '\r')
		if (strncmp(line, ours, (size_t)length) == 0)
			number = (unsigned)strtoul(line + length, NULL, 10);
	if (file != NULL)
		(void)fclose(file);
	return number < PLACE_NUMBERS ? number : 0;
}

/* What was counted goes, so that there is never much to look at. */
static void
place_take_in(struct place *place)
{
	DIR *stream = opendir(place_path(place, "relay/messages"));
	const struct dirent *entry;

	while (stream != NULL && (entry = readdir(stream)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		char name[300];

		if (entry->d_name[0] == '.' || dot == NULL)
			continue;
		(void)snprintf(name, sizeof(name), "relay/messages/%s", entry->d_name);
		if (strcmp(dot, ".eml") == 0)
			place->copies[place_number_of(place_path(place, name))]++;
		(void)unlink(place_path(place, name));
	}
	if (stream != NULL)
		(void)closedir(stream);
}

unsigned
place_copies(struct place *place, unsigned number)
{
	place_take_in(place);
	return place->copies[number];
}

long
place_lines(const struct place *place, const char *name)
{
	FILE *file = fopen(place_path(place, name), "re");
	long lines = 0;
	int c;

	if (file == NULL)
		return -1;
	while ((c = getc(file)) != EOF)
		lines += c == '\n' ? 1 : 0;
	(void)fclose(file);
	return lines;
}

const char *
place_line(const struct place *place, const char *name)
{
	static char line[512];
	FILE *file = fopen(place_path(place, name), "re");

	line[0] = '\0';
	if (file == NULL)
		return line;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	(void)fclose(file);
	return line;
}

bool
place_has(const struct place *place, const char *name, const char *text)
{
	FILE *file = fopen(place_path(place, name), "re");
	char line[2048];
	bool has = false;

	while (file != NULL && !has && fgets(line, sizeof(line), file) != NULL)
		has = strstr(line, text) != NULL;
	if (file != NULL)
		(void)fclose(file);
	return has;
}
