/*
 * sender: RFC 5322 section 3.6.2, RFC 6409 section 8.1. The user comes from the uid, never from the environment: cron and at
 * leave root's LOGNAME to everybody's jobs.
 */
#include "message/sender.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "message/address.h"
#include "message/header.h"
#include "message/local.h"
#include "message/remark.h"
#include "message/target.h"

/* The first mailbox of a list with its domain; "" for none or for <>. NULL with *why. */
static char *
sender_first(const struct message_request *request, const char *text, char **display, const char **why)
{
	struct mailbox_list list;
	char *address;

	if (address_list_parse(text, strlen(text), &list, why) != 0)
		return NULL;
	if (list.count == 0)
		address = memory_copy_text("");
	else
		address = target_sender(request, list.items[0].address);
	if (address == NULL)
		*why = "longer than 254 octets with its domain";
	if (display != NULL && address != NULL && list.count > 0 && list.items[0].display != NULL)
		*display = memory_copy_text(list.items[0].display);
	address_list_free(&list);
	return address;
}

/* Account names of directory services may hold a backslash or an "@". */
static char *
sender_user(const struct message_request *request)
{
	struct buffer local;
	const char *why;
	char *address = sender_first(request, request->user_name, NULL, &why);

	if (address != NULL && address[0] != '\0')
		return address;
	free(address);
	buffer_init(&local, 2 * strlen(request->user_name) + 2);
	(void)buffer_append(&local, "\"", 1);
	for (const char *c = request->user_name; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			(void)buffer_append(&local, "\\", 1);
		if (*c >= ' ' && *c < 127)
			(void)buffer_append(&local, c, 1);
	}
	(void)buffer_append(&local, "\"", 1);
	address = address_qualify(local.data, request->default_domain);
	buffer_free(&local);
	return address != NULL ? address : address_qualify("nobody", "localhost");
}

/* The address in a header of ours if it is a whole one: NULL when not, or when there are several and `only_one`. */
static char *
sender_header(const struct message_request *request, const char *block, size_t length, const char *name, bool only_one)
{
	const struct local local = {.domain = request->default_domain, .host = request->host_name};
	struct header_field field;
	struct mailbox_list list;
	const char *why;
	char *address = NULL;

	if (!header_find(block, length, name, &field) ||
	    address_list_parse(field.value, field.value_length, &list, &why) != 0)
		return NULL;
	if (list.count > 0 && (list.count == 1 || !only_one) && !local_is_nowhere(&local, list.items[0].address))
		address = memory_copy_text(list.items[0].address);
	address_list_free(&list);
	return address;
}

bool
sender_is_resent(const char *block, size_t length)
{
	static const char *const marks[] = {"Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc"};
	struct header_field field;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (header_find(block, length, marks[i], &field))
			return true;
	return false;
}

/* Who resends a message is not its author: From does not say who it is. */
static char *
sender_headers(const struct message_request *request, const char *block, size_t length)
{
	static const struct {
		const char *name;
		bool        only_one, is_resent;
	} order[] = {
		{"Resent-Sender", true, true}, {"Resent-From", false, true},
		{"From", true, false}, {"Sender", true, false}, {"From", false, false},
	};
	bool is_resent = sender_is_resent(block, length);
	char *address = NULL;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && address == NULL; i++)
		if (order[i].is_resent == is_resent)
			address = sender_header(request, block, length, order[i].name, order[i].only_one);
	return address;
}

static bool
sender_has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 127)
			return true;
	return false;
}

/* What -f says: 1; 0 when it is not given or can't be understood: callers pass on what somebody typed into a form, and the mail is
 * not to be lost for that. -1 for control characters, which nobody types: they may be an attempt to smuggle something in. */
static int
sender_given(const struct message_request *request, char **address, struct outcome *outcome)
{
	const char *given = request->reverse_path, *why = "";

	if (given == NULL)
		return 0;
	*address = sender_first(request, given, NULL, &why);
	if (*address != NULL)
		return 1;
	if (!sender_has_control(given)) {
		remark_add(request->remarks, "-f \"%.80s\": %s; taken as not given", given, why);
		return 0;
	}
	outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_INPUT, "sender \"%.80s\": %s", given, why);
	return -1;
}

int
sender_choose(const struct message_request *request, const char *block, size_t length, struct envelope *envelope,
    struct outcome *outcome)
{
	bool is_forced = request->force_from && request->default_from != NULL;
	const char *why = "";
	char *address = NULL;
	int given = is_forced ? 0 : sender_given(request, &address, outcome);

	if (given < 0)
		return -1;
	if (given == 0 && request->default_from != NULL) {
		address = sender_first(request, request->default_from, NULL, &why);
		if (address == NULL) {
			outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_CONFIG, "[sender] from \"%.80s\": %s",
			    request->default_from, why);
			return -1;
		}
	} else if (given == 0) {
		address = sender_headers(request, block, length);
		if (address == NULL)
			address = sender_user(request);
	}
	envelope_set_reverse_path(envelope, address);
	free(address);
	return 0;
}

/* The full name of the password database: up to the first comma stands the name. */
static char *
sender_full_name(const struct message_request *request)
{
	if (request->full_name != NULL)
		return memory_copy_text(request->full_name);
	if (request->user_full_name == NULL)
		return NULL;
	return memory_copy(request->user_full_name, strcspn(request->user_full_name, ","));
}

/* [sender] from when there is one; "" and NULL are none. */
static char *
sender_default(const struct message_request *request, char **display)
{
	const char *why;
	char *address = NULL;

	if (request->default_from != NULL)
		address = sender_first(request, request->default_from, display, &why);
	if (address != NULL && address[0] == '\0') {
		free(address);
		address = NULL;
	}
	return address;
}

char *
sender_address(const struct message_request *request, const struct envelope *envelope)
{
	char *address = NULL;

	if (envelope->reverse_path[0] != '\0')
		return memory_copy_text(envelope->reverse_path);
	address = sender_default(request, NULL);
	return address != NULL ? address : sender_user(request);
}

char *
sender_from(const struct message_request *request, const struct envelope *envelope)
{
	char *display = NULL, *address = sender_default(request, &display), *name, *value;

	if (address == NULL)
		address = sender_address(request, envelope);
	name = request->full_name != NULL || display == NULL ? sender_full_name(request) : memory_copy_text(display);
	value = address_format(name, address);
	free(name);
	free(display);
	free(address);
	return value;
}
