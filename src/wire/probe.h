/*
 * probe: every port over every address beside each other, to the end, for people who want to know what each of them does (ladder stops at
 * the first that works). Three more kinds of candidates help to tell causes apart: the other TLS mode on a port that is silent or speaks the
 * wrong one, submission ports that are not in the settings, and a bare TCP connection to ports of the web, when a port gives no answer.
 * No password is known here. Every wait is bounded by the plan's deadline.
 */
#ifndef MAILCRANE_PROBE_H
#define MAILCRANE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/channel.h"
#include "wire/ladder.h"
#include "wire/opening.h"
#include "wire/resolve.h"

enum probe_kind {
	PROBE_PORT,	/* of the settings, in the order in which the ladder tries them */
	PROBE_MODE,	/* the same port and address, the other TLS mode */
	PROBE_OTHER,	/* a port that is not in the settings, first address only */
	PROBE_CONTROL	/* TCP alone */
};

struct probe_result {
	enum probe_kind      kind;
	struct relay_port    port;
	sa_family_t          family;
	char                 peer[80];
	bool                 is_over, is_secured;
	bool                 is_connected;	/* TCP was accepted */
	struct outcome       outcome;		/* when it is over and not secured; CONTROL: when not connected */
	struct stage_times   times;
	struct opening_sight sight;
	char                 tls[96];		/* tls_description() of a secured one */
	struct capabilities  capabilities;	/* inside TLS, of a secured one */
};

/* Pointers are borrowed until probe_free. */
struct probe_plan {
	const struct relay           *relay;
	const struct config_timeouts *timeouts;
	struct tls_trust             *trust;
	const char                   *ehlo;
	const struct resolved        *resolved;
	const struct relay_port      *others;		/* tried as OTHER when they are not the relay's */
	size_t                        other_count;
	struct ladder_hint            hint;		/* which way worked the last time */
	struct deadline               deadline;
};

struct probe;

/* Begins to connect to all of them. */
struct probe *probe_new(const struct probe_plan *plan);

/* Goes on for `ms` at most, or until one more is over. false: all are over. */
bool probe_go_on(struct probe *probe, int64_t ms);

size_t probe_count(const struct probe *probe);
const struct probe_result *probe_result(const struct probe *probe, size_t i);

/* Which of the PORTs a message would use: the hinted one, else the first that was secured; -1: none. Its channel once, the caller's from
 * then on. */
int probe_chosen(const struct probe *probe);
struct channel *probe_take(struct probe *probe);

/* How long it would be until that channel is secured, in ms, with `race` between the starts of those before it: when nothing is known of the
 * relay, and when it is remembered. */
int64_t probe_first_time(const struct probe *probe);
int64_t probe_next_time(const struct probe *probe);

void probe_free(struct probe *probe);

#endif
