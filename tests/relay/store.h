/*
 * store: the relay's directory. messages/NNNN.eml and .envelope, refused/ the same for what was not accepted, transcript, violations.
 * Every line of transcript and violations is one write(2), files of messages appear by rename: a test can wait for them.
 */
#ifndef RELAY_STORE_H
#define RELAY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PORTS 8

/* In memory shared by all connections. */
struct store_counters {
	unsigned connections, connections_on[STORE_PORTS + 1];
	unsigned mails;			/* MAIL commands so far */
	unsigned kept, refused;		/* messages in the two directories */
};

struct store {
	char                  *directory;
	int                    fd, transcript, violations;
	struct store_counters *counters;
	double                 started;	/* clock_ms() */
};

/* A message while it comes in. */
struct store_message {
	int      fd;
	char     name[64];		/* the temporary one */
	uint64_t size;
	bool     last_cr, eight_bit, nul, bare_cr, bare_lf, over_long, failed;
	bool     at_line_start;
	size_t   line;			/* octets in this line so far */
	char     buffer[16384];
	size_t   buffered;
};

double clock_ms(void);

/* 0, or -1 with a message on stderr. Goes on with the numbers of an earlier run in the same directory. */
int store_open(struct store *store, const char *directory);
void store_close(struct store *store);

/* who: "C:" from the client, "S:" from us, "--" a note */
void store_transcript(const struct store *store, unsigned connection, bool tls, const char *who, const void *data, size_t length);
void store_note(const struct store *store, unsigned connection, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Also noted in the transcript. */
void store_violation(const struct store *store, unsigned connection, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int store_message_begin(const struct store *store, struct store_message *message);
void store_message_write(struct store_message *message, const void *data, size_t length);
/* Puts it under messages/ or refused/ with its envelope; gives its number, 0 on failure. */
unsigned store_message_finish(const struct store *store, struct store_message *message, bool kept, const char *envelope);
void store_message_drop(const struct store *store, struct store_message *message);

/* Writes a small file in the directory atomically. */
int store_file(const struct store *store, const char *name, const void *data, size_t length);

#endif
