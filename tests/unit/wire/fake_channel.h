/*
 * fake_channel: the few channel_* functions that splice needs, over a plain socket. A definition in the test's own file goes before the
 * one in the archive.
 */
#ifndef TESTS_FAKE_CHANNEL_H
#define TESTS_FAKE_CHANNEL_H

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "wire/channel.h"

struct channel {
	int   fd;
	short wants;
	struct capabilities capabilities;
};

const struct capabilities *
channel_capabilities(const struct channel *channel)
{
	return &channel->capabilities;
}

int
channel_fd(const struct channel *channel)
{
	return channel->fd;
}

short
channel_wants(const struct channel *channel)
{
	return channel->wants;
}

bool
channel_readable_now(const struct channel *channel)
{
	(void)channel;
	return false;
}

ssize_t
channel_read(struct channel *channel, void *data, size_t size)
{
	channel->wants = POLLIN;
	return recv(channel->fd, data, size, MSG_DONTWAIT);
}

ssize_t
channel_write(struct channel *channel, const void *data, size_t length)
{
	/* as a TLS record: never more at once */
	channel->wants = POLLOUT;
	return send(channel->fd, data, length < 16384 ? length : 16384, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
channel_trace(const struct channel *channel, char who, const char *data, size_t length)
{
	(void)channel;
	(void)who;
	(void)data;
	(void)length;
}

void
channel_withhold(const struct channel *channel, char *text, size_t size)
{
	(void)channel;
	(void)text;
	(void)size;
}

#endif
