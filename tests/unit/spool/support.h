/*
 * support: a spool in a directory of its own for each test, a message in one call, and what a file holds.
 */
#ifndef MAILCRANE_TESTS_SPOOL_SUPPORT_H
#define MAILCRANE_TESTS_SPOOL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/deadline.h"
#include "base/file.h"
#include "spool/format.h"
#include "spool/spool.h"

#define SUPPORT_BODY "Subject: test\r\n\r\nHello.\r\n"
#define SUPPORT_GUARD 120	/* seconds; only against a test that hangs */

struct support {
	char          directory[64];	/* the spool is its "spool" */
	char          path[128];
	struct spool *spool;
};

static inline int
support_set_up(void **state)
{
	struct support *support = memory_alloc(sizeof(*support));
	struct outcome outcome;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)alarm(SUPPORT_GUARD);
	(void)snprintf(support->directory, sizeof(support->directory), "/tmp/spool-test-XXXXXX");
	if (mkdtemp(support->directory) == NULL)
		return -1;
	(void)snprintf(support->path, sizeof(support->path), "%s/spool", support->directory);
	if (spool_open(support->path, true, &support->spool, &outcome) != 0)
		return -1;
	*state = support;
	return 0;
}

static inline int
support_tear_down(void **state)
{
	struct support *support = *state;
	char command[96];

	spool_close(support->spool);
	(void)snprintf(command, sizeof(command), "rm -rf %s", support->directory);
	free(support);
	return system(command) == 0 ? 0 : -1;
}

#define SUPPORT_TEST(function) cmocka_unit_test_setup_teardown(function, support_set_up, support_tear_down)

static inline void
support_path(const struct support *support, char path[256], const char *box, const char *name)
{
	(void)snprintf(path, 256, "%s/%s/%s", support->path, box, name);
}

static inline bool
support_exists(const struct support *support, const char *box, const char *name)
{
	char path[256];
	struct stat status;

	support_path(support, path, box, name);
	return lstat(path, &status) == 0;
}

/* How many entries a box has. */
static inline int
support_count(const struct support *support, const char *box)
{
	char command[256];
	int count = -1;
	FILE *pipe;

	(void)snprintf(command, sizeof(command), "ls -A %s/%s | wc -l", support->path, box);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%d", &count), 1);
	(void)pclose(pipe);
	return count;
}

/* An envelope to r0@example.com, r1@example.com ... */
static inline void
support_envelope(struct envelope *envelope, size_t recipients)
{
	char address[64];

	envelope_init(envelope);
	envelope_set_reverse_path(envelope, "sender@example.org");
	for (size_t i = 0; i < recipients; i++) {
		(void)snprintf(address, sizeof(address), "r%zu@example.com", i);
		assert_int_equal(envelope_add(envelope, address), 0);
	}
}

/* A draft that is complete but for the commit. */
static inline struct spool_draft *
support_draft(const struct support *support, size_t recipients, const char *body)
{
	struct spool_draft *draft = NULL;
	struct envelope envelope;
	struct outcome outcome;

	support_envelope(&envelope, recipients);
	assert_int_equal(spool_draft_new(support->spool, &draft, &outcome), 0);
	assert_int_equal(spool_draft_begin(draft, &envelope, 1000, "test", &outcome), 0);
	assert_int_equal(spool_draft_write(draft, body, strlen(body), &outcome), 0);
	envelope_free(&envelope);
	return draft;
}

/* A message in the queue; its id into `id`. */
static inline void
support_message(const struct support *support, size_t recipients, char id[SPOOL_ID_SIZE])
{
	struct spool_draft *draft = support_draft(support, recipients, SUPPORT_BODY);
	struct outcome outcome;

	assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
	(void)snprintf(id, SPOOL_ID_SIZE, "%s", spool_draft_id(draft));
	spool_draft_free(draft);
}

static inline struct spool_entry *
support_claim(const struct support *support, const char *id)
{
	struct spool_entry *entry = NULL;
	struct outcome outcome;

	assert_int_equal(spool_claim(support->spool, id, &entry, &outcome), SPOOL_CLAIMED);
	return entry;
}

static inline struct outcome
support_outcome(enum verdict verdict, int reply, const char *text)
{
	struct outcome outcome;

	outcome_set(&outcome, verdict, STAGE_FINAL, verdict == VERDICT_DELIVERED ? CAUSE_NONE : CAUSE_THROTTLED, "%s", text);
	outcome.reply = reply;
	(void)snprintf(outcome.enhanced, sizeof(outcome.enhanced), "%d.0.0", reply / 100);
	return outcome;
}

/* Waits for a child; its exit code, or 256 + signal. */
static inline int
support_wait(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

#endif
