/*
 * play: carries out what the script says in the place of a reply.
 */
#ifndef RELAY_PLAY_H
#define RELAY_PLAY_H

#include "peer.h"
#include "script.h"

/* Sends `reply` (CRLF included, may have several lines), or what the script wants instead. 0: go on; -1: the connection is over. *sent, when
 * not NULL, gets the code that went out, 0 for none. */
int play_reply(struct peer *peer, const struct script_play *play, const char *reply, int *sent);

/* At the handshake: 0 go on with it (the peer may have been told to drip), -1 the connection is over. */
int play_handshake(struct peer *peer, const struct script_play *play);

/* true when the script wants anything at all here */
bool play_wanted(const struct script_play *play);

#endif
