/*
 * The administrator's daily digest: what it says, and when.
 */
#include "../spool/support.h"

#include "delivery/digest.c"

#define NOW 1764300000

static struct spool_item
item_of(const char *id, time_t created, time_t changed, const char *text)
{
	struct spool_item item = {.created = created, .changed = changed, .recipients = 1, .uid = 1000};

	(void)snprintf(item.id, sizeof(item.id), "%s", id);
	(void)snprintf(item.from, sizeof(item.from), "me@example.com");
	(void)snprintf(item.to, sizeof(item.to), "bob@example.org");
	outcome_set(&item.last, VERDICT_FAILED, STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, "%s", text);
	item.last.reply = 550;
	return item;
}

static struct digest_facts
facts_of(void)
{
	return (struct digest_facts){.host = "web", .domain = "example.com", .id = "1G", .to = "admin@example.com", .now = NOW, .since = NOW - 86400};
}

static void
digest_is_these_octets(void **state)
{
	const struct spool_item failed[] = {item_of("0A", NOW - 500000, NOW - 86401, "old"), item_of("0B", NOW - 432000, NOW - 100, "no such user")};
	struct spool_item queue[] = {item_of("0C", NOW - 7300, NOW, "busy"), item_of("0D", NOW - 3599, NOW, "new")};
	struct digest_facts facts = facts_of();
	static const char want[] =
	    "Date: Fri, 28 Nov 2025 03:20:00 +0000\r\n"
	    "From: Mail Delivery System <MAILER-DAEMON@example.com>\r\n"
	    "To: <admin@example.com>\r\n"
	    "Subject: mailcrane on web: 1 message given up, 1 message waits for over an hour, 2 damaged files\r\n"
	    "Message-ID: <1G@example.com>\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "\r\n"
	    "This is the mail system of web: 1 message given up, 1 message waits for over an hour, 2 damaged files.\r\n"
	    "\r\n"
	    "Given up, not tried again (mailcrane queue --failed):\r\n"
	    "\r\n"
	    "0B  <me@example.com> to <bob@example.org>, user 1000, 5 days old\r\n"
	    "    the relay refuses this recipient: 550 no such user\r\n"
	    "\r\n"
	    "Waiting for more than an hour (mailcrane check says why):\r\n"
	    "\r\n"
	    "0C  <me@example.com> to <bob@example.org> and others, user 1000, 2 hours old, a report of ours, held\r\n"
	    "    the relay refuses this recipient: 550 busy\r\n"
	    "\r\n"
	    "Damaged files are in damaged/ of the spool: they were never sent, and nothing was\r\n"
	    "promised of them. Look at them, then remove them.\r\n"
	    "\r\n"
	    "mailcrane show ID tells the story of a message, mailcrane retry ID tries it again,\r\n"
	    "mailcrane drop ID removes it.\r\n"
	    "This is sent once a day when there is something to say; [queue] notify in the\r\n"
	    "settings names you.\r\n";
	struct buffer text;

	(void)state;
	queue[0].recipients = 2;
	queue[0].is_report = queue[0].is_held = true;
	facts.queue = queue;
	facts.failed = failed;
	facts.queue_count = facts.failed_count = 2;
	facts.damaged = 2;
	buffer_init(&text, DIGEST_TEXT_MAX);
	assert_int_equal(digest_compose(&facts, &text), 1);
	assert_string_equal(text.data, want);
	buffer_free(&text);
}

static void
nothing_new_is_nothing_to_say(void **state)
{
	const struct spool_item old = item_of("0A", NOW - 500000, NOW - 86401, "old"), fresh = item_of("0D", NOW - 3599, NOW, "new");
	struct digest_facts facts = facts_of();
	struct buffer text;

	(void)state;
	buffer_init(&text, DIGEST_TEXT_MAX);
	facts.failed = &old;
	facts.queue = &fresh;
	facts.failed_count = facts.queue_count = 1;
	facts.damaged = 3;
	assert_int_equal(digest_compose(&facts, &text), 0);
	facts.damaged_recent = 1;
	assert_int_equal(digest_compose(&facts, &text), 1);
	buffer_free(&text);
}

static void
long_lists_are_cut(void **state)
{
	struct spool_item *failed = memory_alloc(10000 * sizeof(*failed));
	struct digest_facts facts = facts_of();
	struct buffer text;

	(void)state;
	for (size_t i = 0; i < 10000; i++)
		failed[i] = item_of("0B", NOW - 432000, NOW - 100, "no such user");
	facts.failed = failed;
	facts.failed_count = 10000;
	buffer_init(&text, DIGEST_TEXT_MAX);
	assert_int_equal(digest_compose(&facts, &text), 1);
	assert_non_null(strstr(text.data, "\r\nand 9950 more\r\n"));
	buffer_free(&text);
	free(failed);
}

static void
digest_goes_out_once_a_day(void **state)
{
	const struct support *support = *state;
	const struct config config = {.notify = (char *)"admin@example.com", .sender_domain = (char *)"example.com"}, none = {.notify = NULL};
	struct outcome refused = support_outcome(VERDICT_FAILED, 550, "no"), error;
	struct digest_stamp stamp;
	struct spool_entry *entry;
	char id[SPOOL_ID_SIZE];
	char (*names)[SPOOL_ID_SIZE] = NULL;
	size_t count = 0;

	digest_send(support->spool, &config);
	assert_int_equal(support_count(support, "queue"), 0);
	support_message(support, 1, id);
	entry = support_claim(support, id);
	assert_int_equal(spool_entry_settle(entry, 0, &refused, &error), 0);
	assert_int_equal(spool_entry_finish(entry, &error), 0);
	spool_entry_free(entry);
	/* looked a moment ago, which was in vain */
	digest_send(support->spool, &config);
	assert_int_equal(support_count(support, "queue"), 0);
	assert_int_equal(digest_open(support->spool, &stamp), 0);
	assert_true(stamp.looked != 0 && stamp.sent == 0);
	stamp.looked -= DIGEST_LOOK;
	assert_int_equal(digest_write_stamp(&stamp), 0);
	(void)close(stamp.fd);
	digest_send(support->spool, &none);
	assert_int_equal(support_count(support, "queue"), 0);
	digest_send(support->spool, &config);
	assert_int_equal(spool_names(support->spool, SPOOL_QUEUE, &names, &count, &error), 0);
	assert_int_equal(count, 1);
	entry = support_claim(support, names[0]);
	assert_int_equal(spool_entry_report(entry)->kind, SPOOL_REPORT_DIGEST);
	assert_string_equal(spool_entry_reverse_path(entry), "");
	assert_string_equal(spool_entry_recipient(entry, 0)->address, "admin@example.com");
	spool_entry_free(entry);
	free(names);
	/* not again that day, whatever was looked at when */
	assert_int_equal(digest_open(support->spool, &stamp), 0);
	assert_true(stamp.sent != 0);
	stamp.looked -= 2 * DIGEST_LOOK;
	assert_int_equal(digest_write_stamp(&stamp), 0);
	digest_send(support->spool, &config);
	assert_int_equal(support_count(support, "queue"), 1);
	/* a day later there is what came since */
	stamp.sent -= DIGEST_PERIOD;
	stamp.looked -= DIGEST_PERIOD;
	assert_int_equal(digest_write_stamp(&stamp), 0);
	(void)close(stamp.fd);
	digest_send(support->spool, &config);
	assert_int_equal(support_count(support, "queue"), 2);
}

/* Who can't note that it was sent would send one with each runner. */
static void
no_stamp_no_digest(void **state)
{
	const struct support *support = *state;
	const struct config config = {.notify = (char *)"admin@example.com"};
	char path[256];

	support_path(support, path, "damaged", "x");
	(void)close(open(path, O_WRONLY | O_CREAT, 0600));
	support_path(support, path, "digest", "");
	path[strlen(path) - 1] = '\0';
	assert_int_equal(mkdir(path, 0700), 0);
	digest_send(support->spool, &config);
	assert_int_equal(support_count(support, "queue"), 0);
	assert_int_equal(rmdir(path), 0);
	digest_send(support->spool, &config);
	assert_int_equal(support_count(support, "queue"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_is_these_octets),
		cmocka_unit_test(nothing_new_is_nothing_to_say),
		cmocka_unit_test(long_lists_are_cut),
		SUPPORT_TEST(digest_goes_out_once_a_day),
		SUPPORT_TEST(no_stamp_no_digest),
	};

	(void)setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
