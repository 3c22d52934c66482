/*
 * store: keeps everything that the relay receives. The checks on a message as it comes in (RFC 5321 section 2.3.8: no bare CR or LF,
 * section 4.5.3.1.6: lines of at most 1,000 octets with CRLF) only set flags; the session says what is a violation.
 */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1000.0 + (double)now.tv_nsec / 1e6;
}

static int
store_write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, data, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		length -= (size_t)n;
	}
	return 0;
}

/* The highest NNNN.eml there is. */
static unsigned
store_last(const struct store *store, const char *box)
{
	int fd = openat(store->fd, box, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned last = 0;

	if (directory == NULL)
		return 0;
	while ((entry = readdir(directory)) != NULL) {
		unsigned n = (unsigned)strtoul(entry->d_name, NULL, 10);

		if (n > last)
			last = n;
	}
	closedir(directory);
	return last;
}

int
store_open(struct store *store, const char *directory)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;

	memset(store, 0, sizeof(*store));
	store->started = clock_ms();
	store->directory = strdup(directory);
	mkdir(directory, 0700);
	store->fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->directory == NULL || store->fd < 0)
		goto bad;
	mkdirat(store->fd, "messages", 0700);
	mkdirat(store->fd, "refused", 0700);
	mkdirat(store->fd, "incoming", 0700);
	store->transcript = openat(store->fd, "transcript", flags, 0600);
	store->violations = openat(store->fd, "violations", flags, 0600);
	store->counters = mmap(NULL, sizeof(*store->counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (store->transcript < 0 || store->violations < 0 || store->counters == MAP_FAILED)
		goto bad;
	store->counters->kept = store_last(store, "messages");
	store->counters->refused = store_last(store, "refused");
	return 0;
bad:
	fprintf(stderr, "relay: %s: %s\n", directory, strerror(errno));
	return -1;
}

void
store_close(struct store *store)
{
	close(store->transcript);
	close(store->violations);
	close(store->fd);
	munmap(store->counters, sizeof(*store->counters));
	free(store->directory);
}

static size_t
store_printable(char *out, const unsigned char *data, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = data[i];

		if (c >= 32 && c < 127 && c != '\\') {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '\\';
		if (c == '\r' || c == '\n' || c == '\\') {
			out[n++] = c == '\r' ? 'r' : c == '\n' ? 'n' : '\\';
			continue;
		}
		out[n++] = 'x';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	return n;
}

/* One line for each line of the dialogue, at most 4,096 octets each; many lines go out in one write. */
void
store_transcript(const struct store *store, unsigned connection, bool tls, const char *who, const void *data, size_t length)
{
	const unsigned char *p = data;
	char lines[65536], head[80];
	size_t used = 0;
	int head_length = snprintf(head, sizeof(head), "%10.3f #%u %-5s %s ", (clock_ms() - store->started) / 1000.0, connection,
	    tls ? "tls" : "clear", who);

	while (length > 0) {
		const unsigned char *end = memchr(p, '\n', length < 4096 ? length : 4096);
		size_t n = end != NULL ? (size_t)(end - p) + 1 : length < 4096 ? length : 4096;

		if (used + (size_t)head_length + 4 * n + 1 > sizeof(lines)) {
			store_write_all(store->transcript, lines, used);
			used = 0;
		}
		memcpy(lines + used, head, (size_t)head_length);
		used += (size_t)head_length;
		used += store_printable(lines + used, p, n);
		lines[used++] = '\n';
		p += n;
		length -= n;
	}
	store_write_all(store->transcript, lines, used);
}

void
store_note(const struct store *store, unsigned connection, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	store_transcript(store, connection, false, "--", text, strlen(text));
}

void
store_violation(const struct store *store, unsigned connection, const char *format, ...)
{
	char text[512], line[560];
	va_list arguments;
	int n;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	n = snprintf(line, sizeof(line), "#%u %s\n", connection, text);
	store_write_all(store->violations, line, (size_t)n);
	store_note(store, connection, "violation: %s", text);
}

int
store_message_begin(const struct store *store, struct store_message *message)
{
	memset(message, 0, sizeof(*message));
	message->at_line_start = true;
	snprintf(message->name, sizeof(message->name), "incoming/%ld", (long)getpid());
	message->fd = openat(store->fd, message->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return message->fd < 0 ? -1 : 0;
}

static void
store_message_flush(struct store_message *message)
{
	if (store_write_all(message->fd, message->buffer, message->buffered) != 0)
		message->failed = true;
	message->buffered = 0;
}

void
store_message_write(struct store_message *message, const void *data, size_t length)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = p[i];

		message->bare_cr |= message->last_cr && c != '\n';
		message->bare_lf |= !message->last_cr && c == '\n';
		message->eight_bit |= c > 127;
		message->nul |= c == 0;
		message->at_line_start = c == '\n' && message->last_cr;
		message->line++;
		message->over_long |= message->line > 1000;
		if (c == '\n')
			message->line = 0;
		message->last_cr = c == '\r';
		if (message->buffered == sizeof(message->buffer))
			store_message_flush(message);
		message->buffer[message->buffered++] = (char)c;
	}
	message->size += length;
}

unsigned
store_message_finish(const struct store *store, struct store_message *message, bool kept, const char *envelope)
{
	const char *box = kept ? "messages" : "refused";
	unsigned *counter = kept ? &store->counters->kept : &store->counters->refused;
	unsigned number = __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
	char name[64];

	store_message_flush(message);
	close(message->fd);
	message->fd = -1;
	snprintf(name, sizeof(name), "%s/%04u.eml", box, number);
	if (message->failed || renameat(store->fd, message->name, store->fd, name) != 0)
		return 0;
	snprintf(name, sizeof(name), "%s/%04u.envelope", box, number);
	return store_file(store, name, envelope, strlen(envelope)) == 0 ? number : 0;
}

void
store_message_drop(const struct store *store, struct store_message *message)
{
	if (message->fd < 0)
		return;
	close(message->fd);
	message->fd = -1;
	unlinkat(store->fd, message->name, 0);
}

int
store_file(const struct store *store, const char *name, const void *data, size_t length)
{
	char temporary[64];
	int fd, bad;

	snprintf(temporary, sizeof(temporary), "incoming/.%ld", (long)getpid());
	fd = openat(store->fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	bad = store_write_all(fd, data, length);
	bad |= close(fd);
	return bad != 0 || renameat(store->fd, temporary, store->fd, name) != 0 ? -1 : 0;
}
