/*
 * place: where a run happens: a spool, settings, a relay that stays up and keeps what it takes, and what is to be seen there afterwards.
 *
 * Everything lies in one directory that the caller made, with the relay's in `relay/`. Each message has a number, which is in its Subject; what
 * came to the relay is counted by it.
 */
#ifndef TEST_PLACE_H
#define TEST_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#define PLACE_NUMBERS 100000

enum place_box { PLACE_TMP, PLACE_QUEUE, PLACE_FAILED, PLACE_VERDICT, PLACE_DAMAGED, PLACE_BOXES };

struct place {
	const char    *directory, *build;
	char           sendmail[512], mailcrane[512], settings[512];
	char         **environment;
	unsigned char *copies;		/* [PLACE_NUMBERS] */
};

/* What is known of the messages in queue/. */
struct place_sight {
	size_t waiting;
	bool   is_marked;	/* the spool says of one that it is perhaps at the relay: an attempt was begun, or is uncertain */
	size_t boxes[PLACE_BOXES];
	bool   is_kept;		/* what was given up an hour ago is still there, and not counted in boxes */
};

void place_open(struct place *place, const char *directory, const char *build);
void place_close(struct place *place);
/* Settings with `delivery` (wait or background), `wait` and `runner` (auto or service). */
void place_settle_in(struct place *place, const char *delivery, const char *wait, const char *runner);
/* Makes the spool anew, empty but for a message that was given up an hour ago; its inner directories only when `whole`. */
void place_clear(struct place *place, bool whole);
/* A file with the text in the place; gives its path, until the next call but three. */
const char *place_file(const struct place *place, const char *name, const char *text, size_t length);
/* Until the next call. */
const char *place_subject(unsigned number);
/* A message in the queue as a caller that was answered with 0 left it: whole, synced; `deferred`: after an attempt. Gives its file's path. */
const char *place_put(struct place *place, unsigned number, const char *recipients, bool deferred, const char *body);
/* mailcrane flush, `times` at most, until nothing waits: its last exit code, or -1 when it did not end within 30 s. */
int place_flush(struct place *place, int times);
void place_look(struct place *place, struct place_sight *sight);
/* Copies at the relay by now. */
unsigned place_copies(struct place *place, unsigned number);
/* Lines of a file in the place; -1: it is not there. */
long place_lines(const struct place *place, const char *name);
/* Its first line, until the next call; "" when there is none. */
const char *place_line(const struct place *place, const char *name);
bool place_has(const struct place *place, const char *name, const char *text);

#endif
