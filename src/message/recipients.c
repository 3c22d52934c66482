/*
 * recipients: RFC 5322 sections 3.6.3 and 3.6.6. An address is never guessed: one that can't be understood ends the call
 * with its text, so that nobody is left out in silence.
 */
#include "message/recipients.h"

#include <string.h>
#include <stdlib.h>

#include "message/address_scan.h"
#include "message/header.h"

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
recipients_add(const struct message_request *request, const struct mailbox *mailbox, struct envelope *envelope,
    struct outcome *outcome)
{
	char *qualified = NULL;
	int added;

	if (mailbox->is_bare) {
		qualified = address_qualify(mailbox->address, request->default_domain);
		if (qualified == NULL)
			return recipients_refuse(outcome, mailbox->address, strlen(mailbox->address),
			    "longer than 254 octets with its domain");
	}
	added = envelope_add(envelope, mailbox->is_bare ? qualified : mailbox->address);
	free(qualified);
	if (added == 0)
		return 0;
	outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_INPUT, "more than %d recipients", ENVELOPE_RECIPIENTS_MAX);
	return -1;
}

/* `may_be_null`: in a header, "<>" is nobody; on the command line it is a mistake. */
static int
recipients_list(const struct message_request *request, const char *text, size_t length, bool may_be_null,
    struct envelope *envelope, struct outcome *outcome)
{
	struct address_scan scan;
	struct mailbox mailbox;
	int result, failed = 0;

	address_scan_init(&scan, text, length);
	while (failed == 0 && (result = address_scan_next(&scan, &mailbox)) != 0) {
		if (result < 0)
			return recipients_refuse(outcome, text + scan.item_start, length - scan.item_start, scan.text.why);
		if (mailbox.address[0] != '\0')
			failed = recipients_add(request, &mailbox, envelope, outcome);
		else if (!may_be_null)
			failed = recipients_refuse(outcome, "<>", 2, "no address");
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
    struct outcome *outcome)
{
	static const char *const plain[] = {"To", "Cc", "Bcc"}, *const resent[] = {"Resent-To", "Resent-Cc", "Resent-Bcc"};
	const char *const *names = plain;
	struct header_field field;
	size_t offset = 0;

	while (names == plain && header_next(block, length, &offset, &field))
		if (recipients_is_one_of(&field, resent))
			names = resent;
	for (offset = 0; header_next(block, length, &offset, &field);)
		if (recipients_is_one_of(&field, names) &&
		    recipients_list(request, field.value, field.value_length, true, envelope, outcome) != 0)
			return -1;
	return 0;
}

int
recipients_collect(const struct message_request *request, const char *block, size_t length, struct envelope *envelope,
    struct outcome *outcome)
{
	const struct dsn_wish common = {.notify = request->notify}, *wish;
	size_t before;

	for (size_t i = 0; i < request->recipient_count; i++) {
		wish = request->wishes != NULL ? &request->wishes[i] : &common;
		before = envelope->recipient_count;
		if (recipients_list(request, request->recipients[i], strlen(request->recipients[i]), false, envelope,
		    outcome) != 0)
			return -1;
		envelope_wish(envelope, before, wish->notify, wish->orcpt);
	}
	before = envelope->recipient_count;
	if (request->take_recipients && recipients_of_headers(request, block, length, envelope, outcome) != 0)
		return -1;
	envelope_wish(envelope, before, common.notify, NULL);
	envelope->ret = request->ret;
	envelope_set_envid(envelope, request->envid);
	if (envelope->recipient_count > 0)
		return 0;
	outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_INPUT, request->take_recipients ?
	    "no recipient: neither on the command line nor in To, Cc, Bcc" : "no recipient");
	return -1;
}
