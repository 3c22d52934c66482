/*
 * rewrite: RFC 5322 section 3.6 (how often a field may stand), RFC 6409 section 8 (what a submission agent may mend). As
 * little as possible is changed: addresses are mended in their place (mend.h), everything around them stays, octet for octet.
 */
#include "message/rewrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "message/author.h"
#include "message/date.h"
#include "message/fold.h"
#include "message/header.h"
#include "message/mend.h"
#include "message/sender.h"

enum rewrite_action {
	REWRITE_PASS,
	REWRITE_DROP,
	REWRITE_MERGE,		/* all of that name become one list in the place of the first */
	REWRITE_FIRST,		/* the first that says something stays */
	REWRITE_FIRST_KEEP	/* so, too; others that differ are kept as X-Original-... */
};

static const struct rewrite_rule {
	const char *name;
	enum rewrite_action action;
	bool has_addresses;
} rewrite_rules[] = {
	{"To", REWRITE_MERGE, true},
	{"Cc", REWRITE_MERGE, true},
	{"Reply-To", REWRITE_MERGE, true},
	{"From", REWRITE_FIRST_KEEP, true},
	{"Subject", REWRITE_FIRST_KEEP, false},
	{"Sender", REWRITE_FIRST, true},
	{"Date", REWRITE_FIRST, false},
	{"Message-ID", REWRITE_FIRST, false},
	{"Disposition-Notification-To", REWRITE_FIRST, false},
	{"Bcc", REWRITE_DROP, false},
	{"Resent-Bcc", REWRITE_DROP, false},
	{"Return-Path", REWRITE_DROP, false},
	{"Original-Recipient", REWRITE_DROP, false},
	{"Resent-Reply-To", REWRITE_DROP, false},
	{"Content-Length", REWRITE_DROP, false},
	{"Resent-From", REWRITE_PASS, true},
	{"Resent-Sender", REWRITE_PASS, true},
	{"Resent-To", REWRITE_PASS, true},
	{"Resent-Cc", REWRITE_PASS, true},
};

#define REWRITE_RULES (sizeof(rewrite_rules) / sizeof(rewrite_rules[0]))

struct rewrite {
	const struct message_request *request;
	const struct envelope *envelope;
	const char *block;
	size_t length;
	struct header_field first[REWRITE_RULES];	/* the first of that name that is not empty; start NULL: none */
	bool   subject_done;
	bool   is_signed;		/* DKIM: what need not be changed stays, octet for octet (RFC 6376 section 3.4.1) */
	struct buffer field;		/* the one being made */
	struct buffer *out;
};

static const struct rewrite_rule *
rewrite_rule(const struct header_field *field)
{
	for (size_t i = 0; i < REWRITE_RULES; i++)
		if (header_is(field, rewrite_rules[i].name))
			return &rewrite_rules[i];
	return NULL;
}

static int
rewrite_value(struct rewrite *rewrite, const struct rewrite_rule *rule, const char *value, size_t length)
{
	if (rule != NULL && rule->has_addresses)
		return mend_addresses(rewrite->request, rewrite->envelope, rule->name, value, length, &rewrite->field);
	return buffer_append(&rewrite->field, value, length);
}

/* "Name:" without blanks before the colon, which libESMTP would not recognise. */
static int
rewrite_name(struct rewrite *rewrite, const char *prefix, const struct header_field *field)
{
	rewrite->field.length = 0;
	if (buffer_append_text(&rewrite->field, prefix) != 0 ||
	    buffer_append(&rewrite->field, field->start, field->name_length) != 0)
		return -1;
	return buffer_append(&rewrite->field, ":", 1);
}

static int
rewrite_finish(struct rewrite *rewrite)
{
	if (buffer_append(&rewrite->field, "\r\n", 2) != 0)
		return -1;
	if (rewrite->is_signed && !fold_is_needed(rewrite->field.data, rewrite->field.length))
		return buffer_append(rewrite->out, rewrite->field.data, rewrite->field.length);
	return fold_header(rewrite->out, rewrite->field.data, rewrite->field.length);
}

static int
rewrite_field(struct rewrite *rewrite, const char *prefix, const struct rewrite_rule *rule, const struct header_field *field)
{
	if (rewrite_name(rewrite, prefix, field) != 0 ||
	    rewrite_value(rewrite, rule, field->value, field->value_length) != 0)
		return -1;
	return rewrite_finish(rewrite);
}

/* The value without blanks and folds around it. */
static const char *
rewrite_trim(const struct header_field *field, size_t *length)
{
	const char *value = field->value;

	*length = field->value_length;
	while (*length > 0 && memchr(" \t\r\n", value[0], 4) != NULL) {
		value++;
		--*length;
	}
	while (*length > 0 && memchr(" \t\r\n", value[*length - 1], 4) != NULL)
		--*length;
	return value;
}

/* All fields of the name of `first` as one. Alone it stays as it is. */
static int
rewrite_merge(struct rewrite *rewrite, const struct rewrite_rule *rule, const struct header_field *first)
{
	size_t offset = (size_t)(first->start - rewrite->block) + first->length, length = first->value_length;
	const char *value;
	struct header_field field;

	if (rewrite_name(rewrite, "", first) != 0)
		return -1;
	if (rewrite_value(rewrite, rule, first->value, length) != 0)
		return -1;
	while (header_next(rewrite->block, rewrite->length, &offset, &field)) {
		if (!header_is(&field, rule->name) || header_is_empty(&field))
			continue;
		value = rewrite_trim(&field, &length);
		while (rewrite->field.length > 0 &&
		    memchr(" \t\r\n,", rewrite->field.data[rewrite->field.length - 1], 5) != NULL)
			rewrite->field.length--;
		if (buffer_append_text(&rewrite->field, ",\r\n ") != 0 || rewrite_value(rewrite, rule, value, length) != 0)
			return -1;
	}
	return rewrite_finish(rewrite);
}

/* A field of a name that may stand once, and `first` of that name was chosen. */
static int
rewrite_further(struct rewrite *rewrite, const struct rewrite_rule *rule, const struct header_field *first,
    const struct header_field *field)
{
	size_t a_length, b_length;
	const char *a, *b;

	if (rule->action != REWRITE_FIRST_KEEP || header_is_empty(field))
		return 0;
	a = rewrite_trim(first, &a_length);
	b = rewrite_trim(field, &b_length);
	if (a_length == b_length && memcmp(a, b, a_length) == 0)
		return 0;
	return rewrite_field(rewrite, "X-Original-", NULL, field);
}

static int
rewrite_one(struct rewrite *rewrite, const struct header_field *field)
{
	const struct rewrite_rule *rule = rewrite_rule(field);
	const struct header_field *first;

	if (rule == NULL && rewrite->is_signed && !fold_is_needed(field->start, field->length))
		return buffer_append(rewrite->out, field->start, field->length);
	if (rule == NULL || rule->action == REWRITE_PASS)
		return rewrite_field(rewrite, "", rule, field);
	if (rule->action == REWRITE_DROP)
		return 0;
	first = &rewrite->first[rule - rewrite_rules];
	if (first->start == NULL) {		/* all of them are empty; only a subject is allowed to be */
		if (strcmp(rule->name, "Subject") != 0 || rewrite->subject_done)
			return 0;
		rewrite->subject_done = true;
		return rewrite_field(rewrite, "", rule, field);
	}
	if (first->start != field->start)
		return rule->action == REWRITE_MERGE ? 0 : rewrite_further(rewrite, rule, first, field);
	if (rule->action == REWRITE_MERGE)
		return rewrite_merge(rewrite, rule, field);
	return rewrite_field(rewrite, "", rule, field);
}

static bool
rewrite_has(const struct rewrite *rewrite, const char *name)
{
	struct header_field field;

	return header_find(rewrite->block, rewrite->length, name, &field);
}

static int
rewrite_add(struct rewrite *rewrite, const char *name, const char *value)
{
	rewrite->field.length = 0;
	if (buffer_append_format(&rewrite->field, "%s: %s", name, value) != 0)
		return -1;
	return rewrite_finish(rewrite);
}

static int
rewrite_add_date(struct rewrite *rewrite, const char *name)
{
	char date[DATE_SIZE];

	return rewrite_add(rewrite, name, date_format(date, time(NULL)));
}

/* 128 random bits, so that no two messages of any host ever share one. */
static int
rewrite_add_message_id(struct rewrite *rewrite, const char *name)
{
	const char *at = strrchr(rewrite->envelope->reverse_path, '@');
	const char *domain = at != NULL ? at + 1 : rewrite->request->default_domain;
	unsigned char octets[16];
	struct timespec now;
	struct buffer id;
	ssize_t count;
	int failed;

	while ((count = getrandom(octets, sizeof(octets), 0)) < 0 && errno == EINTR)
		;
	if (count != (ssize_t)sizeof(octets)) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		memset(octets, (int)(getpid() & 0xFF), sizeof(octets));
		memcpy(octets, &now.tv_nsec, sizeof(now.tv_nsec) < 8 ? sizeof(now.tv_nsec) : 8);
		octets[8] = (unsigned char)(getpid() >> 8);
		memcpy(octets + 9, &now.tv_sec, 4);
	}
	buffer_init(&id, 512);
	failed = buffer_append(&id, "<", 1);
	for (size_t i = 0; i < sizeof(octets) && failed == 0; i++)
		failed = buffer_append_format(&id, "%02x", octets[i]);
	if (failed == 0)
		failed = buffer_append_format(&id, "@%s>", domain);
	if (failed == 0)
		failed = rewrite_add(rewrite, name, id.data);
	buffer_free(&id);
	return failed;
}

static int
rewrite_add_from(struct rewrite *rewrite, const char *name)
{
	char *from = sender_from(rewrite->request, rewrite->envelope);
	int failed = rewrite_add(rewrite, name, from);

	free(from);
	return failed;
}

static int
rewrite_add_sender(struct rewrite *rewrite, const char *name)
{
	char *sender = sender_address(rewrite->request, rewrite->envelope);
	int failed = rewrite_add(rewrite, name, sender);

	free(sender);
	return failed;
}

/* RFC 5322 section 3.6.6: what a block of Resent- fields must hold, and should. */
static int
rewrite_add_resent(struct rewrite *rewrite)
{
	if (!sender_is_resent(rewrite->block, rewrite->length))
		return 0;
	if (!rewrite_has(rewrite, "Resent-Date") && rewrite_add_date(rewrite, "Resent-Date") != 0)
		return -1;
	if (!rewrite_has(rewrite, "Resent-Message-ID") && rewrite_add_message_id(rewrite, "Resent-Message-ID") != 0)
		return -1;
	if (!rewrite_has(rewrite, "Resent-From"))
		return rewrite_add_from(rewrite, "Resent-From");
	if (!rewrite_has(rewrite, "Resent-Sender") && author_needs_sender(rewrite->block, rewrite->length, "Resent-From"))
		return rewrite_add_sender(rewrite, "Resent-Sender");
	return 0;
}

static int
rewrite_add_missing(struct rewrite *rewrite)
{
	if (rewrite_add_resent(rewrite) != 0)
		return -1;
	if (!rewrite_has(rewrite, "Date") && rewrite_add_date(rewrite, "Date") != 0)
		return -1;
	if (!rewrite_has(rewrite, "Message-ID") && rewrite_add_message_id(rewrite, "Message-ID") != 0)
		return -1;
	if (!rewrite_has(rewrite, "From"))
		return rewrite_add_from(rewrite, "From");
	if (!rewrite_has(rewrite, "Sender") && author_needs_sender(rewrite->block, rewrite->length, "From"))
		return rewrite_add_sender(rewrite, "Sender");
	return 0;
}

int
rewrite_headers(const struct message_request *request, const struct envelope *envelope, const char *block, size_t length,
    struct buffer *out)
{
	struct rewrite rewrite = {.request = request, .envelope = envelope, .block = block, .length = length, .out = out};
	struct header_field field;
	size_t offset = 0;
	int failed;

	for (size_t i = 0; i < REWRITE_RULES; i++)
		if (!header_find(block, length, rewrite_rules[i].name, &rewrite.first[i]))
			rewrite.first[i].start = NULL;
	rewrite.is_signed = header_find(block, length, "DKIM-Signature", &field);
	buffer_init(&rewrite.field, 2 * MESSAGE_HEADER_MAX);
	failed = rewrite_add_missing(&rewrite);
	while (failed == 0 && header_next(block, length, &offset, &field))
		failed = rewrite_one(&rewrite, &field);
	buffer_free(&rewrite.field);
	return failed;
}
