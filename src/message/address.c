/*
 * address: lists of mailboxes, domains, and names as headers have them (RFC 5321 section 4.1.2, RFC 5322 section 3.4).
 * The reading itself is in address_scan.c and address_token.c.
 */
#include "message/address.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "message/address_scan.h"
#include "message/envelope.h"
#include "message/mime_word.h"

#define ADDRESS_DISPLAY_MAX 256

int
address_list_parse(const char *text, size_t length, struct mailbox_list *list, const char **why)
{
	struct mailbox_list found = {0};
	struct address_scan scan;
	struct mailbox mailbox;
	int result;

	address_scan_init(&scan, text, length);
	while ((result = address_scan_next(&scan, &mailbox)) == 1) {
		if (found.count >= ENVELOPE_RECIPIENTS_MAX) {
			address_scan_free(&mailbox);
			scan.text.why = "too many addresses";
			result = -1;
			break;
		}
		if ((found.count & (found.count - 1)) == 0)
			found.items = memory_resize(found.items, found.count > 0 ? found.count * 2 : 1, sizeof(mailbox));
		found.items[found.count++] = mailbox;
	}
	if (result != 0) {
		address_list_free(&found);
		*why = scan.text.why;
		return -1;
	}
	*list = found;
	return 0;
}

void
address_list_free(struct mailbox_list *list)
{
	if (list == NULL)
		return;
	for (size_t i = 0; i < list->count; i++)
		address_scan_free(&list->items[i]);
	free(list->items);
	*list = (struct mailbox_list){0};
}

char *
address_qualify(const char *local, const char *domain)
{
	size_t local_length = strlen(local), domain_length = strlen(domain);
	char *address;

	if (local_length > ENVELOPE_ADDRESS_MAX || domain_length > ENVELOPE_ADDRESS_MAX ||
	    local_length + 1 + domain_length > ENVELOPE_ADDRESS_MAX)
		return NULL;
	address = memory_alloc(local_length + domain_length + 2);
	memcpy(address, local, local_length);
	address[local_length] = '@';
	memcpy(address + local_length + 1, domain, domain_length);
	return address;
}

bool
address_is_international(const char *address)
{
	for (; *address != '\0'; address++)
		if ((unsigned char)*address > 127)
			return true;
	return false;
}

static bool
address_literal_ok(const char *domain)
{
	size_t length = strlen(domain);

	if (length < 3 || domain[length - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < length; i++)
		if (domain[i] <= ' ' || domain[i] >= 127 || strchr("[]\\", domain[i]) != NULL)
			return false;
	return true;
}

bool
address_domain_ok(const char *domain)
{
	size_t label = 0;
	char c;

	if (domain == NULL || strlen(domain) > ENVELOPE_ADDRESS_MAX)
		return false;
	if (domain[0] == '[')
		return address_literal_ok(domain);
	for (; (c = *domain) != '\0'; domain++) {
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';

		if (c == '.' && label > 0 && domain[-1] != '-')
			label = 0;
		else if ((is_plain || (c == '-' && label > 0)) && label < 63)
			label++;
		else
			return false;
	}
	return label > 0 && domain[-1] != '-';
}

/* Control characters become blanks; cut to a length that no name needs. */
static void
address_clean(char *target, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	while (length > 0 && text[length] != '\0' && ((unsigned char)text[length] & 0xC0) == 0x80)
		length--;
	for (size_t i = 0; i < length; i++)
		target[i] = (unsigned char)text[i] < ' ' || text[i] == 127 ? ' ' : text[i];
	target[length] = '\0';
}

static void
address_format_display(struct buffer *out, const char *display)
{
	bool is_ascii = true, is_atom = true;

	for (const char *c = display; *c != '\0'; c++) {
		is_ascii = is_ascii && (unsigned char)*c < 128;
		is_atom = is_atom && strchr("()<>[]:;@\\,.\"", *c) == NULL;
	}
	if (!is_ascii) {
		(void)mime_word_encode(out, display);
		return;
	}
	/* an encoded word stays one, but not what could begin another address */
	if (is_atom || (strncmp(display, "=?", 2) == 0 && strpbrk(display, "()<>[]:;@\\,\"") == NULL)) {
		(void)buffer_append_text(out, display);
		return;
	}
	(void)buffer_append(out, "\"", 1);
	for (const char *c = display; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			(void)buffer_append(out, "\\", 1);
		(void)buffer_append(out, c, 1);
	}
	(void)buffer_append(out, "\"", 1);
}

char *
address_format(const char *display, const char *address)
{
	char name[ADDRESS_DISPLAY_MAX];
	struct buffer out;

	address_clean(name, sizeof(name), display != NULL ? display : "");
	if (name[strspn(name, " ")] == '\0')
		return memory_copy_text(address);
	buffer_init(&out, (size_t)16 * ADDRESS_DISPLAY_MAX + strlen(address));
	address_format_display(&out, name);
	(void)buffer_append_text(&out, " <");
	(void)buffer_append_text(&out, address);
	(void)buffer_append_text(&out, ">");
	return out.data;
}
