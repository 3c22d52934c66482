/*
 * delay RTT-MS TARGET-PORT PORT-FILE
 *
 * A wire with a round trip of RTT-MS between a port of 127.0.0.1 (chosen by the system, written into PORT-FILE) and TARGET-PORT there.
 * Bytes travel half a round trip each way; what TCP's own handshake would cost is added in front: the relay sees the connection,
 * and the first bytes of the client, one and a half round trips after connect(). Ends with its standard input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNKS 4096
#define CHUNK  16384

struct chunk {
	double due;
	size_t length, sent;
	char   data[CHUNK];
};

struct direction {
	int           from, to;
	struct chunk *chunks;
	size_t        head, tail;	/* ring */
	int           ended;
	double        end_due;
};

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void
take(struct direction *d, double half, double earliest)
{
	struct chunk *chunk = &d->chunks[d->head % CHUNKS];
	ssize_t n = read(d->from, chunk->data, CHUNK);
	double due = now_ms() + half;

	if (due < earliest)
		due = earliest;
	if (n <= 0) {
		d->ended = 1;
		d->end_due = due;
		return;
	}
	chunk->length = (size_t)n;
	chunk->sent = 0;
	chunk->due = due;
	d->head++;
}

/* -1: the receiver is gone */
static int
give(struct direction *d)
{
	while (d->tail < d->head && d->chunks[d->tail % CHUNKS].due <= now_ms()) {
		struct chunk *chunk = &d->chunks[d->tail % CHUNKS];
		ssize_t n = send(d->to, chunk->data + chunk->sent, chunk->length - chunk->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n < 0)
			return -1;
		chunk->sent += (size_t)n;
		if (chunk->sent == chunk->length)
			d->tail++;
	}
	if (d->ended == 1 && d->tail == d->head && d->end_due <= now_ms()) {
		shutdown(d->to, SHUT_WR);
		d->ended = 2;
	}
	return 0;
}

static int
wait_ms(const struct direction *d)
{
	double left;

	if (d->tail == d->head && d->ended != 1)
		return 1000;
	left = (d->tail < d->head ? d->chunks[d->tail % CHUNKS].due : d->end_due) - now_ms();
	return left <= 0 ? 1 : (int)(left + 0.999);
}

static void
carry(int client, double rtt, int target)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target)};
	struct direction out = {.from = client}, back = {.to = client};
	double begin = now_ms(), open_at = begin + 1.5 * rtt;
	int server, one = 1;

	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	poll(NULL, 0, (int)(1.5 * rtt));
	server = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(server, (struct sockaddr *)&address, sizeof(address)) != 0)
		return;
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	out.to = back.from = server;
	out.chunks = calloc(CHUNKS, sizeof(struct chunk));
	back.chunks = calloc(CHUNKS, sizeof(struct chunk));
	while (out.chunks != NULL && back.chunks != NULL && (out.ended < 2 || back.ended < 2)) {
		struct pollfd polls[2] = {
			{.fd = out.ended || out.head - out.tail >= CHUNKS ? -1 : client, .events = POLLIN},
			{.fd = back.ended || back.head - back.tail >= CHUNKS ? -1 : server, .events = POLLIN},
		};
		int a = wait_ms(&out), b = wait_ms(&back);

		poll(polls, 2, a < b ? a : b);
		if (polls[0].revents)
			take(&out, rtt / 2, open_at);
		if (polls[1].revents)
			take(&back, rtt / 2, 0);
		if (give(&out) != 0 || give(&back) != 0)
			break;
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int listener;
	FILE *file;

	if (argc != 4)
		return 64;
	signal(SIGCHLD, SIG_IGN);
	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, SOMAXCONN) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0 || (file = fopen(argv[3], "w")) == NULL) {
		perror("delay");
		return 1;
	}
	fprintf(file, "%d\n", ntohs(address.sin_port));
	fclose(file);
	for (;;) {
		struct pollfd polls[2] = {{.fd = listener, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
		char byte;
		int client;

		poll(polls, 2, -1);
		if (polls[1].revents != 0 && read(0, &byte, 1) <= 0)
			return 0;
		if (polls[0].revents == 0)
			continue;
		client = accept(listener, NULL, NULL);
		if (client >= 0 && fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(listener);
			carry(client, strtod(argv[1], NULL), (int)strtol(argv[2], NULL, 10));
			_exit(0);
		}
		close(client);
	}
}
