/*
 * config: the settings file, read through iniparser and checked strictly. iniparser.h is included by config.c only.
 * Owns the strings of struct config. Never prints: an error is a struct outcome with cause CONFIG or SECRET
 * whose text names file, line, key and the nearest valid word, and never holds a value of a secret.
 */
#ifndef MAILCRANE_CONFIG_H
#define MAILCRANE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/outcome.h"

#define CONFIG_SYSTEM_FILE "/etc/mailcrane.ini"
#define CONFIG_PORTS_MAX 8
#define CONFIG_RETRIES_MAX 16
#define CONFIG_CONNECTIONS_MAX 20
#define CONFIG_RELAYS_MAX 16		/* [relay] and those with names */
#define CONFIG_RELAY_NAME_MAX 32

struct relay_port {
	uint16_t number;
	bool     implicit_tls;		/* TLS from the first octet; else STARTTLS. 465 and 2465 by default. */
};

enum relay_family { RELAY_FAMILY_ANY, RELAY_FAMILY_4, RELAY_FAMILY_6 };
enum secret_source { SECRET_NONE, SECRET_INLINE, SECRET_FILE, SECRET_COMMAND, SECRET_ENVIRONMENT };
/* auto: the best that both sides know, in our order */
enum relay_auth { RELAY_AUTH_AUTO, RELAY_AUTH_PLAIN, RELAY_AUTH_LOGIN };

enum delivery { DELIVERY_WAIT, DELIVERY_BACKGROUND, DELIVERY_DIRECT };

struct relay {
	char              *name;	/* "" for [relay], NAME for [relay.NAME] */
	int                line;	/* of its section in the file; 0: it has none */
	char              *provider;	/* NULL: none; else host and ports came from it, unless set */
	char              *host;
	struct relay_port  ports[CONFIG_PORTS_MAX];
	size_t             port_count;
	char              *user;
	enum secret_source secret_source;
	char              *secret;	/* the password, the file, the command or the variable */
	enum relay_auth    auth;
	char              *tls_ca_file;	/* NULL: system trust store */
	char              *ehlo;	/* NULL: choose */
	enum relay_family  family;
	char             **from;	/* patterns of the senders that use it (base/pattern) */
	size_t             from_count;
	int                from_line;
	char              *fallback;	/* name of the relay that is next when this one certainly did not take a message; NULL: none */
	int                fallback_line;
};

struct config_alias {		/* a key of [aliases] but file; not looked at, since addresses are another room's */
	char *name;		/* lower case, or "*" */
	char *list;
	int   line;
};

struct config_timeouts {		/* all in ms */
	int64_t wait, dns, connect, race, greeting, tls, command, data, final, attempt;
};

struct config {
	char         *file;		/* where it was read from */
	int64_t       changed;		/* when that had changed last (ctime), ns since the epoch */
	struct relay  relay;		/* [relay] */
	struct relay *others;		/* [relay.NAME], in the order of the file; base/relay.h has the way to all of them */
	size_t        other_count;
	char         *sender_domain;	/* NULL: none */
	char         *sender_from;	/* NULL: none */
	bool          force_from;	/* sender_from is there, and replaces every sender */
	char         *aliases_file;	/* NULL: none */
	struct config_alias *aliases;
	size_t        alias_count;
	struct config_timeouts timeouts;
	bool          runner_is_service;	/* [queue] runner = service: never start one from a call */
	char         *spool_directory;
	enum delivery delivery;
	uint64_t      connections;	/* couriers at most, 1 or more */
	int64_t       linger;		/* ms */
	int64_t       retry[CONFIG_RETRIES_MAX];	/* ms until the n-th attempt's successor; the last one for all that follow */
	size_t        retry_count;	/* 1 or more */
	int64_t       lifetime;		/* ms; then a message is given up */
	int64_t       keep_failed;	/* ms; then what was given up is removed */
	uint64_t      max_message, max_queue;	/* octets */
	char         *notify;		/* who gets the daily digest; NULL: nobody */
	char         *log_to;
	enum log_level log_level;
};

/* What the calling program needs: SUBMIT checks [sender] [aliases] [queue] [timeouts] wait and the syntax of the file, so that
 * a mistake elsewhere is the runner's and the mail is queued (of the secrets it takes only the name in password_env); FULL
 * checks everything. */
enum config_scope { CONFIG_SUBMIT, CONFIG_FULL };

/* Finds the file: $MAILCRANE_CONFIG unless `secure` (set-id), else /etc/mailcrane.ini, else the real user's
 * ~/.config/mailcrane.ini (home from the password database; only if that user owns it and nobody else can write it;
 * spool then in ~/.local/state/mailcrane by default). Gives a path that the caller frees, or NULL and *outcome. *own_file is
 * set when it is the user's own. */
char *config_find(bool secure, bool *own_file, struct outcome *outcome);

/* Reads and checks. 0 and *config filled (config_free it), or -1 and *outcome (*config is then safe to free). `secure`
 * refuses secrets by command and environment. */
int config_load(const char *file, enum config_scope scope, bool secure, struct config *config, struct outcome *outcome);
void config_free(struct config *config);

/* Writes the effective settings to fd as an ini text, secrets masked as stars. 0, or -1 with errno. */
int config_print(const struct config *config, int fd);

#endif
