/*
 * dialogue: one libESMTP session over a socketpair (RFC 5321, 1870, 2920, 3030, 6152 are libESMTP's part).
 *
 * libESMTP has no call that takes a connected socket: it resolves and connects by itself. So it is told to go
 * to 127.0.0.1 port 1, and this program defines connect(). A symbol of the program goes before one of libc in
 * every shared library that libESMTP is, so its call lands here; for that one address the socketpair's end is
 * put in the place of the socket it made, anything else goes to the system call. nursery_start() checks that
 * this works. If it ever failed unnoticed, port 1 refuses, and nothing leaks.
 *
 * What libESMTP needs of its caller, read in its source: errno 0 when the message ends (another value is
 * taken for a failed read), no timeout of its own (when one runs out in the body, octets are dropped and it
 * goes on), addresses without control characters, and SIGPIPE ignored.
 */
#include "wire/dialogue.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libesmtp.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "wire/nursery.h"
#include "wire/sandbox.h"

#define DIALOGUE_HOST  "127.0.0.1"
#define DIALOGUE_PORT  1
#define DIALOGUE_BLOCK 32768		/* octets read at once; libESMTP's BDAT chunks follow it */
#define DIALOGUE_ENVELOPE_MAX (64UL << 20)

/* Head of the envelope; behind it the reverse path and the recipients, each with its NUL. */
struct dialogue_envelope {
	int64_t  message_offset;
	uint64_t message_length;
	uint64_t recipient_count;
	uint64_t eight_bit;
};

/* Where the message callback reads. */
struct dialogue_source {
	off_t    start;
	uint64_t length, position;
	char     block[DIALOGUE_BLOCK];
};

/* Our end of the socketpair until libESMTP has connected; only ever set in a dialogue process. connect() has
 * no other way to learn it. */
static int dialogue_socket = -1;

/* By another name here because the C library declares connect() with a type of its own for the address. */
int dialogue_connect(int fd, const struct sockaddr *address, socklen_t length) __asm__("connect")
    __attribute__((visibility("default")));

static bool
dialogue_is_ours(const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_in in;

	if (dialogue_socket < 0 || address == NULL || length < sizeof(in) || address->sa_family != AF_INET)
		return false;
	memcpy(&in, address, sizeof(in));
	return in.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && in.sin_port == htons(DIALOGUE_PORT);
}

int
dialogue_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int given = dialogue_socket;

	if (!dialogue_is_ours(address, length))
		return (int)syscall(SYS_connect, fd, address, length);
	dialogue_socket = -1;
	if (dup3(given, fd, O_CLOEXEC) < 0)
		return -1;
	(void)close(given);
	/* nothing from outside has been read yet, and libESMTP has all it needs. Where there is no such filter it goes
	 * on without: it still has neither network nor secret. */
	(void)sandbox_enter();
	return 0;
}

bool
dialogue_preempts(void)
{
	int (*ours)(int, const struct sockaddr *, socklen_t) = dialogue_connect;
	void *found = dlsym(RTLD_DEFAULT, "connect");

	return found != NULL && memcmp(&found, &ours, sizeof(found)) == 0;
}

/* ---- in the dialogue process ---- */

static const char *
dialogue_read(void **context, int *length, void *argument)
{
	struct dialogue_source *source = argument;
	uint64_t left = source->length - source->position;
	ssize_t n;

	(void)context;
	if (length == NULL) {
		source->position = 0;
		return NULL;
	}
	*length = 0;
	errno = 0;
	if (left == 0)
		return NULL;
	n = file_pread(NURSERY_MESSAGE, source->block, left < DIALOGUE_BLOCK ? left : DIALOGUE_BLOCK,
	    source->start + (off_t)source->position);
	if (n <= 0) {
		/* a message that ends too early must not look complete */
		errno = EIO;
		return NULL;
	}
	errno = 0;
	source->position += (uint64_t)n;
	*length = (int)n;
	return source->block;
}

static void
dialogue_count_accepted(smtp_recipient_t recipient, const char *mailbox, void *argument)
{
	const smtp_status_t *status = smtp_recipient_status(recipient);
	int *accepted = argument;

	(void)mailbox;
	if (status->code / 100 == 2)
		(*accepted)++;
}

static void
dialogue_take_opinion(smtp_message_t message, struct dialogue_opinion *opinion)
{
	opinion->mail_code = smtp_reverse_path_status(message)->code;
	opinion->message_code = smtp_message_transfer_status(message)->code;
	if (opinion->message_code / 100 == 2)
		(void)smtp_enumerate_recipients(message, dialogue_count_accepted, &opinion->accepted);
}

static int
dialogue_no_timeouts(smtp_session_t session)
{
	static const int all[] = {Timeout_GREETING, Timeout_ENVELOPE, Timeout_DATA, Timeout_TRANSFER, Timeout_DATA2};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (smtp_set_timeout(session, all[i] | Timeout_OVERRIDE_RFC2822_MINIMUM, INT_MAX) != INT_MAX)
			return -1;
	return 0;
}

/* The next NUL-terminated string of the envelope, or NULL. */
static const char *
dialogue_next(const char **at, const char *end)
{
	const char *text = *at;
	size_t room = (size_t)(end - text);
	size_t length = strnlen(text, room);

	if (length == room)
		return NULL;
	*at = text + length + 1;
	return text;
}

static int
dialogue_address(smtp_message_t message, const struct dialogue_envelope *head, const char *at, const char *end)
{
	const char *text = dialogue_next(&at, end);

	/* libESMTP's null sender is no mailbox at all */
	if (text == NULL || smtp_set_reverse_path(message, text[0] != '\0' ? text : NULL) == 0)
		return -1;
	for (uint64_t i = 0; i < head->recipient_count; i++) {
		text = dialogue_next(&at, end);
		if (text == NULL || smtp_add_recipient(message, text) == NULL)
			return -1;
	}
	if (smtp_size_set_estimate(message, head->message_length) == 0)
		return -1;
	if (head->eight_bit && smtp_8bitmime_set_body(message, E8bitmime_8BITMIME) == 0)
		return -1;
	return 0;
}

static int
dialogue_session(const char *envelope, size_t length, struct dialogue_source *source,
    struct dialogue_opinion *opinion)
{
	struct dialogue_envelope head;
	char server[32], text[128];
	smtp_session_t session = smtp_create_session();
	smtp_message_t message = session != NULL ? smtp_add_message(session) : NULL;

	if (message == NULL || length < sizeof(head))
		return -1;
	memcpy(&head, envelope, sizeof(head));
	source->start = (off_t)head.message_offset;
	source->length = head.message_length;
	(void)snprintf(server, sizeof(server), DIALOGUE_HOST ":%d", DIALOGUE_PORT);
	if (smtp_set_server(session, server) == 0 || smtp_set_hostname(session, "mailcrane.invalid") == 0 ||
	    dialogue_no_timeouts(session) != 0 ||
	    smtp_set_messagecb(message, dialogue_read, source) == 0 ||
	    dialogue_address(message, &head, envelope + sizeof(head), envelope + length) != 0)
		return -1;
	opinion->session = smtp_start_session(session);
	if (opinion->session == 0 && smtp_strerror(smtp_errno(), text, sizeof(text)) != NULL)
		(void)text_printable(opinion->error, sizeof(opinion->error), text, strnlen(text, sizeof(text)), false);
	dialogue_take_opinion(message, opinion);
	(void)smtp_destroy_session(session);
	return 0;
}

void
dialogue_speak(void)
{
	struct dialogue_opinion opinion;
	struct dialogue_source *source = memory_alloc(sizeof(*source));
	size_t length;
	char *envelope = file_slurp(NURSERY_ENVELOPE, DIALOGUE_ENVELOPE_MAX, &length);

	(void)close(NURSERY_ENVELOPE);
	dialogue_socket = NURSERY_SOCKET;
	memset(&opinion, 0, sizeof(opinion));
	if (envelope != NULL && dialogue_session(envelope, length, source, &opinion) == 0)
		(void)file_write(NURSERY_OPINION, &opinion, sizeof(opinion));
	free(envelope);
	free(source);
}

/* ---- in the parent ---- */

static int
dialogue_pack(const struct transaction *transaction, struct buffer *packed)
{
	const struct dialogue_envelope head = {
		.message_offset = transaction->message_offset,
		.message_length = transaction->message_length,
		.recipient_count = transaction->recipient_count,
		.eight_bit = transaction->eight_bit,
	};

	if (buffer_append(packed, &head, sizeof(head)) != 0 ||
	    buffer_append(packed, transaction->reverse_path, strlen(transaction->reverse_path) + 1) != 0)
		return -1;
	for (size_t i = 0; i < transaction->recipient_count; i++)
		if (buffer_append(packed, transaction->recipients[i], strlen(transaction->recipients[i]) + 1) != 0)
			return -1;
	return 0;
}

/* The envelope in a memfd, read from the start; -1 with errno. */
static int
dialogue_envelope_file(const struct transaction *transaction)
{
	struct buffer packed;
	int fd = memfd_create("envelope", MFD_CLOEXEC);

	buffer_init(&packed, DIALOGUE_ENVELOPE_MAX);
	if (fd >= 0 && (dialogue_pack(transaction, &packed) != 0 ||
	    file_write(fd, packed.data, packed.length) != 0 || lseek(fd, 0, SEEK_SET) != 0)) {
		(void)close(fd);
		fd = -1;
	}
	buffer_free(&packed);
	return fd;
}

int
dialogue_start(struct nursery *nursery, const struct transaction *transaction, int *fd, struct outcome *outcome)
{
	int envelope = dialogue_envelope_file(transaction);
	int pair[2] = {-1, -1};
	int result = -1;

	if (envelope < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
	    file_set_nonblocking(pair[0], 1) != 0 ||
	    nursery_begin(nursery, pair[1], transaction->message_fd, envelope) != 0) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_MAIL, CAUSE_LOCAL, "can't start the dialogue: %s",
		    strerror(errno));
		goto out;
	}
	*fd = pair[0];
	pair[0] = -1;
	result = 0;
out:
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			(void)close(pair[i]);
	if (envelope >= 0)
		(void)close(envelope);
	return result;
}

int
dialogue_finish(struct nursery *nursery, int fd, struct deadline deadline, struct dialogue_opinion *opinion)
{
	struct dialogue_opinion raw;

	if (fd >= 0)
		(void)close(fd);
	if (nursery_end(nursery, deadline, &raw) != 0)
		return -1;
	*opinion = raw;
	/* it comes from a process that spoke with the outside */
	(void)text_printable(opinion->error, sizeof(opinion->error), raw.error, strnlen(raw.error, sizeof(raw.error)),
	    false);
	return 0;
}
