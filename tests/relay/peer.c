/*
 * peer: socket and TLS of one connection, with poll(2) before every read and write. GnuTLS gets its octets through peer_push and
 * peer_pull, so that a script can also spoil the handshake.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int
peer_poll(const struct peer *peer, short events, double until)
{
	for (;;) {
		struct pollfd entry = {.fd = peer->fd, .events = events};
		double left = until - clock_ms();
		int n = poll(&entry, 1, left > 0 ? (int)left + 1 : 0);

		if (n > 0)
			return entry.revents;
		if (n == 0 || errno != EINTR)
			return 0;
	}
}

static void
peer_sleep(double ms)
{
	struct timespec time = {.tv_sec = (time_t)(ms / 1000.0), .tv_nsec = (long)((ms - 1000.0 * (double)(long)(ms / 1000.0)) * 1e6)};

	if (ms <= 0)
		return;
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR) {
	}
}

void
peer_init(struct peer *peer, const struct store *store, unsigned connection, int fd, long delay, long guard)
{
	int yes = 1;

	memset(peer, 0, sizeof(*peer));
	peer->store = store;
	peer->connection = connection;
	peer->fd = fd;
	peer->delay = delay;
	peer->guard = guard;
	peer->arrived = clock_ms();
	peer->due = peer->arrived + (double)delay;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static ssize_t
peer_pull(gnutls_transport_ptr_t context, void *data, size_t size)
{
	struct peer *peer = context;

	for (;;) {
		ssize_t n = recv(peer->fd, data, size, 0);

		if (n >= 0) {
			peer->arrived = clock_ms();
			return n;
		}
		if (errno != EAGAIN && errno != EINTR)
			break;
		if (peer_poll(peer, POLLIN, clock_ms() + (double)peer->guard) == 0) {
			errno = ETIMEDOUT;
			break;
		}
	}
	gnutls_transport_set_errno(peer->tls, errno);
	return -1;
}

static ssize_t
peer_send(struct peer *peer, const char *data, size_t length)
{
	for (;;) {
		ssize_t n = send(peer->fd, data, length, MSG_NOSIGNAL);

		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			return n;
		if (peer_poll(peer, POLLOUT, clock_ms() + (double)peer->guard) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
}

static ssize_t
peer_push(gnutls_transport_ptr_t context, const void *data, size_t length)
{
	struct peer *peer = context;
	size_t size = peer->push_drip > 0 ? 1 : length;
	ssize_t n;

	if (!peer->secured)
		peer_sleep(peer->arrived + (double)peer->delay - clock_ms());
	if (peer->push_drip > 0 && peer_pause(peer, peer->push_drip) != 0) {
		gnutls_transport_set_errno(peer->tls, EPIPE);
		return -1;
	}
	if (peer->push_half) {
		peer_send(peer, data, length / 2);
		peer_swallow(peer);
		gnutls_transport_set_errno(peer->tls, EPIPE);
		return -1;
	}
	n = peer_send(peer, data, size);
	if (n < 0)
		gnutls_transport_set_errno(peer->tls, errno);
	return n;
}

static ssize_t
peer_read(struct peer *peer, char *data, size_t size)
{
	ssize_t n;

	if (!peer->secured)
		return peer_pull(peer, data, size);
	do
		n = gnutls_record_recv(peer->tls, data, size);
	while (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN || n == GNUTLS_E_REHANDSHAKE);
	if (n == GNUTLS_E_PREMATURE_TERMINATION)
		return 0;
	if (n < 0)
		store_note(peer->store, peer->connection, "read: %s", gnutls_strerror((int)n));
	return n;
}

int
peer_fill(struct peer *peer)
{
	size_t size;
	ssize_t n;

	if (peer->start == peer->end)
		peer->start = peer->end = 0;
	if (peer->end == sizeof(peer->in)) {
		memmove(peer->in, peer->in + peer->start, peer->end - peer->start);
		peer->end -= peer->start;
		peer->start = 0;
	}
	size = sizeof(peer->in) - peer->end;
	if (peer->read_drip > 0) {
		peer_sleep((double)peer->read_drip);
		size = 1;
	}
	n = peer_read(peer, peer->in + peer->end, size);
	if (n <= 0)
		return n == 0 ? 0 : -1;
	peer->end += (size_t)n;
	return 1;
}

size_t
peer_take(struct peer *peer, size_t size, const char **data)
{
	size_t there = peer->end - peer->start;

	if (size > there)
		size = there;
	*data = peer->in + peer->start;
	peer->start += size;
	store_transcript(peer->store, peer->connection, peer->secured, "C:", *data, size);
	peer->due = peer->arrived + (double)peer->delay;
	return size;
}

long
peer_line(struct peer *peer, char *line, bool *bare)
{
	for (;;) {
		size_t there = peer->end - peer->start;
		const char *begin = peer->in + peer->start, *end = memchr(begin, '\n', there);
		const char *data;
		size_t length;

		if (end == NULL && there < PEER_LINE_MAX) {
			if (peer_fill(peer) != 1)
				return -1;
			continue;
		}
		length = end != NULL ? (size_t)(end - begin) + 1 : there;
		length = peer_take(peer, length < PEER_LINE_MAX ? length : PEER_LINE_MAX, &data);
		if (data[length - 1] != '\n')
			return -2;
		*bare = length < 2 || data[length - 2] != '\r';
		length -= *bare ? 1 : 2;
		memcpy(line, data, length);
		line[length] = '\0';
		return (long)length;
	}
}

bool
peer_ahead(const struct peer *peer)
{
	return peer->end > peer->start || (peer->secured && gnutls_record_check_pending(peer->tls) > 0);
}

int
peer_write_clear(struct peer *peer, const void *data, size_t length)
{
	const char *p = data;

	peer_sleep(peer->due - clock_ms());
	store_transcript(peer->store, peer->connection, false, "S:", data, length);
	while (length > 0) {
		ssize_t n = peer_send(peer, p, length);

		if (n <= 0)
			return -1;
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

int
peer_write(struct peer *peer, const void *data, size_t length)
{
	const char *p = data;

	if (!peer->secured)
		return peer_write_clear(peer, data, length);
	peer_sleep(peer->due - clock_ms());
	store_transcript(peer->store, peer->connection, true, "S:", data, length);
	while (length > 0) {
		ssize_t n = gnutls_record_send(peer->tls, p, length);

		if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

int
peer_pause(struct peer *peer, long ms)
{
	int events = peer_poll(peer, POLLRDHUP, clock_ms() + (double)ms);

	return (events & (POLLRDHUP | POLLHUP | POLLERR)) != 0 ? -1 : 0;
}

void
peer_swallow(struct peer *peer)
{
	double until = clock_ms() + (double)peer->guard;
	char data[4096];
	const char *rest;

	peer_take(peer, peer->end - peer->start, &rest);
	while (clock_ms() < until) {
		ssize_t n = peer->secured ? peer_read(peer, data, sizeof(data)) : recv(peer->fd, data, sizeof(data), 0);

		if (!peer->secured && n < 0 && errno == EAGAIN) {
			if (peer_poll(peer, POLLIN, until) == 0)
				return;
			continue;
		}
		if (n <= 0)
			return;
		store_transcript(peer->store, peer->connection, peer->secured, "C:", data, (size_t)n);
	}
}

void
peer_hold(struct peer *peer)
{
	peer_poll(peer, POLLRDHUP, clock_ms() + (double)peer->guard);
}

/* "1.2 1.3" -> a GnuTLS priority string */
static void
peer_priority(const char *versions, char *priority, size_t size)
{
	char copy[64], *save = NULL;
	int n = snprintf(priority, size, versions == NULL ? "NORMAL" : "NORMAL:-VERS-ALL");

	if (versions == NULL)
		return;
	snprintf(copy, sizeof(copy), "%s", versions);
	for (char *word = strtok_r(copy, " ,", &save); word != NULL; word = strtok_r(NULL, " ,", &save))
		n += snprintf(priority + n, size - (size_t)n, ":+VERS-TLS%.5s", word);
}

int
peer_handshake(struct peer *peer, gnutls_certificate_credentials_t credentials, const char *versions)
{
	char priority[256];
	char *description;
	int status;

	peer_priority(versions, priority, sizeof(priority));
	if (gnutls_init(&peer->tls, GNUTLS_SERVER) < 0 || gnutls_priority_set_direct(peer->tls, priority, NULL) < 0 ||
	    gnutls_credentials_set(peer->tls, GNUTLS_CRD_CERTIFICATE, credentials) < 0)
		return -1;
	gnutls_transport_set_ptr(peer->tls, peer);
	gnutls_transport_set_pull_function(peer->tls, peer_pull);
	gnutls_transport_set_push_function(peer->tls, peer_push);
	do
		status = gnutls_handshake(peer->tls);
	while (status < 0 && gnutls_error_is_fatal(status) == 0);
	if (status < 0) {
		store_note(peer->store, peer->connection, "handshake: %s%s%s", gnutls_strerror(status),
		    status == GNUTLS_E_FATAL_ALERT_RECEIVED ? " " : "",
		    status == GNUTLS_E_FATAL_ALERT_RECEIVED ? gnutls_alert_get_name(gnutls_alert_get(peer->tls)) : "");
		return -1;
	}
	peer->secured = true;
	peer->push_drip = 0;
	peer->due = clock_ms();
	description = gnutls_session_get_desc(peer->tls);
	store_note(peer->store, peer->connection, "secured: %s", description != NULL ? description : "?");
	gnutls_free(description);
	return 0;
}

void
peer_close(struct peer *peer)
{
	if (peer->fd < 0)
		return;
	if (peer->secured)
		gnutls_bye(peer->tls, GNUTLS_SHUT_WR);
	if (peer->tls != NULL)
		gnutls_deinit(peer->tls);
	peer->tls = NULL;
	peer->secured = false;
	close(peer->fd);
	peer->fd = -1;
}

void
peer_reset(struct peer *peer)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (peer->tls != NULL)
		gnutls_deinit(peer->tls);
	peer->tls = NULL;
	peer->secured = false;
	close(peer->fd);
	peer->fd = -1;
}
