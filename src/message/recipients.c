/*
 * recipients: RFC 5322 sections 3.6.3 and 3.6.6. An address is never guessed. One that can't be understood ends the call with its
 * text when the command line names it; in a header, which the caller may have from elsewhere, it is left out with a remark
 * for the log as long as anybody is left (CALLERS.md decision 8).
 */
#include "message/recipients.h"

#include <string.h>
#include <stdlib.h>

#include "message/address_scan.h"
#include "message/header.h"
#include "message/remark.h"
#include "message/target.h"

#define RECIPIENTS_SHOWN 80	/* octets of a wrong address in an error message */

static int
recipients_refuse(struct outcome *outcome, const char *address, size_t length, const char *why)
{
	size_t shown = 0;

	while (shown < length && shown < RECIPIENTS_SHOWN && address[shown] != '\0')
		shown++;
	outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_INPUT, "recipient \"%.*s%s\": %s", (int)shown, address,
	    shown < length ? "..." : "", why);
	return -1;
}

static int
recipients_add(const struct message_request *request, const char *address, struct envelope *envelope, struct outcome *outcome)
{
	struct alias_result targets;
	int failed = 0;

	if (target_of(request, address, &targets) != 0)
		return recipients_refuse(outcome, address, strlen(address), "longer than 254 octets with its domain");
	for (size_t i = 0; i < targets.count && failed == 0; i++)
		failed = envelope_add(envelope, targets.addresses[i]);
	alias_result_free(&targets);
	if (failed != 0)
		outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_INPUT, "more than %d recipients",
		    ENVELOPE_RECIPIENTS_MAX);
	return failed;
}

/* One word of the command line: who names somebody there hears it when that can't be done. */
static int
recipients_word(const struct message_request *request, const char *word, struct envelope *envelope, struct outcome *outcome)
{
	struct address_scan scan;
	struct mailbox mailbox;
	int result, failed = 0;

	address_scan_init(&scan, word, strlen(word));
	while (failed == 0 && (result = address_scan_next(&scan, &mailbox)) != 0) {
		if (result < 0)
			return recipients_refuse(outcome, word + scan.item_start, strlen(word) - scan.item_start, scan.text.why);
		if (mailbox.address[0] != '\0')
			failed = recipients_add(request, mailbox.address, envelope, outcome);
		else
			failed = recipients_refuse(outcome, "<>", 2, "no address");
		address_scan_free(&mailbox);
	}
	return failed;
}

/* A header: "<>" is nobody. What can't be understood reaches nobody, but the others need not do without the message; `bad` keeps
 * the first of it, in case there are no others. */
static int
recipients_header(const struct message_request *request, const struct header_field *field, struct envelope *envelope,
    struct outcome *bad, struct outcome *outcome)
{
	struct address_scan scan;
	struct mailbox mailbox;
	struct outcome why;
	int result, failed = 0;

	address_scan_init(&scan, field->value, field->value_length);
	while (failed == 0 && (result = address_scan_next(&scan, &mailbox)) != 0) {
		if (result < 0) {
			const char *reason = scan.text.why;

			address_scan_resume(&scan);
			(void)recipients_refuse(&why, field->value + scan.item_start, scan.item_end - scan.item_start, reason);
			remark_add(request->remarks, "%.*s: left out: %s", (int)field->name_length, field->start, why.text);
			if (bad->verdict == VERDICT_NONE)
				*bad = why;
			continue;
		}
		if (mailbox.address[0] != '\0')
			failed = recipients_add(request, mailbox.address, envelope, outcome);
		address_scan_free(&mailbox);
	}
	return failed;
}

static bool
recipients_is_one_of(const struct header_field *field, const char *const names[3])
{
	return header_is(field, names[0]) || header_is(field, names[1]) || header_is(field, names[2]);
}

static int
recipients_of_headers(const struct message_request *request, const char *block, size_t length, struct envelope *envelope,
    struct outcome *bad, struct outcome *outcome)
{
	static const char *const plain[] = {"To", "Cc", "Bcc"}, *const resent[] = {"Resent-To", "Resent-Cc", "Resent-Bcc"};
	const char *const *names = plain;
	struct header_field field;
	size_t offset = 0;

	while (names == plain && header_next(block, length, &offset, &field))
		if (recipients_is_one_of(&field, resent))
			names = resent;
	for (offset = 0; header_next(block, length, &offset, &field);)
		if (recipients_is_one_of(&field, names) && recipients_header(request, &field, envelope, bad, outcome) != 0)
			return -1;
	return 0;
}

int
recipients_collect(const struct message_request *request, const char *block, size_t length, struct envelope *envelope,
    struct outcome *outcome)
{
	const struct dsn_wish common = {.notify = request->notify}, *wish;
	struct outcome bad = {.verdict = VERDICT_NONE};
	size_t before;

	for (size_t i = 0; i < request->recipient_count; i++) {
		wish = request->wishes != NULL ? &request->wishes[i] : &common;
		before = envelope->recipient_count;
		if (recipients_word(request, request->recipients[i], envelope, outcome) != 0)
			return -1;
		envelope_wish(envelope, before, wish->notify, wish->orcpt);
	}
	before = envelope->recipient_count;
	if (request->take_recipients && recipients_of_headers(request, block, length, envelope, &bad, outcome) != 0)
		return -1;
	envelope_wish(envelope, before, common.notify, NULL);
	envelope->ret = request->ret;
	envelope_set_envid(envelope, request->envid);
	if (envelope->recipient_count > 0)
		return 0;
	if (bad.verdict != VERDICT_NONE)
		*outcome = bad;
	else
		outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_INPUT, request->take_recipients ?
		    "no recipient: neither on the command line nor in To, Cc, Bcc" : "no recipient");
	return -1;
}
