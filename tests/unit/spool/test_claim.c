/*
 * Who gets a message, and what is never sent: damaged files, links, names that changed hands.
 */
#include "support.h"

#include "spool/claim.c"

/* The file of a message, to be changed and written back. */
static char *
take_file(const struct support *support, const char *id, size_t *length)
{
	char path[256];
	int fd;
	char *text;

	support_path(support, path, "queue", id);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	text = file_slurp(fd, 1 << 20, length);
	assert_non_null(text);
	(void)close(fd);
	return text;
}

static void
put_file(const struct support *support, const char *id, const char *text, size_t length)
{
	char path[256];
	int fd;

	support_path(support, path, "queue", id);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(file_write(fd, text, length), 0);
	(void)close(fd);
}

static void
assert_moved_aside(const struct support *support, const char *id)
{
	struct spool_entry *entry = NULL;
	struct outcome outcome;

	assert_int_equal(spool_claim(support->spool, id, &entry, &outcome), SPOOL_DAMAGED);
	assert_non_null(strstr(outcome.text, "damaged"));
	assert_false(support_exists(support, "queue", id));
	assert_true(support_exists(support, "damaged", id));
	assert_int_equal(spool_claim(support->spool, id, &entry, &outcome), SPOOL_GONE);
}

static void
shortened_files_are_moved_aside(void **state)
{
	const struct support *support = *state;
	const size_t envelope = FORMAT_ENVELOPE_OFFSET + 300;
	size_t length;
	char id[SPOOL_ID_SIZE];

	support_message(support, 1, id);
	char *text = take_file(support, id, &length);
	const size_t rows[] = {0, 1, 20, 511, 512, 600, 1023, 1024, 1030, envelope, length - 1};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];

		put_file(support, id, text, rows[i]);
		assert_moved_aside(support, id);
		support_path(support, path, "damaged", id);
		assert_int_equal(unlink(path), 0);
	}
	text[length] = 'x';	/* the NUL behind it: one octet too many */
	put_file(support, id, text, length + 1);
	assert_moved_aside(support, id);
	free(text);
}

/* Every octet that never changes, each with one bit flipped; of a recipient's field the state. */
static void
flipped_bits_are_moved_aside(void **state)
{
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE], path[256];
	size_t length, tried = 0;

	support_message(support, 2, id);
	char *text = take_file(support, id, &length);

	support_path(support, path, "damaged", id);
	for (size_t i = 0; i < length; i++) {
		struct spool_entry *entry = NULL;
		struct outcome outcome;
		const char *line = memrchr(text, '\n', i);
		size_t column = line != NULL ? i - (size_t)(line - text) - 1 : i;
		bool is_slot = i >= FORMAT_HEAD_SIZE && i < FORMAT_ENVELOPE_OFFSET;
		bool is_field = line != NULL && i > FORMAT_ENVELOPE_OFFSET && memcmp(line, "\nto ", 4) == 0 && column > 3 &&
		    column < 3 + FORMAT_FIELD_SIZE;

		if (is_slot || is_field)
			continue;
		text[i] ^= 1;
		put_file(support, id, text, length);
		text[i] ^= 1;
		assert_int_equal(spool_claim(support->spool, id, &entry, &outcome), SPOOL_DAMAGED);
		assert_int_equal(unlink(path), 0);
		tried++;
	}
	assert_true(tried > 600);
	free(text);
}

static void
zero_filled_blocks_are_moved_aside(void **state)
{
	const struct support *support = *state;
	const struct {
		size_t from, to;
	} rows[] = {{0, 1300}, {0, 512}, {1024, 1100}, {1024, 1024 + 300}, {1400, 1410}};
	char id[SPOOL_ID_SIZE], path[256];
	size_t length;

	support_message(support, 1, id);
	char *text = take_file(support, id, &length);

	support_path(support, path, "damaged", id);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *copy = memory_copy(text, length);
		size_t to = rows[i].to < length ? rows[i].to : length;
		size_t from = rows[i].from < to ? rows[i].from : to - 1;

		memset(copy + from, 0, to - from);
		put_file(support, id, copy, length);
		assert_moved_aside(support, id);
		assert_int_equal(unlink(path), 0);
		free(copy);
	}
	free(text);
}

static void
copies_under_another_name_are_not_sent(void **state)
{
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE];
	size_t length;

	support_message(support, 1, id);
	char *text = take_file(support, id, &length);

	put_file(support, "0COPY", text, length);
	assert_moved_aside(support, "0COPY");
	put_file(support, "0COPY", text, length);	/* damaged/0COPY is there already */
	struct spool_entry *entry;
	struct outcome outcome;

	assert_int_equal(spool_claim(support->spool, "0COPY", &entry, &outcome), SPOOL_DAMAGED);
	assert_true(support_exists(support, "damaged", "0COPY.1"));
	spool_entry_free(support_claim(support, id));
	free(text);
}

static void
unknown_keys_are_kept(void **state)
{
	const struct support *support = *state;
	static const char extra[] = "id 0NEW\ncreated 1\nuid 1\nprogram x\nnotify never <a@example.com>\nfrom \n";
	struct outcome ok = support_outcome(VERDICT_DEFERRED, 451, "later"), outcome;
	const char body[] = "x\r\n";
	struct format_head head = {.message = 3};
	struct checksum *checksum = checksum_new();
	char field[FORMAT_FIELD_SIZE + 1] = "", octets[FORMAT_ENVELOPE_OFFSET];
	struct format_slot slot;
	struct buffer file;

	format_field(field, &(struct outcome){.verdict = VERDICT_NONE});
	buffer_init(&file, 65536);
	(void)buffer_append_format(&file, "%sto %s a@example.com\nzz later\n", extra, field);
	head.envelope = file.length;
	(void)buffer_append_text(&file, body);
	checksum_add(checksum, file.data, file.length);
	format_add_head(checksum, &head);
	head.checksum = checksum_value(checksum);
	checksum_free(checksum);
	format_slot_init(&slot);
	format_head(octets, &head);
	format_slot(octets + FORMAT_HEAD_SIZE, &slot);
	char *whole = memory_alloc(sizeof(octets) + file.length + 1);

	memcpy(whole, octets, sizeof(octets));
	memcpy(whole + sizeof(octets), file.data, file.length);
	put_file(support, "0NEW", whole, sizeof(octets) + file.length);
	struct spool_entry *entry = support_claim(support, "0NEW");

	assert_int_equal(spool_entry_settle(entry, 0, &ok, &outcome), 0);
	assert_int_equal(spool_entry_postpone(entry, 9, &ok, &outcome), 0);
	spool_entry_free(entry);
	spool_entry_free(support_claim(support, "0NEW"));
	size_t length;
	char *now = take_file(support, "0NEW", &length);

	assert_non_null(memmem(now, length, "\nnotify never <a@example.com>\n", 30));
	assert_non_null(memmem(now, length, "\nzz later\n", 10));
	free(now);
	free(whole);
	buffer_free(&file);
}

/* What is marked as a report is one, whatever kinds a later version may know. */
static void
report_is_known_by_its_line(void **state)
{
	static const struct {
		const char             *line;
		enum spool_report_kind  kind;
		const char             *about;
		size_t                  first;
	} rows[] = {
		{NULL, SPOOL_REPORT_NONE, "", 0},
		{"failed 0ABC 12", SPOOL_REPORT_FAILED, "0ABC", 12},
		{"delayed 0ABC 0", SPOOL_REPORT_DELAYED, "0ABC", 0},
		{"relayed 0ABC 9999", SPOOL_REPORT_RELAYED, "0ABC", 9999},
		{"digest", SPOOL_REPORT_DIGEST, "", 0},
		{"kind of its own", SPOOL_REPORT_DIGEST, "", 0},
		{"failed 0ABC", SPOOL_REPORT_FAILED, "", 0},
		{"failed 0ABC -1", SPOOL_REPORT_FAILED, "", 0},
		{"failed 0123456789012345678901234567890123 1", SPOOL_REPORT_FAILED, "", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct format_sender sender = {.id = "0A", .created = 1, .uid = 1, .program = "x", .report = rows[i].line};
		struct spool_entry entry = {.id = "0A"};
		struct envelope envelope;
		struct format_line line;
		struct buffer text;
		size_t offset = 0;

		buffer_init(&text, 65536);
		support_envelope(&envelope, 1);
		assert_int_equal(format_envelope(&text, &sender, &envelope), 0);
		assert_int_equal(strstr(text.data, "\nreport ") != NULL, rows[i].line != NULL);
		entry.envelope = text.data;
		while (format_next(text.data, text.length, &offset, &line) == 1)
			if (line.field == NULL)
				assert_int_equal(claim_take_line(&entry, &line), 0);
		assert_int_equal(entry.report.kind, rows[i].kind);
		assert_string_equal(entry.report.about, rows[i].about);
		assert_int_equal(entry.report.first, rows[i].first);
		buffer_free(&text);
		envelope_free(&envelope);
	}
}

/* Told is told until the outcome changes; a report's second commit replaces nothing. */
static void
told_and_report_are_kept(void **state)
{
	const struct support *support = *state;
	const struct spool_report mark = {.kind = SPOOL_REPORT_FAILED, .about = "0ABC", .first = 37};
	struct outcome later = support_outcome(VERDICT_DEFERRED, 451, "later"), error;
	struct spool_draft *drafts[2];
	struct spool_entry *entry;
	struct envelope envelope;
	char id[SPOOL_ID_SIZE];

	support_message(support, 2, id);
	for (int claim = 0; claim < 3; claim++) {
		entry = support_claim(support, id);
		assert_int_equal(spool_entry_recipient(entry, 1)->is_told, claim == 1);
		assert_false(spool_entry_recipient(entry, 0)->is_told);
		if (claim == 1)
			assert_int_equal(spool_entry_settle(entry, 1, &later, &error), 0);
		else if (claim == 0) {
			assert_int_equal(spool_entry_note_told(entry, 1, &error), 0);
			/* also over an attempt for the others */
			assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
		} else
			assert_int_equal(spool_entry_note_told(entry, 1, &error), 0);
		assert_int_equal(spool_entry_recipient(entry, 1)->is_told, claim != 1);
		spool_entry_free(entry);
	}
	support_envelope(&envelope, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(spool_draft_new(support->spool, &drafts[i], &error), 0);
		spool_draft_report(drafts[i], &mark);
		assert_string_equal(spool_draft_id(drafts[i]), "0ABCF11");
		assert_int_equal(spool_draft_begin(drafts[i], &envelope, 1, "x", &error), 0);
	}
	assert_int_equal(spool_draft_commit(drafts[0], false, &error), 0);
	assert_int_equal(spool_draft_sync(drafts[0], &error), 0);
	errno = 0;
	assert_int_equal(spool_draft_commit(drafts[1], false, &error), -1);
	assert_int_equal(errno, EEXIST);
	for (int i = 0; i < 2; i++)
		spool_draft_free(drafts[i]);
	assert_int_equal(support_count(support, "tmp"), 0);
	assert_int_equal(support_count(support, "queue"), 2);
	envelope_free(&envelope);
}

static void
links_and_other_things_are_refused(void **state)
{
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE], path[256], aside[256];
	struct spool_entry *entry;
	struct outcome outcome;
	struct spool_item *items;
	size_t count;

	support_message(support, 1, id);
	support_path(support, path, "queue", id);
	support_path(support, aside, "failed", id);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(aside, path), 0);
	assert_int_equal(spool_claim(support->spool, id, &entry, &outcome), SPOOL_ERROR);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(spool_claim(support->spool, id, &entry, &outcome), SPOOL_ERROR);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(spool_claim(support->spool, id, &entry, &outcome), SPOOL_ERROR);
	assert_int_equal(spool_list(support->spool, SPOOL_QUEUE, &items, &count, &outcome), 0);
	assert_int_equal(count, 0);
	free(items);
	static const char *const names[] = {"", ".", "..", "../queue/x", "a/b", "12345678901234567890123456789012", "a b"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(spool_claim(support->spool, names[i], &entry, &outcome), SPOOL_GONE);
}

/* N children try for the same message at the same moment; each winner keeps it until it is killed. */
static void
one_claim_wins_and_a_killed_winner_frees_the_message(void **state)
{
	enum { RACERS = 16, ROUNDS = 5 };
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE];

	support_message(support, 1, id);
	for (int round = 0; round < ROUNDS; round++) {
		int start[2], result[2], winners = 0;
		pid_t children[RACERS];
		char octet;

		assert_int_equal(pipe(start), 0);
		assert_int_equal(pipe(result), 0);
		for (int i = 0; i < RACERS; i++) {
			if ((children[i] = fork()) != 0)
				continue;
			struct spool_entry *entry;
			struct outcome outcome;

			(void)close(start[1]);
			(void)!read(start[0], &octet, 1);
			octet = (char)spool_claim(support->spool, id, &entry, &outcome);
			(void)!write(result[1], &octet, 1);
			for (;;)
				(void)pause();
		}
		(void)close(start[0]);
		(void)close(start[1]);
		for (int i = 0; i < RACERS; i++) {
			assert_int_equal(file_read(result[0], &octet, 1), 1);
			winners += octet == SPOOL_CLAIMED;
			assert_true(octet == SPOOL_CLAIMED || octet == SPOOL_BUSY);
		}
		assert_int_equal(winners, 1);
		for (int i = 0; i < RACERS; i++) {
			(void)kill(children[i], SIGKILL);
			assert_int_equal(support_wait(children[i]), 256 + SIGKILL);
		}
		(void)close(result[0]);
		(void)close(result[1]);
		spool_entry_free(support_claim(support, id));
	}
}

/* Either the caller has it back or the courier has it; never both, never neither. */
static void
withdraw_and_claim_exclude_each_other(void **state)
{
	const struct support *support = *state;
	int withdrawn = 0;

	for (int round = 0; round < 200; round++) {
		struct spool_draft *draft = support_draft(support, 1, SUPPORT_BODY);
		struct outcome outcome;
		pid_t child;
		int got;

		assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
		child = fork();
		if (child == 0) {
			struct spool_entry *entry;
			struct outcome ok = support_outcome(VERDICT_DELIVERED, 250, "Ok");

			if (spool_claim(support->spool, spool_draft_id(draft), &entry, &outcome) != SPOOL_CLAIMED)
				_exit(1);
			_exit(spool_entry_settle(entry, 0, &ok, &outcome) == 0 && spool_entry_finish(entry, &outcome) == 0 ? 0 : 2);
		}
		if (round % 2 == 1)
			(void)usleep((useconds_t)round * 5);
		got = spool_draft_withdraw(draft);
		withdrawn += got == 0;
		int claimed = support_wait(child) == 0;

		/* neither: both tried at one moment; it is still there then */
		assert_true(claimed + (got == 0) == 1 || (got == 1 && support_exists(support, "queue", spool_draft_id(draft))));
		spool_draft_free(draft);
	}
	assert_true(withdrawn > 0);
}

static void
served_messages_are_not_withdrawn(void **state)
{
	const struct support *support = *state;
	const struct {
		enum verdict verdict;
		bool uncertain;
		int want;
	} rows[] = {{VERDICT_DELIVERED, false, 1}, {VERDICT_DEFERRED, false, 0}, {VERDICT_DEFERRED, true, 1}, {VERDICT_FAILED, false, 1}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spool_draft *draft = support_draft(support, 2, SUPPORT_BODY);
		struct outcome outcome = support_outcome(rows[i].verdict, 250, "x"), error;
		struct spool_entry *entry;

		assert_int_equal(spool_draft_commit(draft, false, &error), 0);
		entry = support_claim(support, spool_draft_id(draft));
		assert_int_equal(spool_draft_withdraw(draft), 1);
		outcome.uncertain = rows[i].uncertain;
		assert_int_equal(spool_entry_settle(entry, 1, &outcome, &error), 0);
		spool_entry_free(entry);
		assert_int_equal(spool_draft_withdraw(draft), rows[i].want);
		assert_int_equal(support_exists(support, "queue", spool_draft_id(draft)), rows[i].want);
		spool_draft_free(draft);
	}
}

/* The relay may have it: nobody may be told that it was not sent. */
static void
messages_over_which_a_courier_died_are_not_withdrawn(void **state)
{
	const struct support *support = *state;
	struct outcome later = support_outcome(VERDICT_DEFERRED, 451, "later"), error;

	for (int before = 0; before < 2; before++) {
		struct spool_draft *draft = support_draft(support, 2, SUPPORT_BODY);
		struct spool_entry *entry;

		assert_int_equal(spool_draft_commit(draft, false, &error), 0);
		for (int attempt = 0; attempt < before; attempt++) {
			entry = support_claim(support, spool_draft_id(draft));
			assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
			for (size_t i = 0; i < 2; i++)
				assert_int_equal(spool_entry_settle(entry, i, &later, &error), 0);
			assert_int_equal(spool_entry_postpone(entry, 5, &later, &error), 0);
			spool_entry_free(entry);
		}
		entry = support_claim(support, spool_draft_id(draft));
		assert_int_equal(spool_entry_begin(entry, 5, &error), 0);
		spool_entry_free(entry);
		assert_int_equal(spool_draft_withdraw(draft), 1);
		entry = support_claim(support, spool_draft_id(draft));
		assert_int_equal(spool_entry_postpone(entry, 5, &later, &error), 0);
		spool_entry_free(entry);
		assert_int_equal(spool_draft_withdraw(draft), 0);
		spool_draft_free(draft);
	}
}

static void
locked_file_whose_name_is_gone_or_replaced_is_gone(void **state)
{
	const struct support *support = *state;
	struct spool_draft *draft = support_draft(support, 1, SUPPORT_BODY);
	char path[256], aside[256];
	struct outcome outcome;

	assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
	support_path(support, path, "queue", spool_draft_id(draft));
	support_path(support, aside, "failed", spool_draft_id(draft));
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	assert_int_equal(spool_draft_withdraw(draft), 1);
	assert_true(support_exists(support, "queue", spool_draft_id(draft)));
	spool_draft_free(draft);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(shortened_files_are_moved_aside),
		SUPPORT_TEST(flipped_bits_are_moved_aside),
		SUPPORT_TEST(zero_filled_blocks_are_moved_aside),
		SUPPORT_TEST(copies_under_another_name_are_not_sent),
		SUPPORT_TEST(unknown_keys_are_kept),
		cmocka_unit_test(report_is_known_by_its_line),
		SUPPORT_TEST(told_and_report_are_kept),
		SUPPORT_TEST(links_and_other_things_are_refused),
		SUPPORT_TEST(one_claim_wins_and_a_killed_winner_frees_the_message),
		SUPPORT_TEST(withdraw_and_claim_exclude_each_other),
		SUPPORT_TEST(served_messages_are_not_withdrawn),
		SUPPORT_TEST(messages_over_which_a_courier_died_are_not_withdrawn),
		SUPPORT_TEST(locked_file_whose_name_is_gone_or_replaced_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
