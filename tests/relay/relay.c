/*
 * relay: an SMTP submission server for tests. It keeps every message and every octet, plays faults from a script (script.c), and notes what
 * a good client never does. One process for each connection; nothing outlives the first one.
 *
 *     relay --directory DIR --listen 127.0.0.1:0/starttls --listen 127.0.0.1:0/tls [--script FILE] [--delay MS] [--guard MS]
 *           [--user USER --password PASSWORD] [--no-auth] [--capabilities "SIZE 1000,PIPELINING"] [--until-eof]
 *
 * DIR/ports holds one port number a line, in the order of --listen, and appears when the relay is ready. See README.md for the rest.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"

#define RELAY_CHILDREN 1024

struct listener {
	int             fd;
	uint16_t        port;
	bool            implicit_tls;
	enum script_end end;		/* what the whole listener does, GO_ON: serve */
	int             fillers[4];	/* connections of our own that keep a deaf listener's queue full */
	size_t          filler_count;
};

struct relay {
	struct session_settings settings;
	struct store            store;
	struct script          *script;
	struct authority       *authority;
	struct listener         listeners[STORE_PORTS];
	size_t                  listener_count;
	const char             *listen_words[STORE_PORTS], *directory, *script_file;
	pid_t                   children[RELAY_CHILDREN];
	size_t                  child_count;
	bool                    until_eof;
};

static int
relay_usage(void)
{
	fprintf(stderr, "usage: relay --directory DIR --listen ADDRESS:PORT/starttls|tls ... [--script FILE] [--delay MS] [--guard MS]\n"
	    "             [--user USER --password PASSWORD] [--no-auth] [--capabilities LIST] [--until-eof]\n");
	return 64;
}

static int
relay_options(struct relay *relay, int argc, char **argv)
{
	static const struct option options[] = {
		{"directory", required_argument, NULL, 'd'}, {"listen", required_argument, NULL, 'l'},
		{"script", required_argument, NULL, 's'}, {"delay", required_argument, NULL, 'D'},
		{"guard", required_argument, NULL, 'g'}, {"user", required_argument, NULL, 'u'},
		{"password", required_argument, NULL, 'p'}, {"capabilities", required_argument, NULL, 'c'},
		{"no-auth", no_argument, NULL, 'n'}, {"until-eof", no_argument, NULL, 'e'}, {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd': relay->directory = optarg; break;
		case 's': relay->script_file = optarg; break;
		case 'D': relay->settings.delay = atol(optarg); break;
		case 'g': relay->settings.guard = atol(optarg); break;
		case 'u': relay->settings.user = optarg; break;
		case 'p': relay->settings.password = optarg; break;
		case 'c': relay->settings.capabilities = optarg; break;
		case 'n': relay->settings.without_auth = true; break;
		case 'e': relay->until_eof = true; break;
		case 'l':
			if (relay->listener_count == STORE_PORTS)
				return -1;
			relay->listen_words[relay->listener_count++] = optarg;
			break;
		default: return -1;
		}
	}
	return optind == argc && relay->directory != NULL && relay->listener_count > 0 ? 0 : -1;
}

/* "127.0.0.1:0/tls", "[::1]:2525/starttls" */
static int
relay_address(const char *word, struct sockaddr_storage *address, socklen_t *length, bool *implicit_tls)
{
	char copy[128], *mode, *port, *host = copy;
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;

	snprintf(copy, sizeof(copy), "%s", word);
	mode = strrchr(copy, '/');
	if (mode == NULL || (strcmp(mode, "/tls") != 0 && strcmp(mode, "/starttls") != 0))
		return -1;
	*mode = '\0';
	*implicit_tls = mode[1] == 't';
	port = strrchr(copy, ':');
	if (port == NULL)
		return -1;
	*port++ = '\0';
	memset(address, 0, sizeof(*address));
	if (host[0] == '[') {
		host++;
		host[strcspn(host, "]")] = '\0';
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)atoi(port));
		*length = sizeof(*six);
		return inet_pton(AF_INET6, host, &six->sin6_addr) == 1 ? 0 : -1;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)atoi(port));
	*length = sizeof(*four);
	return inet_pton(AF_INET, host, &four->sin_addr) == 1 ? 0 : -1;
}

/* A listener whose queue is full drops every SYN: to a client that is a blocked port. */
static void
relay_deafen(struct listener *listener, const struct sockaddr_storage *address, socklen_t length)
{
	while (listener->filler_count < sizeof(listener->fillers) / sizeof(listener->fillers[0])) {
		int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0)
			return;
		(void)connect(fd, (const struct sockaddr *)address, length);
		listener->fillers[listener->filler_count++] = fd;
	}
}

static int
relay_listen(struct relay *relay, size_t i)
{
	struct listener *listener = &relay->listeners[i];
	struct sockaddr_storage address;
	socklen_t length;
	int yes = 1;

	if (relay_address(relay->listen_words[i], &address, &length, &listener->implicit_tls) != 0) {
		fprintf(stderr, "relay: %s: want ADDRESS:PORT/starttls or ADDRESS:PORT/tls\n", relay->listen_words[i]);
		return -1;
	}
	listener->end = script_listener(relay->script, (int)i + 1, listener->implicit_tls);
	listener->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (listener->fd < 0 || bind(listener->fd, (struct sockaddr *)&address, length) != 0 ||
	    getsockname(listener->fd, (struct sockaddr *)&address, &length) != 0)
		goto bad;
	listener->port = ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port :
	    ((struct sockaddr_in6 *)&address)->sin6_port);
	if (listener->end == SCRIPT_REFUSE)
		return 0;
	if (listen(listener->fd, listener->end == SCRIPT_SILENCE ? 0 : 256) != 0)
		goto bad;
	if (listener->end == SCRIPT_SILENCE)
		relay_deafen(listener, &address, length);
	return 0;
bad:
	fprintf(stderr, "relay: %s: %s\n", relay->listen_words[i], strerror(errno));
	return -1;
}

static int
relay_announce(const struct relay *relay)
{
	char text[STORE_PORTS * 8];
	int n = 0;

	for (size_t i = 0; i < relay->listener_count; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%u\n", relay->listeners[i].port);
	return store_file(&relay->store, "ports", text, (size_t)n);
}

/* The child of one connection. */
static void
relay_serve(struct relay *relay, size_t i, int fd, pid_t parent)
{
	struct session *session = calloc(1, sizeof(*session));
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (session == NULL || getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t j = 0; j < relay->listener_count; j++)
		close(relay->listeners[j].fd);
	session->settings = &relay->settings;
	session->store = &relay->store;
	session->script = relay->script;
	session->authority = relay->authority;
	session->port = (int)i + 1;
	session->port_number = relay->listeners[i].port;
	session->implicit_tls = relay->listeners[i].implicit_tls;
	session->connection = __atomic_load_n(&relay->store.counters->connections, __ATOMIC_SEQ_CST);
	session->connection_on_port = __atomic_load_n(&relay->store.counters->connections_on[i], __ATOMIC_SEQ_CST);
	session_run(session, fd);
	free(session);
	_exit(0);
}

static void
relay_accept(struct relay *relay, size_t i)
{
	int fd = accept4(relay->listeners[i].fd, NULL, NULL, SOCK_CLOEXEC);
	pid_t parent = getpid(), child;

	if (fd < 0)
		return;
	relay->store.counters->connections++;
	relay->store.counters->connections_on[i]++;
	child = relay->child_count < RELAY_CHILDREN ? fork() : -1;
	if (child == 0)
		relay_serve(relay, i, fd, parent);
	if (child > 0)
		relay->children[relay->child_count++] = child;
	close(fd);
}

static void
relay_reap(struct relay *relay)
{
	for (size_t i = 0; i < relay->child_count;) {
		if (waitpid(relay->children[i], NULL, WNOHANG) == 0)
			i++;
		else
			relay->children[i] = relay->children[--relay->child_count];
	}
}

/* Until SIGTERM or, when asked to, the end of stdin. */
static void
relay_loop(struct relay *relay, int signals)
{
	for (;;) {
		struct pollfd entries[STORE_PORTS + 2] = {{.fd = signals, .events = POLLIN},
			{.fd = relay->until_eof ? STDIN_FILENO : -1, .events = POLLIN}};
		struct signalfd_siginfo info;
		char ignored[256];

		for (size_t i = 0; i < relay->listener_count; i++)
			entries[i + 2] = (struct pollfd){.fd = relay->listeners[i].end == SCRIPT_GO_ON ? relay->listeners[i].fd : -1,
				.events = POLLIN};
		if (poll(entries, relay->listener_count + 2, -1) < 0 && errno != EINTR)
			return;
		if (entries[0].revents != 0 && read(signals, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGCHLD)
			return;
		if (entries[1].revents != 0 && read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
			return;
		relay_reap(relay);
		for (size_t i = 0; i < relay->listener_count; i++)
			if (entries[i + 2].revents != 0)
				relay_accept(relay, i);
	}
}

static void
relay_stop(struct relay *relay)
{
	for (size_t i = 0; i < relay->child_count; i++)
		kill(relay->children[i], SIGKILL);
	for (size_t i = 0; i < relay->child_count; i++)
		waitpid(relay->children[i], NULL, 0);
	for (size_t i = 0; i < relay->listener_count; i++) {
		struct listener *listener = &relay->listeners[i];

		for (size_t j = 0; j < listener->filler_count; j++)
			close(listener->fillers[j]);
		close(listener->fd);
	}
	authority_free(relay->authority);
	script_free(relay->script);
	store_close(&relay->store);
}

static int
relay_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
main(int argc, char **argv)
{
	static struct relay relay = {.settings = {
		.capabilities = "PIPELINING,SIZE 104857600,8BITMIME,CHUNKING,DSN,SMTPUTF8,ENHANCEDSTATUSCODES", .guard = 600000}};
	int signals;

	if (relay_options(&relay, argc, argv) != 0)
		return relay_usage();
	relay.script = script_read(relay.script_file);
	if (relay.script == NULL)
		return 64;
	if (store_open(&relay.store, relay.directory) != 0)
		return 73;
	relay.authority = authority_open(&relay.store);
	signals = relay_signals();
	if (relay.authority == NULL || signals < 0)
		return 71;
	for (size_t i = 0; i < relay.listener_count; i++)
		if (relay_listen(&relay, i) != 0)
			return 71;
	if (relay_announce(&relay) != 0)
		return 73;
	relay_loop(&relay, signals);
	relay_stop(&relay);
	return 0;
}
