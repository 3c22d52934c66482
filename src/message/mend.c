/*
 * mend: replaces as little as it can: puts a domain in behind a bare address, else changes the domain, else the address.
 */
#include "message/mend.h"

#include <stdlib.h>
#include <string.h>

#include "message/address_scan.h"
#include "message/header.h"
#include "message/target.h"

static const char *const mend_senders[] = {"From", "Sender", "Resent-From", "Resent-Sender", NULL};
static const char *const mend_receivers[] = {"To", "Cc", "Reply-To", "Resent-To", "Resent-Cc", NULL};

struct mend {
	const struct message_request *request;
	const char    *value;
	size_t         done;		/* octets of it that are in `out` */
	bool           are_senders;
	bool           keeps_labels;	/* U-labels stay: the message goes by SMTPUTF8 */
	struct buffer *out;
};

static bool
mend_is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/* `text` in the place of value[start..end). */
static int
mend_put(struct mend *mend, size_t start, size_t end, const char *text)
{
	if (buffer_append(mend->out, mend->value + mend->done, start - mend->done) != 0 ||
	    buffer_append_text(mend->out, text) != 0)
		return -1;
	mend->done = end;
	return 0;
}

static bool
mend_is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] > 127)
			return false;
	return true;
}

static int
mend_mailbox(struct mend *mend, const struct address_scan *scan, const struct mailbox *mailbox, const char *want)
{
	const char *at = mailbox->is_bare ? NULL : strrchr(mailbox->address, '@'), *domain = strrchr(want, '@');
	size_t length = at != NULL ? (size_t)(at - mailbox->address) : strlen(mailbox->address);
	size_t end = mailbox->is_bare ? scan->local_end : scan->domain_end;

	if (strcmp(want, mailbox->address) == 0) {
		if (mailbox->is_bare || mend->keeps_labels ||
		    mend_is_ascii(mend->value + scan->domain_start, scan->domain_end - scan->domain_start))
			return 0;
		return mend_put(mend, scan->domain_start, scan->domain_end, at + 1);
	}
	if (domain == NULL || (size_t)(domain - want) != length || strncmp(want, mailbox->address, length) != 0)
		return mend_put(mend, scan->local_start, end, want);
	if (mailbox->is_bare)
		return mend_put(mend, scan->local_end, scan->local_end, domain);
	return mend_put(mend, scan->domain_start, scan->domain_end, domain + 1);
}

static int
mend_list(struct mend *mend, size_t length)
{
	struct address_scan scan;
	struct mailbox mailbox;
	size_t count = 0;
	int result, failed = 0;

	address_scan_init(&scan, mend->value, length);
	while (failed == 0 && count++ < ENVELOPE_RECIPIENTS_MAX && (result = address_scan_next(&scan, &mailbox)) != 0) {
		char *want;

		if (result < 0) {
			address_scan_resume(&scan);
			continue;
		}
		want = mailbox.address[0] == '\0' ? NULL : mend->are_senders ? target_sender(mend->request, mailbox.address) :
		    target_shown(mend->request, mailbox.address);
		if (want != NULL)
			failed = mend_mailbox(mend, &scan, &mailbox, want);
		free(want);
		address_scan_free(&mailbox);
	}
	if (failed == 0)
		failed = buffer_append(mend->out, mend->value + mend->done, length - mend->done);
	return failed == 0 ? 0 : -1;
}

int
mend_addresses(const struct message_request *request, const struct envelope *envelope, const char *name,
    const char *value, size_t length, struct buffer *out)
{
	struct mend mend = {.request = request, .value = value, .are_senders = mend_is_one_of(name, mend_senders),
	    .keeps_labels = envelope->smtputf8, .out = out};

	return mend_list(&mend, length);
}

static bool
mend_list_is_international(const char *value, size_t length)
{
	struct address_scan scan;
	struct mailbox mailbox;
	bool found = false;
	int result;

	if (mend_is_ascii(value, length))
		return false;
	address_scan_init(&scan, value, length);
	while (!found && (result = address_scan_next(&scan, &mailbox)) != 0) {
		if (result < 0) {
			address_scan_resume(&scan);
			continue;
		}
		found = address_is_international(mailbox.address);
		address_scan_free(&mailbox);
	}
	return found;
}

static bool
mend_is_list(const struct header_field *field, const char *const *names)
{
	for (; *names != NULL; names++)
		if (header_is(field, *names))
			return true;
	return false;
}

bool
mend_is_international(const char *block, size_t length)
{
	struct header_field field;
	size_t offset = 0;

	while (header_next(block, length, &offset, &field))
		if ((mend_is_list(&field, mend_senders) || mend_is_list(&field, mend_receivers)) &&
		    mend_list_is_international(field.value, field.value_length))
			return true;
	return false;
}
