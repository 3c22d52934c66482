/*
 * Who is told of a failure, once, whoever dies in between.
 */
#include "../spool/support.h"

#include <poll.h>

#include "delivery/report.c"
#include "spool/private.h"

static time_t moved;	/* s that the clock is ahead */

/* Comes before the C library's. */
time_t
time(time_t *when)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (when != NULL)
		*when = now.tv_sec + moved;
	return now.tv_sec + moved;
}

static const struct config settings = {.lifetime = 432000000, .sender_domain = (char *)"example.com", .relay = {.host = (char *)"smtp.example.net"}};

/* ---- who ---- */

static void
choices_are_these(void **state)
{
	static const struct {
		const char        *from, *to;
		bool               is_report, is_heard;
		unsigned           notify;
		enum cause         cause;
		enum report_choice want;
	} rows[] = {
		{"me@example.com", "bob@example.com", false, false, 0, CAUSE_RECIPIENT_REFUSED, REPORT_SEND},
		{"me@example.com", "bob@example.com", false, false, DSN_FAILURE, CAUSE_RECIPIENT_REFUSED, REPORT_SEND},
		{"me@example.com", "bob@example.com", false, false, DSN_FAILURE | DSN_DELAY, CAUSE_CONNECT_REFUSED, REPORT_SEND},
		{"me@example.com", "bob@example.com", false, false, DSN_NEVER, CAUSE_RECIPIENT_REFUSED, REPORT_NOT_WANTED},
		{"me@example.com", "bob@example.com", false, false, DSN_SUCCESS, CAUSE_RECIPIENT_REFUSED, REPORT_NOT_WANTED},
		{"me@example.com", "bob@example.com", false, false, DSN_DELAY, CAUSE_RECIPIENT_REFUSED, REPORT_NOT_WANTED},
		{"me@example.com", "bob@example.com", false, true, DSN_FAILURE, CAUSE_RECIPIENT_REFUSED, REPORT_HEARD},
		{"me@example.com", "bob@example.com", true, false, DSN_FAILURE, CAUSE_RECIPIENT_REFUSED, REPORT_OF_REPORT},
		{"", "bob@example.com", false, false, DSN_FAILURE, CAUSE_RECIPIENT_REFUSED, REPORT_NO_SENDER},
		{"", "bob@example.com", true, false, 0, CAUSE_RECIPIENT_REFUSED, REPORT_OF_REPORT},
		{"mailer-daemon@example.com", "bob@example.com", false, false, 0, CAUSE_RECIPIENT_REFUSED, REPORT_NO_SENDER},
		{"me@example.com", "Me@Example.com", false, false, 0, CAUSE_RECIPIENT_REFUSED, REPORT_SELF},
		{"me@example.com", "me@example.com", false, false, 0, CAUSE_MESSAGE_REFUSED, REPORT_SEND},
		{"me@example.com", "me@example.com", false, false, 0, CAUSE_CONNECT_TIMEOUT, REPORT_SEND},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct outcome outcome = {.verdict = VERDICT_FAILED, .cause = rows[i].cause};
		const struct report_case asked = {rows[i].from, rows[i].is_report, rows[i].is_heard, rows[i].to, rows[i].notify, &outcome};

		if (report_choose(&asked) != rows[i].want)
			fail_msg("row %zu: %s", i, report_choice_text(report_choose(&asked)));
	}
}

static void
domain_is_the_first_that_is_known(void **state)
{
	static const struct {
		const char *domain, *from, *user, *to, *want;
	} rows[] = {
		{"a.example", "x@b.example", "u@c.example", "t@d.example", "a.example"},
		{NULL, "x@b.example", "u@c.example", "t@d.example", "b.example"},
		{NULL, NULL, "u@c.example", "t@d.example", "c.example"},
		{NULL, NULL, "apikey", "t@d.example", "d.example"},
	};
	char host[REPORT_NAME_SIZE], domain[REPORT_NAME_SIZE];

	(void)state;
	report_host(host);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct config config = {.sender_domain = (char *)rows[i].domain, .sender_from = (char *)rows[i].from, .relay = {.user = (char *)rows[i].user}};

		report_domain(&config, &config.relay, rows[i].to, domain);
		assert_string_equal(domain, i >= 2 && strchr(host, '.') != NULL ? host : rows[i].want);
	}
}

/* ---- once ---- */

static struct outcome
refusal(void)
{
	struct outcome outcome;

	outcome_set(&outcome, VERDICT_FAILED, STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, "no such user");
	outcome.reply = 550;
	return outcome;
}

/* A message of so many recipients; each has the verdict of its letter: R, D, Q or W. */
static struct spool_entry *
message_with(const struct support *support, const char *letters, char id[SPOOL_ID_SIZE])
{
	struct outcome refused = refusal(), taken = support_outcome(VERDICT_DELIVERED, 250, "Ok"), later = support_outcome(VERDICT_DEFERRED, 450, "busy"), error;
	struct spool_entry *entry;

	support_message(support, strlen(letters), id);
	entry = support_claim(support, id);
	for (size_t i = 0; letters[i] != '\0'; i++)
		if (letters[i] != 'W')
			assert_int_equal(spool_entry_settle(entry, i, letters[i] == 'R' ? &refused : letters[i] == 'D' ? &taken : &later, &error), 0);
	return entry;
}

static struct report_desk
desk_of(const struct support *support)
{
	return (struct report_desk){.config = &settings, .spool = support->spool};
}

static int
settle(const struct support *support, struct spool_entry *entry)
{
	const struct report_desk desk = desk_of(support);
	struct outcome verdict, error;

	spool_entry_verdict(entry, &verdict);
	return report_settle(&desk, entry, &verdict, &error);
}

static char *
report_text(const struct support *support, const char *id)
{
	char path[256];
	char *text;
	int fd;

	support_path(support, path, "queue", id);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	text = file_slurp(fd, 1 << 20, NULL);
	(void)close(fd);
	assert_non_null(text);
	/* the head holds no NUL */
	return text;
}

static void
refused_are_reported_together_and_once(void **state)
{
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE], name[SPOOL_ID_SIZE + 8];
	struct spool_entry *entry = message_with(support, "DRQRW", id), *report;
	struct outcome error;
	char *text;

	assert_int_equal(settle(support, entry), 0);
	assert_int_equal(support_count(support, "queue"), 2);
	(void)snprintf(name, sizeof(name), "%sF1", id);
	text = report_text(support, name);
	assert_non_null(strstr(text, "\nreport failed "));
	assert_non_null(strstr(text, "Final-Recipient: rfc822; r1@example.com\r\n"));
	assert_non_null(strstr(text, "Final-Recipient: rfc822; r3@example.com\r\n"));
	assert_null(strstr(text, "Final-Recipient: rfc822; r0@example.com\r\n"));
	assert_null(strstr(text, "Final-Recipient: rfc822; r2@example.com\r\n"));
	free(text);
	assert_true(spool_entry_recipient(entry, 1)->is_told && spool_entry_recipient(entry, 3)->is_told);
	assert_int_equal(settle(support, entry), 0);
	assert_int_equal(support_count(support, "queue"), 2);
	spool_entry_free(entry);
	/* of the same user, and known for what it is */
	report = support_claim(support, name);
	assert_int_equal(spool_entry_uid(report), 1000);
	assert_string_equal(spool_entry_reverse_path(report), "");
	assert_string_equal(spool_entry_recipient(report, 0)->address, "sender@example.org");
	assert_int_equal(spool_entry_report(report)->kind, SPOOL_REPORT_FAILED);
	assert_string_equal(spool_entry_report(report)->about, id);
	assert_int_equal(spool_entry_report(report)->first, 1);
	/* it fails: nobody is told */
	assert_int_equal(spool_entry_settle(report, 0, &(struct outcome){.verdict = VERDICT_FAILED}, &error), 0);
	assert_int_equal(settle(support, report), 0);
	assert_int_equal(support_count(support, "queue"), 2);
	spool_entry_free(report);
	/* in the file as well; those refused later have a report of their own */
	entry = support_claim(support, id);
	assert_true(spool_entry_recipient(entry, 3)->is_told && !spool_entry_recipient(entry, 2)->is_told);
	error = refusal();
	assert_int_equal(spool_entry_settle(entry, 2, &error, &error), 0);
	assert_int_equal(settle(support, entry), 0);
	(void)snprintf(name, sizeof(name), "%sF2", id);
	assert_true(support_exists(support, "queue", name));
	spool_entry_free(entry);
}

static void
copy_file(const char *from, const char *to)
{
	char command[600];

	(void)snprintf(command, sizeof(command), "cat %s >%s", from, to);
	assert_int_equal(system(command), 0);
}

/* Killed between the report and the note of it: the file is as it was before the note. */
static void
crash_behind_the_report_sends_no_second(void **state)
{
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE], name[SPOOL_ID_SIZE + 8], path[256], saved[256];
	struct spool_entry *entry = message_with(support, "DR", id), *report;
	const struct report_desk desk = desk_of(support);
	struct outcome error;

	spool_entry_free(entry);
	(void)snprintf(saved, sizeof(saved), "%s/saved", support->directory);
	support_path(support, path, "queue", id);
	copy_file(path, saved);
	entry = support_claim(support, id);
	assert_int_equal(settle(support, entry), 0);
	spool_entry_free(entry);
	copy_file(saved, path);
	(void)snprintf(name, sizeof(name), "%sF1", id);
	/* not to be sent as long as the message does not know of it */
	report = support_claim(support, name);
	assert_true(report_must_wait(support->spool, report));
	spool_entry_free(report);
	/* who comes next finds it there */
	entry = support_claim(support, id);
	assert_int_equal(report_settle(&desk, entry, NULL, &error), 0);
	assert_true(spool_entry_recipient(entry, 1)->is_told);
	assert_int_equal(support_count(support, "queue"), 2);
	report = support_claim(support, name);
	assert_false(report_must_wait(support->spool, report));
	spool_entry_free(report);
	assert_int_equal(spool_entry_finish(entry, &error), 0);
	spool_entry_free(entry);
	assert_true(support_exists(support, "failed", id));
	report = support_claim(support, name);
	assert_false(report_must_wait(support->spool, report));
	spool_entry_free(report);
	assert_int_equal(support_count(support, "tmp"), 0);
}

/* A disk that is full: nothing is noted, so that it is owed still. */
static void
report_that_can_not_be_stored_stays_owed(void **state)
{
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE];
	struct spool_entry *entry = message_with(support, "R", id);
	int tmp = support->spool->tmp;

	support->spool->tmp = -1;
	/* as often as it may be, which counts for nothing */
	for (int i = 0; i < TALLY_MOST + 2; i++)
		assert_int_equal(settle(support, entry), -1);
	assert_false(spool_entry_recipient(entry, 0)->is_told);
	support->spool->tmp = tmp;
	assert_int_equal(settle(support, entry), 0);
	assert_int_equal(support_count(support, "queue"), 2);
	spool_entry_free(entry);
}

/* ---- the caller ---- */

/* A caller in a child: reads its verdict and goes, or stands still. */
static void
caller_that_has_read_it_gets_no_report(void **state)
{
	static const struct {
		bool reads, stands;
		int  reports;
	} rows[] = {{true, false, 0}, {false, false, 1}, {false, true, 1}};
	const struct support *support = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = refusal(), error;
		struct spool_entry *entry;
		char id[SPOOL_ID_SIZE];
		int before = support_count(support, "queue"), said[2];
		pid_t child;

		assert_int_equal(pipe(said), 0);
		child = fork();
		if (child == 0) {
			struct spool_draft *draft = support_draft(support, 1, SUPPORT_BODY);
			int result = spool_draft_expect(draft, &error) == 0 && spool_draft_commit(draft, false, &error) == 0 ? 0 : 1;

			(void)file_write(said[1], spool_draft_id(draft), strlen(spool_draft_id(draft)) + 1);
			if (rows[i].reads && result == 0)
				result = spool_draft_wait(draft, deadline_in(20000), &outcome) == 1 && outcome.verdict == VERDICT_FAILED ? 0 : 1;
			else if (rows[i].stands)
				(void)poll(NULL, 0, 60000);
			spool_draft_free(draft);
			_exit(result);
		}
		(void)close(said[1]);
		assert_true(file_read(said[0], id, 18) == 18);
		(void)close(said[0]);
		if (!rows[i].stands && !rows[i].reads)
			assert_int_equal(support_wait(child), 0);
		entry = support_claim(support, id);
		assert_int_equal(spool_entry_settle(entry, 0, &outcome, &error), 0);
		assert_int_equal(settle(support, entry), 0);
		assert_int_equal(support_count(support, "queue") - before - 1, rows[i].reports);
		assert_true(spool_entry_recipient(entry, 0)->is_told);
		if (rows[i].stands)
			(void)kill(child, SIGKILL);
		if (rows[i].stands || rows[i].reads)
			assert_int_equal(support_wait(child), rows[i].stands ? 256 + SIGKILL : 0);
		spool_entry_free(entry);
	}
}

/* ---- courtesy ---- */

static struct spool_entry *
message_wishing(const struct support *support, unsigned notify, char id[SPOOL_ID_SIZE])
{
	struct spool_draft *draft = NULL;
	struct envelope envelope;
	struct outcome error;

	support_envelope(&envelope, 2);
	envelope_wish(&envelope, 0, notify, NULL);
	assert_int_equal(spool_draft_new(support->spool, &draft, &error), 0);
	assert_int_equal(spool_draft_begin(draft, &envelope, 1000, "test", &error), 0);
	assert_int_equal(spool_draft_write(draft, SUPPORT_BODY, strlen(SUPPORT_BODY), &error), 0);
	assert_int_equal(spool_draft_commit(draft, false, &error), 0);
	(void)snprintf(id, SPOOL_ID_SIZE, "%s", spool_draft_id(draft));
	spool_draft_free(draft);
	envelope_free(&envelope);
	return support_claim(support, id);
}

static void
delay_is_told_once_to_who_asked(void **state)
{
	static const struct {
		unsigned notify;
		time_t   moved;
		int      reports;
	} rows[] = {{DSN_DELAY, REPORT_LATE + 10, 1}, {DSN_DELAY, REPORT_LATE - 60, 0}, {DSN_FAILURE, REPORT_LATE + 10, 0}, {0, REPORT_LATE + 10, 0}};
	const struct support *support = *state;
	struct outcome later = support_outcome(VERDICT_DEFERRED, 450, "busy"), error;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[SPOOL_ID_SIZE], name[SPOOL_ID_SIZE + 8], path[256];
		struct spool_entry *entry = message_wishing(support, rows[i].notify, id);
		int before = support_count(support, "queue");

		for (int attempt = 0; attempt < 2; attempt++) {
			moved = rows[i].moved;
			for (size_t k = 0; k < 2; k++)
				assert_int_equal(spool_entry_settle(entry, k, &later, &error), 0);
			assert_int_equal(settle(support, entry), 0);
			moved = 0;
			assert_int_equal(spool_entry_postpone(entry, 5, &later, &error), 0);
			spool_entry_free(entry);
			entry = support_claim(support, id);
			assert_int_equal(support_count(support, "queue") - before, attempt == 0 ? rows[i].reports : 0);
			/* it was sent meanwhile */
			(void)snprintf(name, sizeof(name), "%sD0", id);
			support_path(support, path, "queue", name);
			assert_int_equal(unlink(path) == 0, attempt == 0 && rows[i].reports > 0);
		}
		spool_entry_free(entry);
	}
}

static void
success_is_told_where_the_relay_does_not(void **state)
{
	static const struct {
		unsigned notify;
		bool     is_reached, has_dsn;
		int      reports;
	} rows[] = {{DSN_SUCCESS, true, false, 1}, {DSN_SUCCESS, true, true, 0}, {DSN_SUCCESS, false, false, 0}, {DSN_FAILURE, true, false, 0}, {0, true, false, 0}};
	const struct support *support = *state;
	struct outcome taken = support_outcome(VERDICT_DELIVERED, 250, "Ok"), error, verdict;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[SPOOL_ID_SIZE];
		struct spool_entry *entry = message_wishing(support, rows[i].notify, id);
		struct report_desk desk = desk_of(support);
		int before = support_count(support, "queue");

		desk.lacks_dsn[0] = rows[i].is_reached && !rows[i].has_dsn;
		for (size_t k = 0; k < 2; k++)
			assert_int_equal(spool_entry_settle(entry, k, &taken, &error), 0);
		spool_entry_verdict(entry, &verdict);
		/* what an earlier courier owed is failures alone */
		assert_int_equal(report_settle(&desk, entry, NULL, &error), 0);
		assert_int_equal(support_count(support, "queue"), before);
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(report_settle(&desk, entry, &verdict, &error), 0);
		assert_int_equal(support_count(support, "queue") - before, rows[i].reports);
		spool_entry_free(entry);
	}
}

/* ---- another sender ---- */

static void
null_sender_that_is_refused_is_known(void **state)
{
	static const struct {
		enum stage  stage;
		enum cause  cause;
		int         reply;
		const char *enhanced;
		bool        want;
	} rows[] = {
		{STAGE_MAIL, CAUSE_SENDER_REFUSED, 550, "5.7.1", true},
		{STAGE_MAIL, CAUSE_SENDER_REFUSED, 501, "", true},
		{STAGE_RCPT, CAUSE_SENDER_REFUSED, 553, "5.7.1", true},
		{STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, 554, "5.7.1", true},
		{STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, 550, "5.1.1", false},
		{STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, 550, "", false},
		{STAGE_FINAL, CAUSE_MESSAGE_REFUSED, 554, "", true},
		{STAGE_FINAL, CAUSE_TOO_BIG, 552, "5.3.4", false},
		{STAGE_MAIL, CAUSE_THROTTLED, 450, "4.7.1", false},
		{STAGE_CONNECT, CAUSE_CONNECT_REFUSED, 0, "", false},
		{STAGE_AUTH, CAUSE_AUTH_REFUSED, 535, "5.7.8", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = {.verdict = rows[i].reply >= 500 ? VERDICT_FAILED : VERDICT_DEFERRED, .stage = rows[i].stage, .cause = rows[i].cause, .reply = rows[i].reply};

		(void)snprintf(outcome.enhanced, sizeof(outcome.enhanced), "%s", rows[i].enhanced);
		if (report_is_about_sender(&outcome) != rows[i].want)
			fail_msg("row %zu", i);
	}
}

static void
other_sender_is_for_reports_alone(void **state)
{
	const struct support *support = *state;
	const struct outcome refused = {.verdict = VERDICT_FAILED, .stage = STAGE_MAIL, .cause = CAUSE_SENDER_REFUSED, .reply = 550};
	struct config config = {.sender_from = (char *)"app@example.com", .relay = {.user = (char *)"login@example.com"}};
	const struct relay second = {.user = (char *)"login@backup.example"};
	char id[SPOOL_ID_SIZE], name[SPOOL_ID_SIZE + 8];
	struct spool_entry *entry = message_with(support, "R", id), *report;

	assert_int_equal(settle(support, entry), 0);
	(void)snprintf(name, sizeof(name), "%sF0", id);
	report = support_claim(support, name);
	assert_null(report_other_sender(&config, &config.relay, entry, &refused, 1));
	assert_string_equal(report_other_sender(&config, &config.relay, report, &refused, 1), "app@example.com");
	config.sender_from = NULL;
	assert_string_equal(report_other_sender(&config, &config.relay, report, &refused, 1), "login@example.com");
	assert_string_equal(report_other_sender(&config, &second, report, &refused, 1), "login@backup.example");
	config.relay.user = (char *)"apikey";
	assert_null(report_other_sender(&config, &config.relay, report, &refused, 1));
	config.relay.user = NULL;
	assert_null(report_other_sender(&config, &config.relay, report, &refused, 1));
	spool_entry_free(report);
	spool_entry_free(entry);
}

/* ---- several relays ---- */

static struct relay other = {.name = (char *)"backup", .host = (char *)"backup.example.net", .user = (char *)"u@backup.example"};
static const struct config chained = {.lifetime = 432000000, .sender_domain = (char *)"example.com", .others = &other, .other_count = 1,
    .relay = {.host = (char *)"smtp.example.net", .fallback = (char *)"backup"}};

/* What several relays said is nobody's. */
static void
host_is_that_of_the_outcome(void **state)
{
	static const struct {
		const struct config *config;
		const char          *relay;
		enum verdict         verdict;
		size_t               lane;
		const char          *want;
	} rows[] = {
		{&settings, "", VERDICT_FAILED, 0, "smtp.example.net"},
		{&chained, "", VERDICT_FAILED, 0, NULL},
		{&chained, "", VERDICT_DEFERRED, 0, NULL},
		{&chained, "", VERDICT_DELIVERED, 0, "smtp.example.net"},
		{&chained, "", VERDICT_FAILED, 1, "smtp.example.net"},
		{&chained, "backup", VERDICT_FAILED, 0, "backup.example.net"},
		{&chained, "backup", VERDICT_DELIVERED, 1, "backup.example.net"},
		{&settings, "backup", VERDICT_FAILED, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = {.verdict = rows[i].verdict};
		const char *host;

		(void)snprintf(outcome.relay, sizeof(outcome.relay), "%s", rows[i].relay);
		host = report_relay_host(rows[i].config, rows[i].lane, &outcome);
		if ((host == NULL) != (rows[i].want == NULL) || (host != NULL && strcmp(host, rows[i].want) != 0))
			fail_msg("row %zu: %s", i, host != NULL ? host : "none");
	}
}

/* The report goes over the relay of its message, and is about those alone whom a relay without DSN took. */
static void
success_is_told_for_each_relay(void **state)
{
	static const struct {
		bool lacks_first, lacks_second;
		int  reports;
		bool about_first, about_second;
	} rows[] = {{false, false, 0, false, false}, {true, false, 1, true, false}, {false, true, 1, false, true}, {true, true, 1, true, true}};
	const struct support *support = *state;
	struct outcome taken = support_outcome(VERDICT_DELIVERED, 250, "Ok"), error, verdict;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[SPOOL_ID_SIZE], name[SPOOL_ID_SIZE + 8];
		struct spool_entry *entry = message_wishing(support, DSN_SUCCESS, id), *report;
		const struct report_desk desk = {.config = &chained, .spool = support->spool, .lacks_dsn = {rows[i].lacks_first, rows[i].lacks_second}};
		int before = support_count(support, "queue");
		char *text;

		taken.relay[0] = '\0';
		assert_int_equal(spool_entry_settle(entry, 0, &taken, &error), 0);
		(void)snprintf(taken.relay, sizeof(taken.relay), "backup");
		assert_int_equal(spool_entry_settle(entry, 1, &taken, &error), 0);
		spool_entry_verdict(entry, &verdict);
		assert_int_equal(report_settle(&desk, entry, &verdict, &error), 0);
		assert_int_equal(support_count(support, "queue") - before, rows[i].reports);
		spool_entry_free(entry);
		if (rows[i].reports == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%sS%d", id, rows[i].about_first ? 0 : 1);
		text = report_text(support, name);
		assert_int_equal(strstr(text, "smtp.example.net") != NULL, rows[i].about_first);
		assert_int_equal(strstr(text, "backup.example.net") != NULL, rows[i].about_second);
		free(text);
		report = support_claim(support, name);
		assert_string_equal(spool_entry_relay(report), "relay");
		spool_entry_free(report);
	}
}

/* ---- how many ---- */

/* Allowed, and sent. */
static bool
counted(const struct support *support, const char *address, time_t now)
{
	bool allowed = tally_allows(support->spool, address, now);

	if (allowed)
		tally_count(support->spool, address, now);
	return allowed;
}

static void
twenty_an_hour_to_one_address(void **state)
{
	const struct support *support = *state;
	const time_t now = 1764300000;

	for (int i = 0; i < TALLY_MOST; i++)
		assert_true(counted(support, "me@example.com", now + i));
	assert_false(tally_allows(support->spool, "me@example.com", now + 100));
	assert_false(tally_allows(support->spool, "ME@example.com", now + TALLY_PERIOD - 1));
	assert_true(counted(support, "you@example.com", now + 100));
	assert_true(counted(support, "me@example.com", now + TALLY_PERIOD));
	/* a clock that was set back */
	assert_true(counted(support, "me@example.com", now - 86400));
}

/* More addresses than there are places, and a file that is none of ours. */
static void
tally_is_bounded_and_forgives(void **state)
{
	const struct support *support = *state;
	char path[256], address[64];
	struct stat status;
	int fd;

	for (int i = 0; i < 1200; i++) {
		(void)snprintf(address, sizeof(address), "u%d@example.com", i);
		assert_true(counted(support, address, 1764300000 + i));
	}
	support_path(support, path, "reports", "");
	path[strlen(path) - 1] = '\0';
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size <= 512 * 48);
	fd = open(path, O_WRONLY | O_TRUNC);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(file_write(fd, "\xff garbage\n", 10), 0);
	(void)close(fd);
	for (int i = 0; i < TALLY_MOST; i++)
		assert_true(counted(support, "me@example.com", 1764300000));
	assert_false(tally_allows(support->spool, "me@example.com", 1764300000));
}

static void
reports_beyond_the_tally_are_not_sent(void **state)
{
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE];
	struct spool_entry *entry;

	for (int i = 0; i < TALLY_MOST; i++)
		assert_true(counted(support, "sender@example.org", time(NULL)));
	entry = message_with(support, "R", id);
	assert_int_equal(settle(support, entry), 0);
	assert_int_equal(support_count(support, "queue"), 1);
	assert_true(spool_entry_recipient(entry, 0)->is_told);
	spool_entry_free(entry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices_are_these),
		cmocka_unit_test(domain_is_the_first_that_is_known),
		SUPPORT_TEST(refused_are_reported_together_and_once),
		SUPPORT_TEST(crash_behind_the_report_sends_no_second),
		SUPPORT_TEST(report_that_can_not_be_stored_stays_owed),
		SUPPORT_TEST(caller_that_has_read_it_gets_no_report),
		SUPPORT_TEST(delay_is_told_once_to_who_asked),
		SUPPORT_TEST(success_is_told_where_the_relay_does_not),
		cmocka_unit_test(null_sender_that_is_refused_is_known),
		SUPPORT_TEST(other_sender_is_for_reports_alone),
		cmocka_unit_test(host_is_that_of_the_outcome),
		SUPPORT_TEST(success_is_told_for_each_relay),
		SUPPORT_TEST(twenty_an_hour_to_one_address),
		SUPPORT_TEST(tally_is_bounded_and_forgives),
		SUPPORT_TEST(reports_beyond_the_tally_are_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
