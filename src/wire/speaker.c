/*
 * speaker: buffered reading and writing on a dialogue's socketpair.
 */
#include "wire/speaker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define SPEAKER_ANSWERS_MAX (1UL << 20)

void
speaker_init(struct speaker *speaker, int fd, int64_t patience, struct deadline deadline)
{
	speaker->fd = fd;
	speaker->deadline = deadline;
	speaker->patience = patience;
	speaker->start = speaker->end = 0;
	buffer_init(&speaker->answers, SPEAKER_ANSWERS_MAX);
}

void
speaker_clear(struct speaker *speaker)
{
	buffer_free(&speaker->answers);
}

/* 0 when the socketpair is ready for `events` or broken, -1 when the time is over. */
static int
speaker_wait(struct speaker *speaker, short events)
{
	struct deadline deadline = deadline_earlier(speaker->deadline, deadline_in(speaker->patience));
	struct pollfd event = {speaker->fd, events, 0};
	int ready;

	do {
		ready = poll(&event, 1, deadline_poll(deadline));
	} while (ready < 0 && errno == EINTR);
	return ready > 0 ? 0 : -1;
}

int
speaker_flush(struct speaker *speaker)
{
	while (speaker->answers.length > 0) {
		ssize_t n = send(speaker->fd, speaker->answers.data, speaker->answers.length, MSG_NOSIGNAL);

		if (n > 0)
			buffer_consume(&speaker->answers, (size_t)n);
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n == 0 || errno != EAGAIN || speaker_wait(speaker, POLLOUT) != 0)
			return -1;
	}
	return 0;
}

static int
speaker_fill(struct speaker *speaker)
{
	ssize_t n;

	if (speaker_flush(speaker) != 0)
		return -1;
	if (speaker->start > 0) {
		memmove(speaker->unread, speaker->unread + speaker->start, speaker->end - speaker->start);
		speaker->end -= speaker->start;
		speaker->start = 0;
	}
	if (speaker->end == sizeof(speaker->unread))
		return -1;
	for (;;) {
		n = recv(speaker->fd, speaker->unread + speaker->end, sizeof(speaker->unread) - speaker->end, 0);
		if (n > 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN || speaker_wait(speaker, POLLIN) != 0)
			return -1;
	}
	speaker->end += (size_t)n;
	return 0;
}

int
speaker_line(struct speaker *speaker, char *line)
{
	for (;;) {
		const char *text = speaker->unread + speaker->start;
		size_t length = speaker->end - speaker->start;
		const char *lf = length > 0 ? memchr(text, '\n', length) : NULL;
		size_t n = lf != NULL ? (size_t)(lf - text) + 1 : length;

		if (n > SPEAKER_LINE_MAX)
			return -1;
		if (lf != NULL) {
			if (n < 2 || text[n - 2] != '\r' || memchr(text, '\0', n) != NULL)
				return -1;
			memcpy(line, text, n - 2);
			line[n - 2] = '\0';
			speaker->start += n;
			return 0;
		}
		if (speaker_fill(speaker) != 0)
			return -1;
	}
}

ssize_t
speaker_octets(struct speaker *speaker, size_t most, const char **data)
{
	size_t n;

	while (speaker->start == speaker->end)
		if (speaker_fill(speaker) != 0)
			return -1;
	n = speaker->end - speaker->start;
	if (n > most)
		n = most;
	*data = speaker->unread + speaker->start;
	speaker->start += n;
	return (ssize_t)n;
}

void
speaker_answer(struct speaker *speaker, int code)
{
	const char *word = code / 100 == 2 ? "ok" : code / 100 == 3 ? "go on" : "refused";

	/* beyond its cap the dialogue has not read for long: it will be found silent */
	(void)buffer_append_format(&speaker->answers, "%d %s\r\n", code, word);
}

void
speaker_answer_text(struct speaker *speaker, const char *lines)
{
	(void)buffer_append_text(&speaker->answers, lines);
}
