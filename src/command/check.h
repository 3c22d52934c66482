/*
 * check: what the parts of `mailcrane check` share: check.c asks, check_settings.c has the settings, check_network.c
 * looks at the relay, check_report.c says what was found.
 */
#ifndef MAILCRANE_CHECK_H
#define MAILCRANE_CHECK_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/config.h"
#include "base/deadline.h"
#include "base/secret.h"
#include "command/command.h"
#include "command/diagnosis.h"
#include "command/security.h"
#include "delivery/route.h"
#include "spool/spool.h"
#include "wire/probe.h"
#include "wire/resolve.h"

/* All from the beginning; 15 s are promised. */
#define CHECK_PROBE_MS 9500	/* until when ports are looked at, and a password command may work */
#define CHECK_WHOLE_MS 13500	/* until when the relay may answer */
#define CHECK_GUARD_MS 14200	/* then it is ended, wherever it hangs */
#define CHECK_DNS_MS 4000
#define CHECK_LINES_MAX 32

enum check_mark { CHECK_OK, CHECK_NOTE, CHECK_BAD };

/* What it is doing, for whoever waits for it (command_check): memory that both processes see. */
struct check_post {
	char step[96];
};

/* One thing that was looked at: a line for people, an element of `checks` for programs. */
struct check_line {
	enum check_mark mark;
	const char     *name;	/* constant */
	char            text[400];
};

struct check {
	bool                 is_json, is_behind_table, is_coloured, shows_progress;
	struct check_post   *post;
	char                *address;	/* --to in wire form, or NULL */
	const char          *relay;	/* a host or provider that is not in the settings, or NULL */
	size_t               number;	/* of the relay of the settings that is looked at; it stands in config.relay */
	char                *file;
	struct config        config;
	bool                 has_config;
	struct spool        *spool;	/* NULL: none */
	struct route         route;
	struct buffer        secret;
	struct secret_question question;
	bool                 is_asked;	/* the password, and not answered yet */
	struct security      security;
	char                 timer[160];
	struct tls_trust    *trust;
	struct resolved      resolved;
	int64_t              began, dns, login, mail;	/* ms */
	struct deadline      deadline;
	struct probe_result *results;	/* copies, the caller of check_network frees */
	int64_t              first, next;	/* ms until a message would be at the relay: without and with what is remembered */
	const char          *mechanism;
	uid_t                caller;	/* whoever calls check, before root is given up */
	char                *sender;	/* of a message of theirs, as sendmail makes it where none is named; NULL: none that would go this way */
	bool                 is_login_tried, is_sender_asked, is_recipient_asked;
	struct observations  seen;
	struct diagnosis     diagnosis;
	char                 other_name[128];
	struct check_line    lines[CHECK_LINES_MAX];
	size_t               line_count;
};

/* Adds a line, and prints it unless --json. */
void check_line(struct check *check, enum check_mark mark, const char *name, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* `outcome` is what is wrong with the settings: told, into `seen`. Always -1. */
int check_no_settings(struct check *check, const struct outcome *outcome);

/* The settings' file, and in it the relay that was named (NULL: the first); or settings made up for a host that is not in there.
 * place->own_file is set. 0, or -1 and seen.settings. */
int check_find_settings(struct check *check, struct command_place *place, const char *relay);

/* All of the settings, as whoever we are now, the relay that is looked at first; and the sender. 0, or -1 and seen.settings. */
int check_load(struct check *check, const struct command_place *place);

/* A line for each relay that is not looked at. */
void check_name_others(struct check *check);

/* The password, which was asked for; waits for a command. Fills `secret` and `seen`. */
void check_secret(struct check *check);

/* Name, ports, login, and what a message would do: fills `seen`, at most until the deadline. */
void check_network(struct check *check);

/* What is going on; on a terminal it is shown, wiped by the next one. NULL wipes only. */
void check_progress(const struct check *check, const char *text);
void check_print_ports(struct check *check);
void check_print_verdict(const struct check *check);
int check_print_json(const struct check *check);

#endif
