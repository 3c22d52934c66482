/*
 * peer: the client's end of one connection, in clear or in TLS. Every octet goes into the transcript; every wait has a generous guard;
 * replies leave no earlier than `delay` ms after the octets that they answer.
 */
#ifndef RELAY_PEER_H
#define RELAY_PEER_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>

#include "store.h"

#define PEER_LINE_MAX 16384

struct peer {
	const struct store *store;
	unsigned         connection;
	int              fd;
	gnutls_session_t tls;		/* NULL: in clear */
	bool             secured;	/* the handshake is done */
	long             delay;		/* ms, artificial round trip */
	long             guard;		/* ms that any single wait may take */
	double           arrived;	/* when the last octets came */
	double           due;		/* when the next reply may leave */
	long             read_drip, push_drip;	/* ms an octet, 0: none */
	bool             push_half;	/* half of the next flight of the handshake, then nothing */
	char             in[65536];
	size_t           start, end;
};

void peer_init(struct peer *peer, const struct store *store, unsigned connection, int fd, long delay, long guard);

/* Octets waiting in the buffer: 1 there are some, 0 end of stream, -1 reset, TLS error or guard. */
int peer_fill(struct peer *peer);

/* One line without its CRLF, NUL put behind it. Its length; -1 when the connection is over, -2 when it is too long. *bare is
 * set when it ended in a bare LF. */
long peer_line(struct peer *peer, char *line, bool *bare);

/* Takes up to `size` octets out of the buffer without copying; call peer_fill first when it is empty. */
size_t peer_take(struct peer *peer, size_t size, const char **data);

/* true when octets are there that we have not asked for yet */
bool peer_ahead(const struct peer *peer);

/* Waits for `due`, then writes. 0, or -1 when the connection is over. */
int peer_write(struct peer *peer, const void *data, size_t length);
/* The same past TLS (in the handshake stage). */
int peer_write_clear(struct peer *peer, const void *data, size_t length);

/* Waits; -1 when the client has gone meanwhile. */
int peer_pause(struct peer *peer, long ms);
/* Reads and records until the client goes; never answers. */
void peer_swallow(struct peer *peer);
/* Neither reads nor answers until the client goes: its window closes. */
void peer_hold(struct peer *peer);

int peer_handshake(struct peer *peer, gnutls_certificate_credentials_t credentials, const char *versions);

void peer_close(struct peer *peer);
void peer_reset(struct peer *peer);

#endif
