/*
 * login: AUTH over a channel (RFC 4954), in our order of mechanisms, inside TLS only.
 */
#ifndef MAILCRANE_LOGIN_H
#define MAILCRANE_LOGIN_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/channel.h"

/* 0 and *mechanism (constant) when the relay said 235. -1 and *outcome (stage AUTH): 535 and the like stop at once
 * (AUTH_REFUSED, AUTH_TEMPORARY); a refused mechanism (504) leads to the next; none left or offered: AUTH_MECHANISM. */
int login_run(struct channel *channel, const struct relay *relay, const struct buffer *secret, struct deadline deadline,
    const char **mechanism, struct outcome *outcome);

#endif
