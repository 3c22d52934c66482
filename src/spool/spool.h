/*
 * spool: messages on disk, their states, who may touch them, and how caller and runner find each other.
 * The state table and the file format stand at the head of spool.c. Knows no network. Nothing is opened through a link; every
 * function gives 0 on success, or -1 with *outcome (stage SPOOL; cause SPOOL) where it takes one.
 *
 * Layout:  tmp/ being written   queue/ promised or under way   failed/ given up, with reason   verdict/ callers' FIFOs
 *          damaged/ moved aside, never sent   lock  the runner's lock   trigger  the FIFO that wakes it
 *          down, down.NAME  there while no relay can be reached for mail that begins there   route  what is remembered of relays
 *          load  how much waited a moment ago
 *          timer  when a timer or cron line called last   beside  the lock of one who works beside a runner that has stopped
 *          last  the last success and failure, for people   reports  how many reports each sender got lately
 *          digest  when the administrator was last written to
 */
#ifndef MAILCRANE_SPOOL_H
#define MAILCRANE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/deadline.h"
#include "base/outcome.h"
#include "message/envelope.h"

#define SPOOL_ID_SIZE 32	/* with the NUL; ids are [0-9A-Za-z] and sort by time of creation */

/* What kind of report of our own a message is: nobody gets a report on a report. */
enum spool_report_kind { SPOOL_REPORT_NONE, SPOOL_REPORT_FAILED, SPOOL_REPORT_DELAYED, SPOOL_REPORT_RELAYED, SPOOL_REPORT_DIGEST };

struct spool_report {
	enum spool_report_kind kind;
	char   about[SPOOL_ID_SIZE];	/* the message reported on; "" for a digest */
	size_t first;			/* the first of its recipients that are reported on */
};

struct spool;

/* Opens the directory and makes what is missing inside (directories 2770 like the top, FIFO 0660). When the top itself is
 * missing it is made 0700 only if `may_create` (a user's own spool), parents too. Refuses a top that others can write to. */
int spool_open(const char *directory, bool may_create, struct spool **spool, struct outcome *outcome);
void spool_close(struct spool *spool);

/* Can a message be stored now? Writes a block into a file without a name, of which nothing is left. -1 with *outcome and errno (EROFS, ENOSPC,
 * EDQUOT, EACCES, ...): why not. Can hang with the disk. */
int spool_probe(const struct spool *spool, struct outcome *outcome);
const char *spool_directory(const struct spool *spool);
/* Owner and group of the top directory, for the runner's check before it gives up root. */
uid_t spool_owner(const struct spool *spool);
gid_t spool_group(const struct spool *spool);

/* ---- writing a message: program sendmail ---- */

struct spool_draft;

/* A new file in tmp/, locked while it is written. */
int spool_draft_new(struct spool *spool, struct spool_draft **draft, struct outcome *outcome);
/* One that is in no spool ([queue] delivery = direct): a file without a name, in memory. It is begun, written and committed like any other,
 * and never synced or waited for. */
int spool_draft_new_loose(struct spool_draft **draft, struct outcome *outcome);
/* Its descriptor, for whoever is to claim it (spool_claim_loose). */
int spool_draft_fd(const struct spool_draft *draft);
const char *spool_draft_id(const struct spool_draft *draft);
/* Before spool_draft_begin: it is a report. Its id then follows from what it is about, so that the same report can't be there twice:
 * the commit of the second one fails with errno EEXIST. */
void spool_draft_report(struct spool_draft *draft, const struct spool_report *report);
/* Once, before any write. `uid` and `program` say who called (for log and queue listing). */
int spool_draft_begin(struct spool_draft *draft, const struct envelope *envelope, uid_t uid, const char *program, struct outcome *outcome);
int spool_draft_write(struct spool_draft *draft, const void *data, size_t length, struct outcome *outcome);
/* Makes and opens verdict/ID for reading, before the commit. */
int spool_draft_expect(struct spool_draft *draft, struct outcome *outcome);
/* While the verdict is waited for, `fd` gets what whoever serves the message says of it (spool_entry_listener). After spool_draft_expect. */
void spool_draft_listen(struct spool_draft *draft, int fd);
/* Completes the head (length, checksum, eight_bit) and renames into queue/, then lets go of the lock. Nothing is promised yet. */
int spool_draft_commit(struct spool_draft *draft, bool eight_bit, struct outcome *outcome);
/* fsync of file and directory: after 0 the message is safe. Can hang with the disk: the caller forks or accepts that. */
int spool_draft_sync(struct spool_draft *draft, struct outcome *outcome);
/* Takes a committed message back under its lock: 0 it is gone, 1 somebody has it under way, has served it or died over it (wait for
 * the verdict). */
int spool_draft_withdraw(struct spool_draft *draft);
/* Waits for the runner's verdict: 1 and *outcome, or 0 when the deadline passed. */
int spool_draft_wait(struct spool_draft *draft, struct deadline deadline, struct outcome *outcome);
/* How many of its recipients have that verdict by now; 0 also when the file can't be read. */
size_t spool_draft_count(const struct spool_draft *draft, enum verdict verdict);
/* Whom the relay has refused for good so far: gives how many, the first one's address in *address (ENVELOPE_ADDRESS_MAX + 1 octets) and why in
 * *outcome. After a verdict that is final; before it, a glance. 0 also when the file can't be read. */
size_t spool_draft_refused(const struct spool_draft *draft, char *address, struct outcome *outcome);
/* Unlinks the FIFO when the verdict was read (the runner sees by that that the caller knows) or none can come, removes an uncommitted
 * file, frees. NULL allowed. */
void spool_draft_free(struct spool_draft *draft);

/* ---- waking the runner ---- */

/* 1: somebody reads the FIFO and was poked (a full FIFO counts); 0: nobody reads. */
int spool_poke(struct spool *spool);

/* Mail that begins at the relay of that name ("": [relay]) is known to get to none: a caller leaves its message and does not wait for a
 * verdict. A mark that nobody renewed for 10 minutes counts as none; where it can't be written nothing is lost but time. */
void spool_down_mark(struct spool *spool, const char *relay);
void spool_down_clear(struct spool *spool, const char *relay);
bool spool_is_down(const struct spool *spool, const char *relay);

/* A timer or cron line has called just now; and how many seconds ago one did, -1: never. */
void spool_timer_stamp(struct spool *spool);
long spool_timer_age(const struct spool *spool);

struct spool_watch;	/* the runner's lock and FIFO */

/* 1: the lock is ours, the FIFO open; 0: another runner has it; -1 and *outcome. The descriptors are close-on-exec;
 * a child that lives on calls spool_watch_forget. */
int spool_watch_start(struct spool *spool, struct spool_watch **watch, struct outcome *outcome);
/* The same for one who works beside a runner that gives no sign of life: a lock of its own, no FIFO (fd -1). */
int spool_watch_start_beside(struct spool *spool, struct spool_watch **watch, struct outcome *outcome);
int spool_watch_fd(const struct spool_watch *watch);	/* for poll(): POLLIN when poked */
void spool_watch_drain(struct spool_watch *watch);	/* forget the pokes so far */
void spool_watch_stamp(struct spool_watch *watch);	/* "I am alive": mtime of the lock file */
void spool_watch_stop(struct spool_watch *watch);	/* closes the FIFO, then drops the lock; frees */
void spool_watch_forget(struct spool_watch *watch);	/* in a child: closes the descriptors, frees; the lock stays with the parent */
/* Seconds since the runner stamped, -1 when none reads the FIFO. */
long spool_watch_age(struct spool *spool);

/* ---- looking: runner and command ---- */

struct spool_item {
	char     id[SPOOL_ID_SIZE];
	time_t   created, due;
	unsigned attempts;
	uint64_t size;			/* of the message in wire form */
	size_t   recipients, waiting;	/* all, and those still to be served */
	uid_t    uid;
	bool     is_held;		/* by people: never due */
	bool     is_begun;		/* an attempt was begun whose outcome is not noted: under way, or somebody died over it */
	bool     is_awaited;		/* a caller waits, or did, for the first verdict */
	bool     is_report;		/* of our own */
	time_t   changed;		/* last written to: in failed/ when it was given up */
	char     relay[OUTCOME_RELAY_SIZE];	/* as struct envelope has it; "": that of the sender */
	char     from[ENVELOPE_ADDRESS_MAX + 1];
	char     to[ENVELOPE_ADDRESS_MAX + 1];	/* the first recipient that is still to be served, else the last one */
	struct outcome last;		/* of the last attempt; verdict NONE: none yet. Its text also says why a file can't be read */
};

#define SPOOL_NEVER ((time_t)INT64_MAX)	/* `due` of what a later version wrote */

enum spool_box { SPOOL_QUEUE, SPOOL_FAILED };

/* All names, oldest first; *names is the caller's to free(). */
int spool_names(struct spool *spool, enum spool_box box, char (**names)[SPOOL_ID_SIZE], size_t *count, struct outcome *outcome);

/* One message; false when there is none of that name. */
bool spool_look(const struct spool *spool, enum spool_box box, const char *id, struct spool_item *item);
/* The same without `is_awaited`, which is false. */
bool spool_glance(const struct spool *spool, enum spool_box box, const char *id, struct spool_item *item);

/* All messages, oldest first, as spool_glance() has them; *items is the caller's to free(). Needs no lock and checks no checksum. A file that can't
 * be read is listed with 0 recipients, due at once, so that whoever serves the queue claims it and learns that it is DAMAGED, or why it
 * can't be had; one of a later version is never due. waiting 0 (a crash before the finish): claim it and finish. */
int spool_list(struct spool *spool, enum spool_box box, struct spool_item **items, size_t *count, struct outcome *outcome);

/* Damaged files that were moved aside: all, and in *recent those since then. */
size_t spool_damaged(const struct spool *spool, time_t since, size_t *recent);

/* ---- serving a message: courier ---- */

struct spool_entry;

struct spool_recipient {
	const char    *address;
	struct outcome outcome;		/* verdict NONE or DEFERRED: still to be served */
	bool           is_told;		/* its sender knows of that outcome, or is not to be told */
	struct dsn_wish wish;		/* of notifications, borrowed from the entry */
};

enum spool_claim { SPOOL_CLAIMED, SPOOL_BUSY, SPOOL_GONE, SPOOL_DAMAGED, SPOOL_ERROR };

/* Locks queue/ID, checks that the name still is that inode, then verifies length and checksum and reads the states, in
 * this order. DAMAGED: it was moved aside (damaged/) and *outcome says so; ERROR: it is where it was, and *outcome says why. BUSY can be a
 * caller that commits right now or a sweep: look again a little later. */
enum spool_claim spool_claim(struct spool *spool, const char *id, struct spool_entry **entry, struct outcome *outcome);

/* A committed draft that is in no spool; takes the descriptor. CLAIMED, DAMAGED or ERROR; nothing is moved. Outcomes go into the file,
 * finish and tell do nothing. */
enum spool_claim spool_claim_loose(int fd, struct spool_entry **entry, struct outcome *outcome);

/* The same of a box. */
enum spool_claim spool_claim_box(struct spool *spool, enum spool_box box, const char *id, struct spool_entry **entry, struct outcome *outcome);
/* Without lock, and only to look: others may change it meanwhile. Never moves anything. */
enum spool_claim spool_peek(struct spool *spool, enum spool_box box, const char *id, struct spool_entry **entry, struct outcome *outcome);

const char *spool_entry_id(const struct spool_entry *entry);
const char *spool_entry_reverse_path(const struct spool_entry *entry);
const char *spool_entry_relay(const struct spool_entry *entry);	/* as struct envelope has it */
enum dsn_return spool_entry_return(const struct spool_entry *entry);
const char *spool_entry_envid(const struct spool_entry *entry);	/* xtext, NULL when not given */
size_t spool_entry_count(const struct spool_entry *entry);
struct spool_recipient *spool_entry_recipient(struct spool_entry *entry, size_t i);
bool spool_entry_eight_bit(const struct spool_entry *entry);
bool spool_entry_smtputf8(const struct spool_entry *entry);
off_t spool_entry_message_offset(const struct spool_entry *entry);
uint64_t spool_entry_message_length(const struct spool_entry *entry);
time_t spool_entry_created(const struct spool_entry *entry);
time_t spool_entry_due(const struct spool_entry *entry);
unsigned spool_entry_attempts(const struct spool_entry *entry);
const struct outcome *spool_entry_last(const struct spool_entry *entry);	/* of the last attempt */
unsigned spool_entry_doubts(const struct spool_entry *entry);	/* attempts after which it may have been taken; counts to 9 */
bool spool_entry_is_held(const struct spool_entry *entry);
bool spool_entry_is_begun(const struct spool_entry *entry);	/* as it was claimed: somebody died over it, or could not note the outcome */
/* The relay ("relay" for [relay]) at which the attempt was over which somebody died, as far as spool_entry_go has noted it; else NULL. */
const char *spool_entry_at(const struct spool_entry *entry);
uid_t spool_entry_uid(const struct spool_entry *entry);
const char *spool_entry_program(const struct spool_entry *entry);
const struct spool_report *spool_entry_report(const struct spool_entry *entry);	/* kind NONE: it is none */
bool spool_entry_is_warned(const struct spool_entry *entry);	/* the sender was told that it takes longer */
/* A new read-only descriptor of the same inode without the lock, close-on-exec, for the dialogue; -1 with errno. */
int spool_entry_reopen(struct spool_entry *entry);

/* A file without a name, for a copy of the message that a relay can take: in tmp/, or in memory where the file system can't or there is no
 * spool (NULL). It takes what the message does. -1 with errno. */
int spool_scratch(struct spool *spool);

/* Before an attempt: notes it on disk, attempts + 1 and due then, in case we die over it; proves that outcomes can be written. Not synced.
 * The entry itself keeps its numbers, so that spool_entry_postpone counts this attempt once. -1: don't send it. */
int spool_entry_begin(struct spool_entry *entry, time_t due, struct outcome *error);
/* After begin, where there are several relays: what follows is handed to this one ("relay" for [relay]); if we die over it no other may be
 * tried. Not synced. -1: don't send it. */
int spool_entry_go(struct spool_entry *entry, const char *relay, struct outcome *error);
/* Writes recipient i's outcome in place. Not synced: spool_entry_sync after the last one, once for all. */
int spool_entry_settle(struct spool_entry *entry, size_t i, const struct outcome *outcome, struct outcome *error);
int spool_entry_sync(struct spool_entry *entry, struct outcome *error);
/* The sender knows of recipient i's outcome, or is not to be told of it. One octet in place; not synced. Settling it anew takes it back. */
int spool_entry_note_told(struct spool_entry *entry, size_t i, struct outcome *error);
/* The sender was told that it takes longer: written by the next spool_entry_postpone. */
void spool_entry_note_warned(struct spool_entry *entry);
/* Notes an attempt: attempts + 1, a doubt more when it left a recipient uncertain, when it is due again, the reason. In place, synced. */
int spool_entry_postpone(struct spool_entry *entry, time_t due, const struct outcome *reason, struct outcome *error);
/* Nothing left to serve: removed when every recipient was delivered, moved to failed/ when one was not. The outcomes are synced
 * before; a move that a power cut undoes is only made again. */
int spool_entry_finish(struct spool_entry *entry, struct outcome *error);
/* The verdict for a message from its recipients: DELIVERED or DEFERRED when anybody was or will be served, FAILED only when all
 * were refused; the rest of *outcome is from the recipient that decided. */
void spool_entry_verdict(struct spool_entry *entry, struct outcome *outcome);
/* Tells a waiting caller. 1: somebody was listening; 0: nobody. Never blocks. */
int spool_entry_tell(struct spool_entry *entry, const struct outcome *outcome);
/* A descriptor for lines that begin with SPOOL_SAID, of 511 octets at most, to a caller who listens; -1: none does. The caller closes it. */
#define SPOOL_SAID "said "
int spool_entry_listener(const struct spool_entry *entry);
/* After spool_entry_tell gave 1: did the caller read it? true as soon as it has unlinked the FIFO; false when it went without, or had not
 * by the deadline (a stopped process: it may still read it). */
bool spool_entry_was_heard(struct spool_entry *entry, struct deadline deadline);
/* Drops the lock, frees. NULL allowed. */
void spool_entry_free(struct spool_entry *entry);

/* ---- what people do to a message, claimed ---- */

/* Held: it waits, and is never due. In place, synced. */
int spool_entry_hold(struct spool_entry *entry, bool is_held, struct outcome *error);
/* Due now. In place, synced. */
int spool_entry_hasten(struct spool_entry *entry, struct outcome *error);
int spool_entry_remove(struct spool_entry *entry, struct outcome *error);
/* Out of failed/ into the queue, as if new: those who were refused wait again; who has it does not. */
int spool_entry_restore(struct spool_entry *entry, struct outcome *error);

/* For the runner, before a scan. Removes left-overs: files in tmp/ and FIFOs in verdict/ that nobody holds (by lock or by reading), never by age
 * alone; and what was given up more than `keep_failed` seconds ago. Gives how many of the latter. */
size_t spool_sweep(struct spool *spool, time_t keep_failed);

/* For a caller, before it reads its input: 0, or -1 and *outcome with errno EDQUOT when `most` octets or more wait in the queue. Cheap: with
 * many messages a figure of the last seconds is good enough while it is far from `most`. */
int spool_check_room(const struct spool *spool, uint64_t most, struct outcome *outcome);

#endif
