/*
 * play: the faults themselves. A fault lasts until the client goes or the peer's guard is over, so that nothing here hangs for ever.
 */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char play_noise[] = "HTTP/1.1 400 Bad Request\x07\xff\xfe\x1b[31m\x80\x81\x7f\r\n";

static int
play_write(struct peer *peer, const char *data, size_t length, long drip, bool clear)
{
	for (size_t i = 0; drip > 0 && i < length; i++) {
		if ((clear ? peer_write_clear(peer, data + i, 1) : peer_write(peer, data + i, 1)) != 0 || peer_pause(peer, drip) != 0)
			return -1;
	}
	if (drip > 0)
		return 0;
	return clear ? peer_write_clear(peer, data, length) : peer_write(peer, data, length);
}

static int
play_endless(struct peer *peer, const char *code, long pause, bool clear)
{
	double until = clock_ms() + (double)peer->guard;
	char line[80];
	int length = snprintf(line, sizeof(line), "%.3s-this is not the last line\r\n", code);

	while (clock_ms() < until)
		if (play_write(peer, line, (size_t)length, 0, clear) != 0 || (pause > 0 && peer_pause(peer, pause) != 0))
			return -1;
	return -1;
}

static int
play_long(struct peer *peer, const char *code, long size, bool clear)
{
	char *line = malloc((size_t)size + 8);
	int status;

	if (line == NULL)
		return -1;
	memset(line, 'x', (size_t)size + 8);
	memcpy(line, code, 3);
	line[3] = ' ';
	memcpy(line + size, "\r\n", 2);
	status = play_write(peer, line, (size_t)size + 2, 0, clear);
	free(line);
	return status;
}

static int
play_text(struct peer *peer, const struct script_play *play, const char *text, size_t length, bool clear)
{
	char both[16384];

	if (length + play->inject_length > sizeof(both))
		return -1;
	memcpy(both, text, length);
	if (play->inject_length > 0)
		memcpy(both + length, play->inject, play->inject_length);
	return play_write(peer, both, length + play->inject_length, play->drip, clear);
}

static int
play_form(struct peer *peer, const struct script_play *play, const char *text, size_t length, bool clear)
{
	switch (play->form) {
	case SCRIPT_GARBAGE:
		return play_write(peer, play_noise, sizeof(play_noise) - 1, play->drip, clear);
	case SCRIPT_HALF:
		return play_write(peer, text, length > 3 ? (length - 2) / 2 : 1, play->drip, clear);
	case SCRIPT_ENDLESS:
		return play_endless(peer, text, play->pause, clear);
	case SCRIPT_LONG:
		return play_long(peer, text, play->size, clear);
	default:
		return play_text(peer, play, text, length, clear);
	}
}

static int
play_end(struct peer *peer, enum script_end end)
{
	switch (end) {
	case SCRIPT_CLOSE:
		peer_close(peer);
		return -1;
	case SCRIPT_RESET:
		peer_reset(peer);
		return -1;
	case SCRIPT_SILENCE:
		peer_swallow(peer);
		return -1;
	default:
		return 0;
	}
}

static int
play_say(struct peer *peer, const struct script_play *play, const char *reply, int *sent, bool clear)
{
	const char *text = play->reply != NULL ? play->reply : reply;
	size_t length = play->reply != NULL ? play->reply_length : strlen(reply);

	if (sent != NULL)
		*sent = 0;
	if (play->late > 0 && peer_pause(peer, play->late) != 0)
		return -1;
	if (play->speaks || play->end == SCRIPT_GO_ON) {
		if (play_form(peer, play, text, length, clear) != 0)
			return -1;
		if (sent != NULL && play->form == SCRIPT_PLAIN)
			*sent = atoi(text);
	}
	return play_end(peer, play->end);
}

int
play_reply(struct peer *peer, const struct script_play *play, const char *reply, int *sent)
{
	return play_say(peer, play, reply, sent, false);
}

bool
play_wanted(const struct script_play *play)
{
	return play->speaks || play->end != SCRIPT_GO_ON || play->late > 0;
}

int
play_handshake(struct peer *peer, const struct script_play *play)
{
	bool tls_octets = play->form == SCRIPT_PLAIN && play->reply == NULL;

	if (!play_wanted(play))
		return 0;
	if (play->form == SCRIPT_HALF) {
		peer->push_half = true;
		return 0;
	}
	if (tls_octets && play->end == SCRIPT_GO_ON) {
		peer->push_drip = play->drip;
		return play->late > 0 ? peer_pause(peer, play->late) : 0;
	}
	/* the ClientHello is read and thrown away first: closing over unread octets would be a reset */
	if (play->end != SCRIPT_RESET && peer_fill(peer) != 1)
		return -1;
	if (play_say(peer, play, "554 5.7.0 no TLS here\r\n", NULL, true) != 0)
		return -1;
	peer_swallow(peer);
	return -1;
}
