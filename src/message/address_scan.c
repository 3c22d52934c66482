/*
 * address_scan: RFC 5322 section 3.4 and, of section 4.4, what is still written: blanks within addresses, routes, empty
 * list items. Beyond it: a ";" between addresses, a group without its end, names with "@" or raw UTF-8 in them.
 *
 * Words are kept in two ways at once, since only what follows tells which they were: as a name, and as an address (spec).
 * What makes the spec impossible is remembered as `why` and matters only when an address it must be.
 */
#include "message/address_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "message/envelope.h"
#include "message/idn.h"
#include "message/mime_word.h"

struct address_spec {
	struct buffer local;	/* as written */
	struct buffer plain;	/* without its quotes */
	struct buffer domain;
	bool   in_domain;
	bool   after_word;	/* the last token was one */
	bool   is_quoted;	/* the local part is a single quoted string */
	bool   is_mixed;	/* dots at odd places, or quotes in parts: must be quoted as a whole */
	bool   is_international;	/* the local part holds octets over 127 */
	size_t words;
	size_t local_start, local_end, domain_start, domain_end;	/* in the text */
	const char *why;
};

void
address_scan_init(struct address_scan *scan, const char *text, size_t length)
{
	*scan = (struct address_scan){.text = {.text = text, .length = length}};
}

void
address_scan_free(struct mailbox *mailbox)
{
	if (mailbox == NULL)
		return;
	free(mailbox->display);
	free(mailbox->address);
	*mailbox = (struct mailbox){0};
}

/* Room for the whole text is always enough; an address that is too long is noticed at the end. */
static void
address_spec_init(struct address_spec *spec, size_t limit)
{
	*spec = (struct address_spec){0};
	buffer_init(&spec->local, limit);
	buffer_init(&spec->plain, limit);
	buffer_init(&spec->domain, limit);
}

static void
address_spec_free(struct address_spec *spec)
{
	buffer_free(&spec->local);
	buffer_free(&spec->plain);
	buffer_free(&spec->domain);
}

/* Appends without folds; when `unquoted` also without quotes and backslashes. */
static void
address_scan_append(struct buffer *buffer, const char *text, size_t length, bool unquoted)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\r' || text[i] == '\n' || (unquoted && text[i] == '"'))
			continue;
		if (unquoted && text[i] == '\\' && i + 1 < length)
			i++;
		(void)buffer_append(buffer, text + i, 1);
	}
}

static void
address_spec_local(struct address_spec *spec, const char *text, const struct address_token *token)
{
	bool is_word = token->kind != ADDRESS_SPECIAL;
	bool is_quoted = token->kind == ADDRESS_QUOTED;

	if (is_word && spec->after_word)
		spec->why = "two words where an address should be";
	if (!is_word && !spec->after_word)
		spec->is_mixed = true;
	if (spec->local.length > 0 && (is_quoted || spec->is_quoted))
		spec->is_mixed = true;
	spec->is_quoted = spec->is_quoted || is_quoted;
	address_scan_append(&spec->local, text + token->start, token->length, false);
	address_scan_append(&spec->plain, text + token->start, token->length, is_quoted);
	if (spec->local_end == 0)
		spec->local_start = token->start;
	spec->words += is_word;
	spec->local_end = token->start + token->length;
}

static void
address_spec_domain(struct address_spec *spec, const char *text, const struct address_token *token)
{
	if (token->kind != ADDRESS_SPECIAL && spec->after_word)
		spec->why = "blank in the domain";
	else if (token->kind == ADDRESS_QUOTED)
		spec->why = "malformed domain";
	else {
		if (spec->domain_end == 0)
			spec->domain_start = token->start;
		spec->domain_end = token->start + token->length;
		address_scan_append(&spec->domain, text + token->start, token->length, false);
	}
}

/* Takes the next word, dot or "@" of what may be an address. */
static void
address_spec_feed(struct address_spec *spec, const char *text, const struct address_token *token)
{
	if (spec->why != NULL)
		return;
	for (size_t i = token->start; i < token->start + token->length; i++)
		if ((unsigned char)text[i] > 127 && !spec->in_domain)
			spec->is_international = true;
		else if (text[i] == '\t' && !spec->in_domain)
			spec->why = "control character in the address";
	if (spec->why != NULL)
		return;
	if (token->kind == ADDRESS_ODD || token->kind == ADDRESS_ENCODED)
		spec->why = "malformed address";
	else if (token->special == '@' && spec->in_domain)
		spec->why = "more than one @";
	else if (token->special == '@') {
		if (spec->words == 0)
			spec->why = "nothing before the @";
		spec->is_mixed = spec->is_mixed || !spec->after_word;
		spec->in_domain = true;
	} else if (spec->in_domain)
		address_spec_domain(spec, text, token);
	else if (token->kind == ADDRESS_LITERAL)
		spec->why = "malformed address";
	else
		address_spec_local(spec, text, token);
	spec->after_word = token->kind != ADDRESS_SPECIAL;
}

/* The local part as one quoted string: what "a..b" (in use in Japan) needs on the wire. */
static void
address_spec_requote(struct address_spec *spec)
{
	struct buffer quoted;

	buffer_init(&quoted, 2 * spec->plain.length + 2);
	(void)buffer_append(&quoted, "\"", 1);
	for (size_t i = 0; i < spec->plain.length; i++) {
		if (spec->plain.data[i] == '"' || spec->plain.data[i] == '\\')
			(void)buffer_append(&quoted, "\\", 1);
		(void)buffer_append(&quoted, spec->plain.data + i, 1);
	}
	(void)buffer_append(&quoted, "\"", 1);
	buffer_free(&spec->local);
	spec->local = quoted;
}

/* The domain as its A-labels (RFC 5890 section 2.3.2.1), whatever the relay can do: that form always works. */
static void
address_spec_ascii_domain(struct address_spec *spec)
{
	char *ascii;

	if (!address_is_international(spec->domain.data))
		return;
	ascii = idn_to_ascii(spec->domain.data, &spec->why);
	if (ascii == NULL)
		return;
	buffer_free(&spec->domain);
	buffer_init(&spec->domain, strlen(ascii));
	(void)buffer_append_text(&spec->domain, ascii);
	free(ascii);
}

/* "example.com." is how DNS writes a whole name, and how a sentence ends; SMTP has no dot there (RFC 5321 section 4.1.2). */
static void
address_spec_cut_dot(struct address_spec *spec)
{
	size_t length = spec->domain.length;

	if (length > 1 && spec->domain.data[length - 1] == '.' && spec->domain.data[length - 2] != '.')
		spec->domain.data[--spec->domain.length] = '\0';
}

/* RFC 6531 section 3.3: UTF-8; what it calls controls are those of US-ASCII, but what text.h takes for one (C1, marks that turn a line
 * round on a terminal) has no business in a name either. */
static bool
address_spec_is_utf8(const char *text)
{
	char shown[2 * ENVELOPE_ADDRESS_MAX];

	if (!mime_word_is_utf8(text))
		return false;
	(void)text_printable(shown, sizeof(shown), text, strlen(text), true);
	return strncmp(shown, text, strlen(shown)) == 0;
}

/* The wire form, or NULL with spec->why. */
static char *
address_spec_finish(struct address_spec *spec)
{
	char *address = NULL;

	if (spec->why == NULL && spec->words == 0)
		spec->why = "no address";
	if (spec->why == NULL && !spec->in_domain && spec->is_quoted)
		spec->why = "a name without an address";
	if (spec->why == NULL && spec->in_domain && spec->domain.length == 0)
		spec->why = "nothing behind the @";
	if (spec->why == NULL && spec->is_international && !address_spec_is_utf8(spec->local.data))
		spec->why = "neither US-ASCII nor UTF-8";
	if (spec->why == NULL && spec->in_domain) {
		address_spec_ascii_domain(spec);
		address_spec_cut_dot(spec);
	}
	if (spec->why == NULL && spec->in_domain && !address_domain_ok(spec->domain.data))
		spec->why = "malformed domain";
	if (spec->why != NULL)
		return NULL;
	if (!spec->in_domain && !spec->after_word)
		spec->is_mixed = true;
	if (spec->is_mixed)
		address_spec_requote(spec);
	if (spec->in_domain)
		address = address_qualify(spec->local.data, spec->domain.data);
	else if (spec->local.length <= ENVELOPE_ADDRESS_MAX)
		address = memory_copy_text(spec->local.data);
	if (address == NULL)
		spec->why = "longer than 254 octets";
	return address;
}

/* "<@a,@b:" has been followed by senders to this day; the route is to be ignored (RFC 5321 appendix C). `token` is the
 * first "@". */
static int
address_scan_route(struct address_scan *scan, struct address_token *token)
{
	for (;;) {
		if (address_token(&scan->text, token) != 0)
			return -1;
		if (token->special == ':')
			return address_token(&scan->text, token);
		if (token->kind == ADDRESS_END || token->kind == ADDRESS_QUOTED || token->special == '<' ||
		    token->special == '>' || token->special == ';') {
			scan->text.why = "malformed route";
			return -1;
		}
	}
}

/* Behind "<address>" the item must end. */
static int
address_scan_tail(struct address_scan *scan)
{
	struct address_token token;
	size_t at = scan->text.at;

	if (address_token(&scan->text, &token) != 0)
		return -1;
	if (token.kind == ADDRESS_END || token.special == ',')
		return 0;
	if (token.special == ';') {
		scan->text.at = at;
		return 0;
	}
	scan->text.why = "text behind the >";
	return -1;
}

/* What stands in angle brackets; spec is empty at first. */
static int
address_scan_angle(struct address_scan *scan, struct address_spec *spec, struct mailbox *mailbox)
{
	struct address_token token;

	if (address_token(&scan->text, &token) != 0)
		return -1;
	if (token.special == '>') {
		mailbox->address = memory_copy_text("");
		return address_scan_tail(scan);
	}
	if (token.special == '@' && address_scan_route(scan, &token) != 0)
		return -1;
	while (token.special != '>') {
		if (token.kind == ADDRESS_END || strchr("<,;:", token.special != '\0' ? token.special : 'x') != NULL) {
			scan->text.why = "missing >";
			return -1;
		}
		address_spec_feed(spec, scan->text.text, &token);
		if (address_token(&scan->text, &token) != 0)
			return -1;
	}
	mailbox->address = address_spec_finish(spec);
	mailbox->is_bare = !spec->in_domain;
	scan->text.why = spec->why;
	return mailbox->address != NULL ? address_scan_tail(scan) : -1;
}

static void
address_scan_phrase(struct buffer *phrase, const char *text, const struct address_token *token)
{
	if (phrase->length > 0 && token->is_apart)
		(void)buffer_append(phrase, " ", 1);
	address_scan_append(phrase, text + token->start, token->length, token->kind == ADDRESS_QUOTED);
}

/* A name is the phrase before the address or, in the old way, the comment behind it. */
static void
address_scan_display(struct address_scan *scan, struct buffer *phrase, struct mailbox *mailbox)
{
	if (phrase->length == 0 && scan->text.comment_length > 0)
		address_scan_append(phrase, scan->text.text + scan->text.comment, scan->text.comment_length, false);
	if (phrase->length > 0)
		mailbox->display = memory_copy(phrase->data, phrase->length);
}

static int
address_scan_group(struct address_scan *scan, struct address_spec *spec, struct buffer *phrase)
{
	if (scan->in_group || spec->in_domain || phrase->length == 0) {
		scan->text.why = "colon at a wrong place";
		return -1;
	}
	scan->in_group = true;
	address_spec_free(spec);
	address_spec_init(spec, scan->text.length);
	buffer_free(phrase);
	return 0;
}

/* An address without angle brackets, ended by `token`. */
static int
address_scan_plain(struct address_scan *scan, struct address_spec *spec, struct buffer *phrase, struct mailbox *mailbox)
{
	mailbox->address = address_spec_finish(spec);
	mailbox->is_bare = !spec->in_domain;
	scan->text.why = spec->why;
	if (mailbox->address == NULL)
		return -1;
	buffer_free(phrase);
	return 0;
}

/* One item. 1 a mailbox, 0 nothing but the end, -1. Empty items and the frames of groups are passed over. */
static int
address_scan_item(struct address_scan *scan, struct address_spec *spec, struct buffer *phrase, struct mailbox *mailbox)
{
	struct address_token token;

	for (;;) {
		if (address_token(&scan->text, &token) != 0)
			return -1;
		if (phrase->length == 0 && token.kind != ADDRESS_END)
			scan->item_start = token.start;
		if (token.special == '<') {
			address_spec_free(spec);
			address_spec_init(spec, scan->text.length);
			return address_scan_angle(scan, spec, mailbox) == 0 ? 1 : -1;
		}
		if (token.special == '>') {
			scan->text.why = "unbalanced >";
			return -1;
		}
		if (token.special == ':') {
			if (address_scan_group(scan, spec, phrase) != 0)
				return -1;
			continue;
		}
		if (token.kind == ADDRESS_END || token.special == ',' || token.special == ';') {
			if (token.special == ';')
				scan->in_group = false;
			if (phrase->length > 0)
				return address_scan_plain(scan, spec, phrase, mailbox) == 0 ? 1 : -1;
			if (token.kind == ADDRESS_END)
				return 0;
			scan->text.comment_length = 0;
			continue;
		}
		address_scan_phrase(phrase, scan->text.text, &token);
		address_spec_feed(spec, scan->text.text, &token);
	}
}

int
address_scan_next(struct address_scan *scan, struct mailbox *mailbox)
{
	struct mailbox found = {0};
	struct address_spec spec;
	struct buffer phrase;
	int result;

	address_spec_init(&spec, scan->text.length);
	buffer_init(&phrase, 2 * scan->text.length);
	scan->text.comment_length = 0;
	scan->item_start = scan->text.at;
	result = address_scan_item(scan, &spec, &phrase, &found);
	if (result == 1) {
		address_scan_display(scan, &phrase, &found);
		scan->local_start = spec.local_start;
		scan->local_end = spec.local_end;
		scan->domain_start = spec.domain_start;
		scan->domain_end = spec.domain_end;
		*mailbox = found;
	} else {
		address_scan_free(&found);
	}
	address_spec_free(&spec);
	buffer_free(&phrase);
	return result;
}

/* The next comma or semicolon, or the end; *token is that. */
static void
address_scan_next_item(struct address_scan *scan, struct address_token *token)
{
	do {
		if (address_token(&scan->text, token) != 0) {
			/* an open quote or comment: it takes all the rest along */
			*token = (struct address_token){.kind = ADDRESS_END, .start = scan->text.length};
			scan->text.at = scan->text.length;
		}
	} while (token->kind != ADDRESS_END && token->special != ',' && token->special != ';');
}

void
address_scan_resume(struct address_scan *scan)
{
	const char *text = scan->text.text;
	struct address_token token;

	scan->text.at = scan->item_start;
	address_scan_next_item(scan, &token);
	if (token.special == ';')
		scan->in_group = false;
	scan->item_end = token.start;
	while (scan->item_start < scan->item_end && memchr(" \t\r\n", text[scan->item_start], 4) != NULL)
		scan->item_start++;
	while (scan->item_start < scan->item_end && memchr(" \t\r\n", text[scan->item_end - 1], 4) != NULL)
		scan->item_end--;
}
