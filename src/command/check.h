/*
 * check: what the parts of `mailcrane check` share: check.c asks, check_network.c looks at the relay, check_report.c says what was found.
 */
#ifndef MAILCRANE_CHECK_H
#define MAILCRANE_CHECK_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/config.h"
#include "base/deadline.h"
#include "command/command.h"
#include "command/diagnosis.h"
#include "delivery/route.h"
#include "spool/spool.h"
#include "wire/probe.h"
#include "wire/resolve.h"

#define CHECK_WHOLE_MS 14000	/* of the network part; 15 s are promised */
#define CHECK_PROBE_MS 10000	/* until when ports are looked at */
#define CHECK_DNS_MS 4000
#define CHECK_LINES_MAX 32

enum check_mark { CHECK_OK, CHECK_NOTE, CHECK_BAD };

/* One thing that was looked at: a line for people, an element of `checks` for programs. */
struct check_line {
	enum check_mark mark;
	const char     *name;	/* constant */
	char            text[400];
};

struct check {
	bool                 is_json, is_behind_table, is_coloured, shows_progress;
	const char          *address;	/* --to, or NULL */
	const char          *relay;	/* a host or provider that is not in the settings, or NULL */
	size_t               number;	/* of the relay of the settings that is looked at; it stands in config.relay */
	char                *file;
	struct config        config;
	bool                 has_config;
	struct spool        *spool;	/* NULL: none */
	struct route         route;
	struct buffer        secret;
	struct tls_trust    *trust;
	struct resolved      resolved;
	int64_t              began, dns, login, mail;	/* ms */
	struct deadline      deadline;
	struct probe_result *results;	/* copies, the caller of check_network frees */
	int64_t              first, next;	/* ms until a message would be at the relay: without and with what is remembered */
	const char          *mechanism;
	struct observations  seen;
	struct diagnosis     diagnosis;
	char                 other_name[128];
	struct check_line    lines[CHECK_LINES_MAX];
	size_t               line_count;
};

/* Adds a line, and prints it unless --json. */
void check_line(struct check *check, enum check_mark mark, const char *name, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Name, ports, login, and what a message would do: fills `seen`, at most until the deadline. */
void check_network(struct check *check);

/* On a terminal, what is going on; wiped by the next one, NULL wipes only. */
void check_progress(const struct check *check, const char *text);
void check_print_ports(struct check *check);
void check_print_verdict(const struct check *check);
int check_print_json(const struct check *check);

#endif
