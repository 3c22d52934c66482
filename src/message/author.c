/*
 * author: RFC 5322 section 3.6.2, RFC 6854. Many relays take mail from one address alone; force_from serves them without
 * taking the reader's way to answer.
 */
#include "message/author.h"

#include <string.h>
#include <stdlib.h>
#include <strings.h>

#include "message/address.h"
#include "message/address_token.h"
#include "message/header.h"

struct author {
	struct buffer *out;
	struct mailbox forced;		/* borrowed from a list */
	bool has_reply_to;
	bool from_done;
};

bool
author_needs_sender(const char *block, size_t length, const char *name)
{
	struct header_field field;
	struct mailbox_list list;
	const char *why;
	bool needs;

	if (!header_find(block, length, name, &field) ||
	    address_list_parse(field.value, field.value_length, &list, &why) != 0)
		return false;
	needs = list.count != 1;
	address_list_free(&list);
	return needs;
}

/* Length of a name before a "<" that can go out as it is written, from *start; 0 when there is none. */
static size_t
author_phrase(const struct header_field *field, size_t *start)
{
	struct address_text text = {.text = field->value, .length = field->value_length};
	struct address_token token;
	size_t end = 0;

	*start = 0;
	while (address_token(&text, &token) == 0 && token.kind != ADDRESS_END) {
		if (token.special == '<')
			return end > *start ? end - *start : 0;
		if (token.kind == ADDRESS_ODD || token.kind == ADDRESS_LITERAL ||
		    (token.kind == ADDRESS_SPECIAL && token.special != '.'))
			return 0;
		if (end == 0)
			*start = token.start;
		end = token.start + token.length;
	}
	return 0;
}

static int
author_field(struct author *author, const char *name, const struct header_field *field)
{
	if (buffer_append_format(author->out, "%s:", name) != 0 ||
	    buffer_append(author->out, field->value, field->value_length) != 0)
		return -1;
	return buffer_append(author->out, "\r\n", 2);
}

/* The new From. `display` is what the old one shows, NULL: nothing. */
static int
author_from(struct author *author, const struct header_field *field, const char *display)
{
	size_t start, length = author_phrase(field, &start);
	char *made;
	int failed;

	if (buffer_append_text(author->out, "From: ") != 0)
		return -1;
	if (length > 0 && display != NULL) {
		if (buffer_append(author->out, field->value + start, length) != 0)
			return -1;
		return buffer_append_format(author->out, " <%s>\r\n", author->forced.address);
	}
	made = address_format(display != NULL ? display : author->forced.display, author->forced.address);
	failed = buffer_append_format(author->out, "%s\r\n", made);
	free(made);
	return failed;
}

static int
author_replace(struct author *author, const struct header_field *field)
{
	struct mailbox_list old;
	const char *why;
	bool is_known = address_list_parse(field->value, field->value_length, &old, &why) == 0;
	bool is_same = is_known && old.count == 1 && strcasecmp(old.items[0].address, author->forced.address) == 0;
	int failed;

	author->from_done = true;
	if (is_same) {
		failed = buffer_append(author->out, field->start, field->length);
	} else {
		failed = author_from(author, field, is_known && old.count > 0 ? old.items[0].display : NULL);
		if (failed == 0)
			failed = author_field(author, is_known && old.count > 0 && !author->has_reply_to ? "Reply-To" :
			    "X-Original-From", field);
	}
	if (is_known)
		address_list_free(&old);
	return failed;
}

static int
author_sender(struct author *author, const struct header_field *field)
{
	struct mailbox_list list;
	const char *why;
	bool is_same = false;

	if (address_list_parse(field->value, field->value_length, &list, &why) == 0) {
		is_same = list.count == 1 && strcasecmp(list.items[0].address, author->forced.address) == 0;
		address_list_free(&list);
	}
	if (is_same)
		return buffer_append(author->out, field->start, field->length);
	return author_field(author, "X-Original-Sender", field);
}

int
author_force(struct buffer *out, const char *block, size_t length, const char *from)
{
	struct author author = {.out = out};
	struct header_field field;
	struct mailbox_list forced;
	const char *why;
	size_t offset = 0;
	int failed = 0;

	if (address_list_parse(from, strlen(from), &forced, &why) != 0 || forced.count == 0) {
		/* a [sender] from like that ends the call elsewhere */
		return buffer_append(out, block, length);
	}
	author.forced = forced.items[0];
	author.has_reply_to = header_find(block, length, "Reply-To", &field);
	while (failed == 0 && header_next(block, length, &offset, &field)) {
		if (header_is(&field, "From") && !header_is_empty(&field) && !author.from_done)
			failed = author_replace(&author, &field);
		else if (header_is(&field, "Sender") && !header_is_empty(&field))
			failed = author_sender(&author, &field);
		else
			failed = buffer_append(out, field.start, field.length);
	}
	address_list_free(&forced);
	return failed;
}
