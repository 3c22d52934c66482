/*
 * The octets of a message file: they can't change by accident, and nothing but what was written is accepted.
 */
#include "support.h"

static const struct format_sender sender = {.id = "0AB3DE6GH9JKLMNPQ", .created = 1764000000123, .uid = 1000, .program = "php"};

/* A message file with this envelope. */
static char *
make_file(const struct buffer *text, size_t *length)
{
	static const char body[] = "Subject: golden\r\n\r\n\xc3\xa9t\xc3\xa9\r\n";
	struct format_head head = {.message = sizeof(body) - 1, .eight_bit = true};
	struct checksum *checksum = checksum_new();
	struct format_slot slot;
	struct buffer file;
	char octets[FORMAT_HEAD_SIZE];

	buffer_init(&file, 65536);
	head.envelope = text->length;
	assert_int_equal(format_add_envelope(checksum, text->data, text->length), 0);
	checksum_add(checksum, body, sizeof(body) - 1);
	format_add_head(checksum, &head);
	head.checksum = checksum_value(checksum);
	format_head(octets, &head);
	assert_int_equal(buffer_append(&file, octets, sizeof(octets)), 0);
	format_slot_init(&slot);
	slot.due = 1764000060;
	slot.attempts = 3;
	slot.last = support_outcome(VERDICT_DEFERRED, 451, "4.0.0 later");
	format_slot(octets, &slot);
	assert_int_equal(buffer_append(&file, octets, sizeof(octets)), 0);
	assert_int_equal(buffer_append(&file, text->data, text->length), 0);
	assert_int_equal(buffer_append(&file, body, sizeof(body) - 1), 0);
	checksum_free(checksum);
	*length = file.length;
	return file.data;
}

/* The message that tests/unit/spool/data/message-1 holds. */
static char *
make_message(size_t *length)
{
	struct envelope envelope;
	struct buffer text;
	char *message;

	buffer_init(&text, 65536);
	support_envelope(&envelope, 2);
	assert_int_equal(format_envelope(&text, &sender, &envelope), 0);
	message = make_file(&text, length);
	envelope_free(&envelope);
	buffer_free(&text);
	return message;
}

static void
format_is_that_of_the_stored_file(void **state)
{
	size_t length, stored_length = 0;
	char *message = make_message(&length);
	int fd = open("tests/unit/spool/data/message-1", O_RDONLY | O_CLOEXEC);
	char *stored;

	(void)state;
	assert_true(fd >= 0);
	stored = file_slurp(fd, 65536, &stored_length);
	assert_non_null(stored);
	assert_int_equal(stored_length, length);
	assert_memory_equal(stored, message, length);
	(void)close(fd);
	free(stored);
	free(message);
}

/* A file of this version is read by every later program, too. */
static void
stored_file_is_claimed(void **state)
{
	const struct support *support = *state;
	struct spool_entry *entry;
	char command[512], path[256];

	support_path(support, path, "queue", sender.id);
	(void)snprintf(command, sizeof(command), "cp tests/unit/spool/data/message-1 %s", path);
	assert_int_equal(system(command), 0);
	entry = support_claim(support, sender.id);
	assert_string_equal(spool_entry_reverse_path(entry), "sender@example.org");
	assert_int_equal(spool_entry_count(entry), 2);
	assert_string_equal(spool_entry_recipient(entry, 1)->address, "r1@example.com");
	assert_int_equal(spool_entry_uid(entry), 1000);
	assert_string_equal(spool_entry_program(entry), "php");
	assert_int_equal(spool_entry_created(entry), 1764000000);
	assert_int_equal(spool_entry_due(entry), 1764000060);
	assert_int_equal(spool_entry_attempts(entry), 3);
	assert_true(spool_entry_eight_bit(entry));
	spool_entry_free(entry);
}

/* Puts a file with this envelope into the queue and claims it. */
static struct spool_entry *
claim_text(const struct support *support, const struct buffer *text)
{
	size_t length;
	char path[256], *message = make_file(text, &length);
	int fd;

	support_path(support, path, "queue", sender.id);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, message, length), 0);
	(void)close(fd);
	free(message);
	return support_claim(support, sender.id);
}

static void
notifications_come_back_as_written(void **state)
{
	static const char want[] = "ret HDRS\nenvid a+2Bb\nto ";
	struct spool_entry *entry;
	struct envelope envelope;
	struct buffer text;

	buffer_init(&text, 65536);
	support_envelope(&envelope, 3);
	envelope.ret = DSN_RETURN_HEADERS;
	envelope_set_envid(&envelope, "a+2Bb");
	envelope_wish(&envelope, 1, DSN_NEVER, NULL);
	envelope_wish(&envelope, 2, DSN_SUCCESS | DSN_DELAY, "rfc822;x+2By@example.org");
	assert_int_equal(format_envelope(&text, &sender, &envelope), 0);
	assert_non_null(memmem(text.data, text.length, want, sizeof(want) - 1));
	assert_non_null(memmem(text.data, text.length, " r1@example.com\nnotify NEVER\nto ", 32));
	entry = claim_text(*state, &text);
	assert_int_equal(spool_entry_return(entry), DSN_RETURN_HEADERS);
	assert_string_equal(spool_entry_envid(entry), "a+2Bb");
	assert_int_equal(spool_entry_count(entry), 3);
	assert_int_equal(spool_entry_recipient(entry, 0)->wish.notify, 0);
	assert_null(spool_entry_recipient(entry, 0)->wish.orcpt);
	assert_int_equal(spool_entry_recipient(entry, 1)->wish.notify, DSN_NEVER);
	assert_int_equal(spool_entry_recipient(entry, 2)->wish.notify, DSN_SUCCESS | DSN_DELAY);
	assert_string_equal(spool_entry_recipient(entry, 2)->wish.orcpt, "rfc822;x+2By@example.org");
	spool_entry_free(entry);
	envelope_free(&envelope);
	buffer_free(&text);
}

/* A value that a later version writes must not cost the mail, and never reaches a relay. */
static void
notifications_of_a_later_version_are_not_asked_for(void **state)
{
	struct spool_entry *entry;
	struct envelope envelope;
	struct buffer text;

	buffer_init(&text, 65536);
	support_envelope(&envelope, 1);
	assert_int_equal(buffer_append_text(&text, "notify NEVER\norcpt rfc822;early\n"), 0);
	assert_int_equal(format_envelope(&text, &sender, &envelope), 0);
	assert_int_equal(buffer_append_text(&text, "notify SUCCESS,SOMETIMES\norcpt rfc822;a b\nret BODY\nenvid a b\nby 120;R\n"), 0);
	entry = claim_text(*state, &text);
	assert_int_equal(spool_entry_return(entry), DSN_RETURN_NONE);
	assert_null(spool_entry_envid(entry));
	assert_int_equal(spool_entry_recipient(entry, 0)->wish.notify, 0);
	assert_null(spool_entry_recipient(entry, 0)->wish.orcpt);
	spool_entry_free(entry);
	envelope_free(&envelope);
	buffer_free(&text);
}

/* The line is there when it is needed, and only then: the golden file has none. */
static void
international_addresses_come_back(void **state)
{
	const struct support *support = *state;
	char id[SPOOL_ID_SIZE];

	for (int needed = 0; needed < 2; needed++) {
		struct spool_draft *draft = NULL;
		struct spool_entry *entry;
		struct envelope envelope;
		struct outcome outcome;

		support_envelope(&envelope, 1);
		envelope_set_reverse_path(&envelope, needed ? "\303\251@example.org" : "e@example.org");
		envelope.smtputf8 = needed;
		assert_int_equal(spool_draft_new(support->spool, &draft, &outcome), 0);
		assert_int_equal(spool_draft_begin(draft, &envelope, 1000, "test", &outcome), 0);
		assert_int_equal(spool_draft_write(draft, SUPPORT_BODY, strlen(SUPPORT_BODY), &outcome), 0);
		assert_int_equal(spool_draft_commit(draft, false, &outcome), 0);
		(void)snprintf(id, sizeof(id), "%s", spool_draft_id(draft));
		spool_draft_free(draft);
		entry = support_claim(support, id);
		assert_string_equal(spool_entry_reverse_path(entry), envelope.reverse_path);
		assert_int_equal(spool_entry_smtputf8(entry), needed);
		spool_entry_free(entry);
		envelope_free(&envelope);
	}
}

static void
every_flipped_octet_of_the_head_is_found(void **state)
{
	struct format_head head = {.envelope = 400, .message = 5, .checksum = 0x0123456789abcdef, .eight_bit = true}, found;
	char octets[FORMAT_HEAD_SIZE];

	(void)state;
	format_head(octets, &head);
	assert_int_equal(format_parse_head(octets, &found), FORMAT_OK);
	assert_memory_equal(&found.checksum, &head.checksum, sizeof(head.checksum));
	for (size_t i = 0; i < sizeof(octets); i++) {
		char saved = octets[i];

		octets[i] ^= 0x40;	/* no digit stays a digit */
		assert_int_not_equal(format_parse_head(octets, &found), FORMAT_OK);
		octets[i] = saved;
	}
}

static void
later_versions_are_told_from_damage(void **state)
{
	static const struct {
		const char *start;
		enum format_result want;
	} rows[] = {
		{"mailcrane message 2\n", FORMAT_NEWER},
		{"mailcrane message 10\n", FORMAT_NEWER},
		{"mailcrane message 0\n", FORMAT_DAMAGED},
		{"mailcrane message 01\n", FORMAT_DAMAGED},
		{"mailcrane message x\n", FORMAT_DAMAGED},
		{"mailcrane message 2x", FORMAT_DAMAGED},
		{"Mailcrane message 1\n", FORMAT_DAMAGED},
		{"", FORMAT_DAMAGED},
	};
	struct format_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char octets[FORMAT_HEAD_SIZE] = "";

		memcpy(octets, rows[i].start, strlen(rows[i].start));
		assert_int_equal(format_parse_head(octets, &head), rows[i].want);
	}
}

static void
fields_come_back_as_written(void **state)
{
	static const struct outcome rows[] = {
		{.verdict = VERDICT_NONE},
		{VERDICT_DELIVERED, STAGE_FINAL, CAUSE_NONE, 250, "2.0.0", false, "2.0.0 Ok: queued as 4Xy", false, ""},
		{VERDICT_DEFERRED, STAGE_FINAL, CAUSE_UNCERTAIN, 0, "", true, "no answer", false, ""},
		{VERDICT_FAILED, STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, 550, "5.1.1", false, "no such user \xc3\xa9", false, ""},
		{VERDICT_FAILED, STAGE_STARTTLS, CAUSE_STARTTLS_MISSING, 999, "5.123.456", true, "x", false, ""},
		{VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_CONNECT_REFUSED, 0, "", false, "refused", true, ""},
		{VERDICT_DEFERRED, STAGE_FINAL, CAUSE_UNCERTAIN, 0, "", true, "no answer", false, "backup"},
		{VERDICT_DELIVERED, STAGE_FINAL, CAUSE_NONE, 250, "2.0.0", false, "Ok", false, "a_name-with-32-octets-not-1-more"},
	};
	char field[FORMAT_FIELD_SIZE];
	struct outcome found;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		format_field(field, &rows[i]);
		assert_null(memchr(field, '\n', sizeof(field)));
		assert_null(memchr(field, '\0', sizeof(field)));
		assert_int_equal(format_parse_field(field, &found), 0);
		assert_memory_equal(&found, &rows[i], sizeof(found));
	}
	for (int state_octet = 0; state_octet < 256; state_octet++) {
		field[0] = (char)state_octet;
		assert_int_equal(format_parse_field(field, &found),
		    state_octet != 0 && strchr("WDQR", state_octet) != NULL ? 0 : -1);
	}
}

static void
hostile_outcomes_stay_in_their_field(void **state)
{
	struct outcome outcome = {.verdict = VERDICT_FAILED, .reply = -5, .stage = 77, .cause = -3}, found;
	char field[FORMAT_FIELD_SIZE + 1];

	(void)state;
	memset(outcome.enhanced, '\n', sizeof(outcome.enhanced));
	memset(outcome.text, '\n', sizeof(outcome.text));
	memcpy(outcome.text, "a\nto W", 6);
	field[FORMAT_FIELD_SIZE] = 'X';
	format_field(field, &outcome);
	assert_int_equal(field[FORMAT_FIELD_SIZE], 'X');
	assert_null(memchr(field, '\n', FORMAT_FIELD_SIZE));
	assert_int_equal(format_parse_field(field, &found), 0);
	assert_int_equal(found.reply, 0);
	assert_string_equal(found.enhanced, "");
	memset(outcome.text, 'x', sizeof(outcome.text));
	format_field(field, &outcome);
	assert_int_equal(format_parse_field(field, &found), 0);
	assert_int_equal(strlen(found.text), FORMAT_TEXT_SIZE);
}

/* The name of the relay stands in the room of the text, which older versions show as it is. */
static void
relay_of_an_outcome_takes_no_more_room(void **state)
{
	struct outcome outcome = {.verdict = VERDICT_DEFERRED, .relay = "backup"}, found;
	char field[FORMAT_FIELD_SIZE + 1];

	(void)state;
	memset(outcome.text, 'x', sizeof(outcome.text) - 1);
	field[FORMAT_FIELD_SIZE] = 'X';
	format_field(field, &outcome);
	assert_int_equal(field[FORMAT_FIELD_SIZE], 'X');
	assert_int_equal(format_parse_field(field, &found), 0);
	assert_string_equal(found.relay, "backup");
	assert_int_equal(strlen(found.text), FORMAT_TEXT_SIZE - OUTCOME_RELAY_SIZE - 1);
	/* a relay's words are no name, whatever they end in */
	outcome.relay[0] = '\0';
	memset(outcome.text, '@', sizeof(outcome.text) - 1);
	format_field(field, &outcome);
	assert_int_equal(format_parse_field(field, &found), 0);
	assert_string_equal(found.relay, "");
	assert_int_equal(strlen(found.text), FORMAT_TEXT_SIZE);
	/* nor is what no section can be called */
	(void)snprintf(outcome.relay, sizeof(outcome.relay), "a b");
	format_field(field, &outcome);
	assert_int_equal(format_parse_field(field, &found), 0);
	assert_string_equal(found.relay, "");
}

static void
slot_says_at_which_relay_the_attempt_is(void **state)
{
	static const char *const names[] = {"", "relay", "a_name-with-32-octets-not-1-more"};
	struct format_slot slot, found;
	char octets[FORMAT_SLOT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		format_slot_init(&slot);
		slot.attempts = 3;
		memset(slot.last.text, 'y', sizeof(slot.last.text) - 1);
		(void)snprintf(slot.at, sizeof(slot.at), "%s", names[i]);
		format_slot(octets, &slot);
		assert_int_equal(octets[FORMAT_SLOT_SIZE - 1], '\n');
		format_parse_slot(octets, &found);
		assert_string_equal(found.at, names[i]);
		assert_int_equal(found.attempts, 3);
		assert_int_equal(strlen(found.last.text), 255);
	}
}

static void
unreadable_slot_is_a_new_one(void **state)
{
	struct format_slot slot, found;
	char octets[FORMAT_SLOT_SIZE];

	(void)state;
	format_slot_init(&slot);
	slot.due = 123;
	slot.attempts = UINT32_MAX;
	memcpy(slot.flags, "h--Z", 4);
	format_slot(octets, &slot);
	format_parse_slot(octets, &found);
	assert_int_equal(found.due, 123);
	assert_int_equal(found.attempts, UINT32_MAX);
	assert_string_equal(found.flags, "h--Z------------");
	memset(octets, 0, sizeof(octets));
	format_parse_slot(octets, &found);
	assert_int_equal(found.due, 0);
	assert_int_equal(found.attempts, 0);
	assert_string_equal(found.flags, "----------------");
}

static void
addresses_that_could_forge_a_line_are_refused(void **state)
{
	static const char *const rows[] = {"a\nb@example.com", "a\rb@example.com", "a\tb@example.com", "\x7f@example.com", ""};
	struct buffer buffer;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char address[32];
		char *recipients[] = {address};
		struct envelope envelope = {.reverse_path = (char *)"", .recipients = recipients, .recipient_count = 1};

		(void)snprintf(address, sizeof(address), "%s", rows[i]);
		buffer_init(&buffer, 65536);
		assert_int_equal(format_envelope(&buffer, &sender, &envelope), -1);
		buffer_free(&buffer);
		if (address[0] == '\0')
			continue;
		envelope.reverse_path = address;
		assert_int_equal(format_envelope(&buffer, &sender, &envelope), -1);
		buffer_free(&buffer);
	}
}

static void
malformed_envelopes_end_the_walk(void **state)
{
	static const struct {
		const char *text;
		int want;	/* of the first step */
	} rows[] = {
		{"", 0}, {"id x\n", 1}, {"new_key anything <>\n", 1}, {"from \n", 1},
		{"id x", -1}, {"id", -1}, {"id\n", -1}, {" id x\n", -1}, {"\n", -1}, {"ID x\n", -1}, {"to W\n", -1}, {"to ", -1},
	};
	struct format_line line;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t offset = 0;
		char *copy = memory_copy(rows[i].text, strlen(rows[i].text));

		assert_int_equal(format_next(copy, strlen(rows[i].text), &offset, &line), rows[i].want);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_is_that_of_the_stored_file),
		SUPPORT_TEST(stored_file_is_claimed),
		SUPPORT_TEST(notifications_come_back_as_written),
		SUPPORT_TEST(notifications_of_a_later_version_are_not_asked_for),
		SUPPORT_TEST(international_addresses_come_back),
		cmocka_unit_test(every_flipped_octet_of_the_head_is_found),
		cmocka_unit_test(later_versions_are_told_from_damage),
		cmocka_unit_test(fields_come_back_as_written),
		cmocka_unit_test(hostile_outcomes_stay_in_their_field),
		cmocka_unit_test(relay_of_an_outcome_takes_no_more_room),
		cmocka_unit_test(slot_says_at_which_relay_the_attempt_is),
		cmocka_unit_test(unreadable_slot_is_a_new_one),
		cmocka_unit_test(addresses_that_could_forge_a_line_are_refused),
		cmocka_unit_test(malformed_envelopes_end_the_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
