/*
 * splice against scripted relays: every row is played in each way of sending (one flight, pipelined, chunked, lock step), small and
 * large, to one recipient and to three. What must hold for all of them is checked in one place, so a row says only what the relay
 * does and what that means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>

#include "fake_channel.h"
#include "scripted_relay.h"
#include "wire/splice.h"

#define SMALL 2048
#define LARGE (3UL << 20)

static struct nursery *nursery;
static pid_t nursery_pid;

enum when {	/* where the relay's misdeed comes: what can be certain afterwards */
	ENVELOPE,	/* at MAIL or RCPT: in one flight the message is already out */
	BODY,		/* before the last octet in every way of sending */
	FINAL		/* after the last octet */
};

struct row {
	const char *name;
	struct relay_script script;
	enum when   when;
	enum verdict verdict[RELAY_RECIPIENTS];	/* when certain */
	bool certain;		/* however it is sent */
	bool data_only, bdat_only, large_only;
	bool reusable;
	enum cause cause;	/* of the last recipient, when certain; NONE: not looked at */
};

#define OK3 {"250 2.1.5 ok", "250 2.1.5 ok", "250 2.1.5 ok"}
#define ALL(v) {v, v, v}
#define D VERDICT_DELIVERED
#define L VERDICT_DEFERRED
#define F VERDICT_FAILED
#define GO "354 go on"
#define OK "250 ok"
#define QUEUED "250 2.0.0 queued as 1"

static const struct row rows[] = {
	{"happy", {OK, OK3, GO, OK, QUEUED, OK}, FINAL, ALL(D), true, false, false, false, true, 0},
	{"mail-refused-for-now", {"452 4.2.1 full", OK3, GO, OK, QUEUED, OK}, ENVELOPE, ALL(L), true, false, false, false, false, 0},
	{"mail-refused-sequence", {"550 5.7.1 not you", {"503 no", "503 no", "503 no"}, "503 no", "503 no", "503 no", OK},
	    ENVELOPE, ALL(F), true, false, false, false, true, CAUSE_SENDER_REFUSED},
	{"mail-refused-then-closed", {"550 5.7.1 not you", {"x", "x", "x"}, "x", "x", "x", "x"},
	    ENVELOPE, ALL(F), true, false, false, false, false, CAUSE_SENDER_REFUSED},
	{"first-refused", {OK, {"550 5.1.1 nobody", OK, OK}, GO, OK, QUEUED, OK}, FINAL, {F, D, D}, true, false, false, false,
	    true, 0},
	{"second-refused-for-now", {OK, {OK, "450 4.2.1 later", OK}, GO, OK, QUEUED, OK}, FINAL, {D, L, D}, true, false, false,
	    false, true, 0},
	{"all-refused-503", {OK, {"550 no", "550 no", "550 no"}, "503 no valid recipients", "503 no", "503 no", OK}, ENVELOPE,
	    ALL(F), true, false, false, false, true, CAUSE_RECIPIENT_REFUSED},
	{"all-refused-354", {OK, {"550 no", "550 no", "550 no"}, GO, "554 no", "554 no recipients", OK}, ENVELOPE,
	    ALL(F), true, false, false, false, true, CAUSE_RECIPIENT_REFUSED},
	{"all-refused-then-closed", {OK, {"550 no", "550 no", "550 no"}, "x", "x", "x", "x"}, ENVELOPE,
	    ALL(F), true, false, false, false, false, CAUSE_RECIPIENT_REFUSED},
	{"data-refused", {OK, OK3, "554 5.7.1 no", OK, QUEUED, OK}, BODY, ALL(F), true, true, false, false, true, 0},
	{"data-250", {OK, OK3, OK, OK, QUEUED, OK}, BODY, ALL(L), true, true, false, false, true, CAUSE_PROTOCOL},
	{"final-451", {OK, OK3, GO, OK, "451 4.3.0 try later", OK}, FINAL, ALL(L), true, false, false, false, true, 0},
	{"final-554", {OK, OK3, GO, OK, "554 5.6.0 no", OK}, FINAL, ALL(F), true, false, false, false, true,
	    CAUSE_MESSAGE_REFUSED},
	{"final-421", {OK, OK3, GO, OK, "421 4.3.2 closing", OK}, FINAL, ALL(L), true, false, false, false, false,
	    CAUSE_UNAVAILABLE},
	{"bdat-502", {OK, OK3, GO, "502 no such command", "502 no such command", OK}, FINAL, ALL(L), true, false, true, false,
	    false, CAUSE_PROTOCOL},
	{"chunk-452", {OK, OK3, GO, "452 4.3.1 disk full", "503 no", OK}, BODY, ALL(L), true, false, true, true, false, 0},
	{"closed-at-mail", {"x", OK3, GO, OK, QUEUED, OK}, ENVELOPE, ALL(L), false, false, false, false, false, CAUSE_CLOSED},
	{"closed-at-rcpt", {OK, {"x", OK, OK}, GO, OK, QUEUED, OK}, ENVELOPE, ALL(L), false, false, false, false, false,
	    CAUSE_CLOSED},
	{"closed-at-data", {OK, OK3, "x", OK, QUEUED, OK}, BODY, ALL(L), false, true, false, false, false, CAUSE_CLOSED},
	{"closed-at-chunk", {OK, OK3, GO, "x", QUEUED, OK}, BODY, ALL(L), false, false, true, true, false, CAUSE_CLOSED},
	{"closed-after-all", {OK, OK3, GO, OK, "x", OK}, FINAL, ALL(L), false, false, false, false, false, 0},
	{"silent-at-mail", {"-", OK3, GO, OK, QUEUED, OK}, ENVELOPE, ALL(L), false, false, false, false, false, 0},
	{"silent-at-data", {OK, OK3, "-", OK, QUEUED, OK}, BODY, ALL(L), false, true, false, false, false, CAUSE_SILENCE},
	{"silent-after-all", {OK, OK3, GO, OK, "-", OK}, FINAL, ALL(L), false, false, false, false, false, 0},
	{"drip-at-mail", {"~250 a long and slow answer", OK3, GO, OK, QUEUED, OK}, ENVELOPE, ALL(L), false, false, false, false,
	    false, CAUSE_SILENCE},
	{"garbage-at-mail", {"=\1\2\3 hello\r\n", OK3, GO, OK, QUEUED, OK}, ENVELOPE, ALL(L), false, false, false, false, false,
	    CAUSE_PROTOCOL},
	{"garbage-then-refused", {"=oops\r\n", {"503 no", "503 no", "503 no"}, "503 no", "503 no", "503 no", OK}, ENVELOPE, ALL(L),
	    true, false, false, false, false, CAUSE_PROTOCOL},
	{"garbage-at-data", {OK, OK3, "=ready\r\n", OK, QUEUED, OK}, BODY, ALL(L), false, true, false, false, false,
	    CAUSE_PROTOCOL},
	{"garbage-after-all", {OK, OK3, GO, OK, "=thanks\r\n", OK}, FINAL, ALL(L), false, false, false, false, false, 0},
	{"endless-at-mail", {"*250-more", OK3, GO, OK, QUEUED, OK}, ENVELOPE, ALL(L), false, false, false, false, false,
	    CAUSE_PROTOCOL},
	{"endless-after-all", {OK, OK3, GO, OK, "*250-more", OK}, FINAL, ALL(L), false, false, false, false, false, 0},
	{"flood-after-all", {OK, OK3, GO, OK, "*250 ok", OK}, FINAL, ALL(D), true, false, false, false, false, 0},
	{"torrent-after-all", {OK, OK3, GO, OK, "#250 ok", OK}, FINAL, ALL(D), true, false, false, false, false, 0},
	{"421-at-mail", {"421 4.3.2 closing", {"x", "x", "x"}, GO, OK, QUEUED, OK}, ENVELOPE, ALL(L), true, false, false, false,
	    false, CAUSE_UNAVAILABLE},
	{"421-at-rcpt", {OK, {"421 4.3.2 closing", "x", "x"}, "x", "x", "x", OK}, ENVELOPE, ALL(L), true, false, false, false,
	    false, CAUSE_UNAVAILABLE},
	{"421-at-data", {OK, OK3, "421 4.3.2 closing", OK, QUEUED, OK}, BODY, ALL(L), true, true, false, false,
	    false, CAUSE_UNAVAILABLE},
	{"word-in-the-body", {OK, OK3, "=354 go on\r\n552 5.3.4 too big\r\n", OK, QUEUED, OK}, BODY, ALL(F), true, true, false,
	    false, false, CAUSE_TOO_BIG},
	{"double-at-mail", {"=250 ok\r\n250 ok\r\n", OK3, GO, OK, "554 5.6.0 no", OK}, BODY, ALL(L), true, false, false, false,
	    false, CAUSE_PROTOCOL},
	{"double-final", {OK, OK3, GO, OK, "=250 ok\r\n250 ok\r\n", OK}, FINAL, ALL(D), true, false, false, false, false, 0},
	{"good-then-bad-final", {OK, OK3, GO, OK, "=250 ok\r\n554 no\r\n", OK}, FINAL, ALL(L), false, false, false, false,
	    false, 0},
	{"reset-silent", {OK, OK3, "554 no", OK, "554 no", "-"}, BODY, ALL(F), true, true, false, false, false, 0},
};

struct mode {
	const char *name;
	bool chunking, pipelining;
};

static const struct mode modes[] = {
	{"chunking+pipelining", true, true},
	{"pipelining", false, true},
	{"chunking", true, false},
	{"neither", false, false},
};

static const char *const recipients[] = {"one@example.com", "two@example.com", "three@example.com"};
static const struct config_timeouts timeouts = {.command = 700, .data = 5000, .final = 700};

/* ---- messages ---- */

static size_t
message_line(char *line, size_t room, size_t number)
{
	switch (number % 7) {
	case 0:
		return (size_t)snprintf(line, room, "line %zu of the message\r\n", number);
	case 1:
		return (size_t)snprintf(line, room, ".\r\n");
	case 2:
		return (size_t)snprintf(line, room, "..two dots, %zu\r\n", number);
	case 3:
		return (size_t)snprintf(line, room, "gr\xc3\xbc\xc3\x9f" "e \xff\r\n");
	case 4:
		return (size_t)snprintf(line, room, "\r\n");
	case 5:
		return (size_t)snprintf(line, room, "%0998d\r\n", (int)number);
	default:
		return (size_t)snprintf(line, room, ".dot %zu\r\n", number);
	}
}

static char *
message_make(size_t want, size_t *length)
{
	static const char head[] = "From: a@example.com\r\nTo: b@example.com\r\nSubject: test\r\n folded\r\n"
	    "Date: Tue, 24 Nov 2026 04:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n";
	char *text = malloc(want + 2048);
	size_t n = sizeof(head) - 1;

	memcpy(text, head, n);
	for (size_t i = 0; n < want; i++)
		n += message_line(text + n, 1100, i);
	*length = n;
	return text;
}

static int
message_file(const char *text, size_t length, off_t offset)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, text, length, offset) != (ssize_t)length)
		abort();
	return fd;
}

/* ---- one run ---- */

struct run {
	char  *text;
	struct transaction transaction;
	struct relay_process relay;
	struct channel channel;
	struct outcome outcomes[RELAY_RECIPIENTS];
	struct splice_report report;
};

static void
run_begin(struct run *run, const struct mode *mode, const struct relay_script *script, size_t size, size_t count)
{
	size_t length;

	memset(run, 0, sizeof(*run));
	run->text = message_make(size, &length);
	run->transaction = (struct transaction){
		.reverse_path = "sender@example.com", .recipients = recipients, .recipient_count = count,
		.message_offset = 77, .message_length = length, .eight_bit = true,
	};
	run->transaction.message_fd = message_file(run->text, length, 77);
	relay_start(&run->relay, script, nursery_pid);
	run->channel.fd = run->relay.fd;
	run->channel.capabilities = (struct capabilities){.chunking = mode->chunking, .pipelining = mode->pipelining,
	    .eight_bit_mime = true, .size = true, .enhanced_status_codes = true};
}

static void
run_go(struct run *run)
{
	splice_run(&run->channel, nursery, &run->transaction, &timeouts, true, deadline_in(20000), run->outcomes, &run->report);
	splice_finish(nursery, &run->transaction, run->outcomes, &run->report);
}

static void
run_end(struct run *run)
{
	relay_stop(&run->relay);
	(void)close(run->transaction.message_fd);
	free(run->text);
}

#define CHECK(what)                                                                                             \
	do {                                                                                                    \
		if (!(what))                                                                                    \
			fail_msg("%s, %s, %zu octets, %zu recipients: %s (%s: %s)", row->name, mode->name, size, count, #what, \
			    cause_name(run.outcomes[count - 1].cause), run.outcomes[count - 1].text);               \
	} while (0)

static void
run_row(const struct row *row, const struct mode *mode, size_t size, size_t count)
{
	bool one_flight = mode->chunking && mode->pipelining && size == SMALL;
	bool out = row->when == FINAL || (row->when == ENVELOPE && one_flight);
	bool uncertain = out && !row->certain;
	struct run run;

	run_begin(&run, mode, &row->script, size, count);
	run_go(&run);
	for (size_t i = 0; i < count; i++) {
		CHECK(run.outcomes[i].verdict == (uncertain ? VERDICT_DEFERRED : row->verdict[i]));
		CHECK(run.outcomes[i].uncertain == uncertain);
		CHECK(run.outcomes[i].text[0] != '\0');
		if (run.outcomes[i].verdict == D) {
			CHECK(run.relay.record->messages == 1);
			CHECK(run.relay.record->body_length == run.transaction.message_length);
			CHECK(memcmp(run.relay.record->body, run.text, run.transaction.message_length) == 0);
			CHECK(run.outcomes[i].reply == 250);
		}
	}
	if (!uncertain && row->cause != CAUSE_NONE)
		CHECK(run.outcomes[count - 1].cause == row->cause);
	if (row->reusable)
		CHECK(run.report.reusable);
	if (!row->certain)
		CHECK(!run.report.reusable);
	/* what a connection says in parting must not become the end of a message */
	CHECK(run.report.reusable == (send(run.channel.fd, "QUIT\r\n", 6, MSG_NOSIGNAL) == 6));
	CHECK(!run.report.differs);
	CHECK(run.report.no_chunking == (strcmp(row->name, "bdat-502") == 0));
	run_end(&run);
}

static void
every_row_in_every_way(void **state)
{
	const char *only = getenv("ROW");

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		for (size_t k = 0; k < 16; k++) {
			const struct mode *mode = &modes[k / 4];
			bool large = (k & 1) != 0;

			if ((rows[r].data_only && mode->chunking) || (rows[r].bdat_only && !mode->chunking) ||
			    (rows[r].large_only && !large))
				continue;
			if (only != NULL && strcmp(only, rows[r].name) != 0)
				continue;
			/* with a single recipient a refused first one leaves nothing to send */
			if ((k & 2) == 0 && strcmp(rows[r].name, "first-refused") == 0)
				continue;
			/* replies to a pipelined envelope may come at any time: one too many is found only in lock step */
			if (mode->chunking && mode->pipelining && strcmp(rows[r].name, "double-at-mail") == 0)
				continue;
			run_row(&rows[r], mode, large ? LARGE : SMALL, (k & 2) != 0 ? 3 : 1);
		}
	}
}

/* ---- round trips, and what the relay is told ---- */

static const struct relay_script happy = {OK, OK3, GO, OK, QUEUED, OK};

static void
a_small_message_is_one_flight(void **state)
{
	static const int want[] = {1, 2, 6, 6};
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		run_begin(&run, &modes[i], &happy, SMALL, 3);
		run_go(&run);
		assert_int_equal(run.outcomes[2].verdict, D);
		assert_int_equal(run.report.flights, modes[i].chunking && !modes[i].pipelining ? 5 : want[i]);
		run_end(&run);
	}
}

static void
the_relay_is_told_the_envelope(void **state)
{
	struct run run;
	char want[1024];

	(void)state;
	run_begin(&run, &modes[0], &happy, SMALL, 3);
	run.transaction.reverse_path = "";
	run_go(&run);
	(void)snprintf(want, sizeof(want), "MAIL FROM:<> SIZE=%zu BODY=8BITMIME\r\nRCPT TO:<one@example.com>\r\n"
	    "RCPT TO:<two@example.com>\r\nRCPT TO:<three@example.com>\r\nBDAT %zu LAST\r\n",
	    (size_t)run.transaction.message_length, (size_t)run.transaction.message_length);
	assert_string_equal(run.relay.record->commands, want);
	assert_string_equal(run.report.final_text, "250 2.0.0 queued as 1");
	assert_false(run.report.differs);
	run_end(&run);
}

static void
eight_bit_is_not_declared_where_the_relay_lacks_it(void **state)
{
	struct run run;

	(void)state;
	run_begin(&run, &modes[0], &happy, SMALL, 1);
	run.channel.capabilities.eight_bit_mime = run.channel.capabilities.size = false;
	run_go(&run);
	assert_int_equal(run.outcomes[0].verdict, D);
	assert_non_null(strstr(run.relay.record->commands, "MAIL FROM:<sender@example.com>\r\n"));
	run_end(&run);
}

static void
smtputf8_is_declared_where_it_is_needed_and_there(void **state)
{
	static const char *const addresses[] = {"j\303\266rg@example.com", "bob@example.com"};
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		for (int needed = 0; needed < 2; needed++) {
			run_begin(&run, &modes[i], &happy, SMALL, 2);
			run.channel.capabilities.smtputf8 = true;
			run.transaction.smtputf8 = needed;
			if (needed)
				run.transaction.recipients = addresses;
			run_go(&run);
			assert_int_equal(run.outcomes[0].verdict, D);
			assert_int_equal(strstr(run.relay.record->commands, " BODY=8BITMIME SMTPUTF8\r\n") != NULL, needed);
			assert_int_equal(strstr(run.relay.record->commands, "RCPT TO:<j\303\266rg@example.com>\r\n") != NULL, needed);
			assert_false(run.report.differs);
			run_end(&run);
		}
	}
	/* wanted for a header's sake alone: the message goes without */
	run_begin(&run, &modes[0], &happy, SMALL, 1);
	run.transaction.smtputf8 = true;
	run_go(&run);
	assert_int_equal(run.outcomes[0].verdict, D);
	assert_null(strstr(run.relay.record->commands, "SMTPUTF8"));
	run_end(&run);
}

static void
an_address_that_the_relay_can_not_be_told(void **state)
{
	static const char *const addresses[] = {"bob@example.com", "j\303\266rg@example.com"};
	struct run run;

	(void)state;
	for (int as_sender = 0; as_sender < 2; as_sender++) {
		run_begin(&run, &modes[0], &happy, SMALL, 2);
		run.transaction.smtputf8 = true;
		if (as_sender)
			run.transaction.reverse_path = addresses[1];
		else
			run.transaction.recipients = addresses;
		run_go(&run);
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(run.outcomes[i].verdict, F);
			assert_int_equal(run.outcomes[i].cause, CAUSE_NO_SMTPUTF8);
			assert_non_null(strstr(run.outcomes[i].text, "which j\303\266rg@example.com needs"));
		}
		assert_true(run.report.reusable);
		assert_string_equal(run.relay.record->commands, "");
		run_end(&run);
	}
}

static void
a_message_over_the_limit_is_not_sent(void **state)
{
	struct run run;

	(void)state;
	run_begin(&run, &modes[0], &happy, SMALL, 3);
	run.channel.capabilities.size_limit = run.transaction.message_length - 1;
	run_go(&run);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(run.outcomes[i].verdict, F);
		assert_int_equal(run.outcomes[i].cause, CAUSE_TOO_BIG);
		assert_int_equal(run.outcomes[i].stage, STAGE_MAIL);
	}
	assert_true(run.report.reusable);
	assert_string_equal(run.relay.record->commands, "");
	run_end(&run);
}

static void
several_messages_use_one_connection(void **state)
{
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		run_begin(&run, &modes[i], &happy, SMALL, 3);
		for (int k = 1; k <= 5; k++) {
			run.relay.record->body_length = 0;
			run_go(&run);
			assert_int_equal(run.outcomes[2].verdict, D);
			assert_true(run.report.reusable);
			assert_int_equal(run.relay.record->messages, k);
		}
		run_end(&run);
	}
}

static void
a_refused_transaction_is_reset_before_the_next(void **state)
{
	static const struct relay_script refusals[] = {
		{OK, OK3, GO, OK, "554 no", OK},
		{OK, {"550 no", "550 no", "550 no"}, "503 no", "503 no", "503 no", OK},
	};
	struct run run;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		const struct mode *mode = &modes[i / 2];

		run_begin(&run, mode, &refusals[i & 1], SMALL, 2);
		run_go(&run);
		assert_int_equal(run.outcomes[1].verdict, F);
		assert_true(run.report.reusable);
		/* a refused dot ends the transaction by itself (RFC 5321 section 4.1.1.4), a refused BDAT does not */
		assert_int_equal(run.relay.record->resets, (i & 1) != 0 || mode->chunking ? 1 : 0);
		run_end(&run);
	}
}

static void
large_messages_are_cut_into_large_chunks(void **state)
{
	struct run run;

	(void)state;
	run_begin(&run, &modes[0], &happy, LARGE, 1);
	run_go(&run);
	assert_int_equal(run.outcomes[0].verdict, D);
	assert_int_equal(run.relay.record->chunks, 3);
	assert_null(strstr(run.relay.record->commands, "BDAT 0"));
	run_end(&run);
}

/* ---- what is certain when everything is out ---- */

/* Some relays refuse one recipient with 421 and go on: what they say to the others counts. */
static void
a_421_to_one_recipient_is_not_the_end_of_a_flight(void **state)
{
	static const struct relay_script goes_on = {OK, {"421 4.7.0 slow down", OK, OK}, GO, OK, QUEUED, OK},
	    closes = {OK, {"421 4.7.0 slow down", OK, OK}, GO, OK, "x", OK};
	struct run run;

	(void)state;
	run_begin(&run, &modes[0], &goes_on, SMALL, 3);
	run_go(&run);
	assert_int_equal(run.outcomes[0].verdict, L);
	assert_int_equal(run.outcomes[0].reply, 421);
	assert_int_equal(run.outcomes[1].verdict, D);
	assert_int_equal(run.outcomes[2].verdict, D);
	assert_false(run.report.reusable);
	assert_false(run.report.differs);
	run_end(&run);
	run_begin(&run, &modes[0], &closes, SMALL, 3);
	run_go(&run);
	assert_int_equal(run.outcomes[0].verdict, L);
	assert_false(run.outcomes[0].uncertain);
	assert_true(run.outcomes[1].uncertain);
	assert_true(run.outcomes[2].uncertain);
	run_end(&run);
}

/* Each time it were given up too early, the relay would make one more copy. */
static void
a_slow_answer_in_a_flight_is_waited_for(void **state)
{
	static const struct relay_script slow = {OK, {"~250 a long and slow answer", OK, OK}, GO, OK, QUEUED, OK};
	struct config_timeouts unequal = timeouts;
	struct run run;

	(void)state;
	unequal.final = 10000;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		run_begin(&run, &modes[i], &slow, SMALL, 3);
		splice_run(&run.channel, nursery, &run.transaction, &unequal, true, deadline_in(20000), run.outcomes,
		    &run.report);
		splice_finish(nursery, &run.transaction, run.outcomes, &run.report);
		assert_int_equal(run.outcomes[2].verdict, i == 0 ? D : L);
		assert_false(run.outcomes[2].uncertain);
		assert_int_equal(run.relay.record->messages, i == 0 ? 1 : 0);
		run_end(&run);
	}
}

/* With nobody left to whom it matters, the reply to the message is not worth the wait. */
static void
a_silent_relay_that_refused_everybody_does_not_hold_us(void **state)
{
	static const struct relay_script refused = {OK, {"550 no", "550 no", "550 no"}, "-", "-", "-", "-"};
	struct config_timeouts unequal = timeouts;
	struct run run;
	int64_t began = deadline_clock();

	(void)state;
	unequal.final = 15000;
	run_begin(&run, &modes[0], &refused, SMALL, 3);
	splice_run(&run.channel, nursery, &run.transaction, &unequal, true, deadline_in(20000), run.outcomes, &run.report);
	splice_finish(nursery, &run.transaction, run.outcomes, &run.report);
	assert_int_equal(run.outcomes[2].verdict, F);
	assert_true(deadline_clock() - began < 10000);
	run_end(&run);
}

/* ---- the dialogue misbehaves ---- */

struct fault {
	const char *name;
	struct relay_script script;
	size_t size;
	bool delivered;
};

static void
a_dialogue_that_dies_or_hangs_is_one_failed_attempt(void **state)
{
	static const struct fault faults[] = {
		{"killed-at-mail", {"!11 250 ok", OK3, GO, OK, QUEUED, OK}, SMALL, false},
		{"killed-at-rcpt", {OK, {OK, OK, "!11 250 ok"}, GO, OK, QUEUED, OK}, SMALL, false},
		{"killed-at-data", {OK, OK3, "!9 354 go on", OK, QUEUED, OK}, LARGE, false},
		{"hangs-at-data", {OK, OK3, "!19 354 go on", OK, QUEUED, OK}, LARGE, false},
		{"killed-after-all", {OK, OK3, GO, OK, "!11 250 ok", OK}, SMALL, true},
		{"hangs-after-all", {OK, OK3, GO, OK, "!19 250 ok", OK}, LARGE, true},
	};
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct config_timeouts quick = timeouts;

		quick.data = 400;
		run_begin(&run, &modes[3], &faults[i].script, faults[i].size, 3);
		splice_run(&run.channel, nursery, &run.transaction, &quick, true, deadline_in(20000), run.outcomes, &run.report);
		splice_finish(nursery, &run.transaction, run.outcomes, &run.report);
		for (size_t k = 0; k < 3; k++) {
			if (run.outcomes[k].verdict != (faults[i].delivered ? D : L) || run.outcomes[k].uncertain)
				fail_msg("%s: %s %s", faults[i].name, verdict_name(run.outcomes[k].verdict), run.outcomes[k].text);
			if (!faults[i].delivered)
				assert_int_equal(run.outcomes[k].cause, CAUSE_LOCAL);
		}
		assert_int_equal(run.report.differs, faults[i].delivered);
		assert_int_equal(run.relay.record->messages, faults[i].delivered ? 1 : 0);
		run_end(&run);
	}
}

/* libESMTP reads one file, the splice compares with another: as if it had changed the message. */
static void
a_changed_message_never_gets_its_end(void **state)
{
	struct run run;
	size_t length;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		const struct mode *mode = &modes[i / 2];
		char *other;

		run_begin(&run, mode, &happy, (i & 1) != 0 ? LARGE : SMALL, 1);
		other = message_make((i & 1) != 0 ? LARGE : SMALL, &length);
		/* a second To: is a header that libESMTP drops */
		memcpy(strstr(other, "Subject: test"), "To: c@ex.com\r", 13);
		memcpy(strstr(other, "To: c@ex.com\r"), "To: c@ex.comx", 13);
		assert_int_equal(pwrite(run.transaction.message_fd, other, length, 77), length);
		run_go(&run);
		assert_int_equal(run.outcomes[0].verdict, L);
		assert_int_equal(run.outcomes[0].cause, CAUSE_LOCAL);
		assert_false(run.outcomes[0].uncertain);
		assert_false(run.report.reusable && run.relay.record->chunks + run.relay.record->messages > 0);
		assert_int_equal(run.relay.record->messages, 0);
		free(other);
		run_end(&run);
	}
}

static void
without_a_nursery_the_mail_is_deferred(void **state)
{
	struct outcome outcome;
	struct nursery *kept = nursery;
	pid_t before = nursery_pid;
	struct run run;

	(void)state;
	/* the other one is the older child: it is found first, so look for the new one by what was there before */
	nursery = nursery_start(&outcome);
	assert_non_null(nursery);
	nursery_stop(nursery);
	nursery = kept;
	assert_int_equal(kill(nursery_pid, SIGKILL), 0);
	(void)usleep(100000);
	run_begin(&run, &modes[0], &happy, SMALL, 2);
	run_go(&run);
	assert_int_equal(run.outcomes[1].verdict, L);
	assert_int_equal(run.outcomes[1].cause, CAUSE_LOCAL);
	assert_true(run.report.reusable);
	run_end(&run);
	nursery_stop(nursery);
	nursery = nursery_start(&outcome);
	assert_non_null(nursery);
	nursery_pid = child_of(getpid());
	assert_int_not_equal(nursery_pid, before);
}

static int
begin(void **state)
{
	struct outcome outcome;

	(void)state;
	(void)alarm(550);
	nursery = nursery_start(&outcome);
	nursery_pid = child_of(getpid());
	return nursery != NULL && nursery_pid > 0 ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	nursery_stop(nursery);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_message_is_one_flight),
		cmocka_unit_test(the_relay_is_told_the_envelope),
		cmocka_unit_test(eight_bit_is_not_declared_where_the_relay_lacks_it),
		cmocka_unit_test(smtputf8_is_declared_where_it_is_needed_and_there),
		cmocka_unit_test(an_address_that_the_relay_can_not_be_told),
		cmocka_unit_test(a_message_over_the_limit_is_not_sent),
		cmocka_unit_test(several_messages_use_one_connection),
		cmocka_unit_test(a_refused_transaction_is_reset_before_the_next),
		cmocka_unit_test(large_messages_are_cut_into_large_chunks),
		cmocka_unit_test(a_421_to_one_recipient_is_not_the_end_of_a_flight),
		cmocka_unit_test(a_slow_answer_in_a_flight_is_waited_for),
		cmocka_unit_test(a_silent_relay_that_refused_everybody_does_not_hold_us),
		cmocka_unit_test(a_dialogue_that_dies_or_hangs_is_one_failed_attempt),
		cmocka_unit_test(a_changed_message_never_gets_its_end),
		cmocka_unit_test(every_row_in_every_way),
		cmocka_unit_test(without_a_nursery_the_mail_is_deferred),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
