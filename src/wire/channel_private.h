/*
 * channel_private: what channel and opening share. Nobody else includes it.
 */
#ifndef MAILCRANE_CHANNEL_PRIVATE_H
#define MAILCRANE_CHANNEL_PRIVATE_H

#include <stdbool.h>

#include "wire/channel.h"

struct channel {
	int                 fd;
	struct tls         *tls;
	struct buffer       input;	/* octets behind the last reply */
	struct capabilities capabilities;
	const char         *mechanism;
	short               wants;
	bool                is_mute;	/* no QUIT: before the greeting, or behind a failed handshake */
	const struct buffer *secret;	/* borrowed, from the login on: what repeats it is not quoted */
	bool                is_logging_in;	/* login says itself what may be seen */
	char                peer[80];
};

/* Not connected; channel_close it. */
struct channel *channel_new(void);

/* A whole reply without waiting: 1 and the first *used octets of the input are it; 0: not yet, wait for what channel->wants says; -1 and
 * *outcome. */
int channel_hear(struct channel *channel, enum stage stage, struct reply *reply, size_t *used, struct outcome *outcome);

/* Each sets *outcome and gives -1: for any failure; for a read or write that gave `count` (-1 with errno, or 0); for a reply that was not
 * whole in time. */
int channel_fail(struct outcome *outcome, enum stage stage, enum cause cause, const char *text);
int channel_broken(struct outcome *outcome, enum stage stage, ssize_t count);
int channel_late(const struct channel *channel, enum stage stage, struct outcome *outcome);

#endif
