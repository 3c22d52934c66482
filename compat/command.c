/*
 * command: verbs, paths, parameters (RFC 5321 section 4.1.1 and 4.1.2; parameters by RFC 1870 SIZE, RFC 6152 BODY, RFC 6531
 * SMTPUTF8, RFC 3461 RET ENVID NOTIFY ORCPT). Lenient where real clients are (a blank behind "FROM:", no angle
 * brackets, blanks at the end), strict where a mistake would be kept or passed on.
 */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/text.h"
#include "message/address.h"

static const struct {
	const char       *word;
	enum command_verb verb;
} command_verbs[] = {
	{"HELO", COMMAND_HELO}, {"EHLO", COMMAND_EHLO}, {"MAIL", COMMAND_MAIL}, {"RCPT", COMMAND_RCPT},
	{"DATA", COMMAND_DATA}, {"RSET", COMMAND_RSET}, {"NOOP", COMMAND_NOOP}, {"VRFY", COMMAND_VRFY},
	{"HELP", COMMAND_HELP}, {"QUIT", COMMAND_QUIT}, {"AUTH", COMMAND_FOREIGN}, {"BDAT", COMMAND_FOREIGN},
	{"BURL", COMMAND_FOREIGN}, {"ETRN", COMMAND_FOREIGN}, {"EXPN", COMMAND_FOREIGN}, {"ONEX", COMMAND_FOREIGN},
	{"SAML", COMMAND_FOREIGN}, {"SEND", COMMAND_FOREIGN}, {"SOML", COMMAND_FOREIGN},
	{"STARTTLS", COMMAND_FOREIGN}, {"TURN", COMMAND_FOREIGN}, {"VERB", COMMAND_FOREIGN},
};

/* What is being read. */
struct command_text {
	const char *at, *end;
	char       *refusal;
};

static int command_refuse(const struct command_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int
command_refuse(const struct command_text *text, const char *format, ...)
{
	char raw[COMMAND_REFUSAL_SIZE];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(raw, sizeof(raw), format, arguments) < 0)
		raw[0] = '\0';
	va_end(arguments);
	(void)text_printable(text->refusal, COMMAND_REFUSAL_SIZE, raw, strlen(raw), false);
	return -1;
}

static bool
command_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
command_skip_blanks(struct command_text *text)
{
	while (text->at < text->end && command_is_blank(*text->at))
		text->at++;
}

/* "word" at the beginning, without case; goes on behind it. */
static bool
command_take_word(struct command_text *text, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(text->end - text->at) < length || strncasecmp(text->at, word, length) != 0)
		return false;
	text->at += length;
	return true;
}

static enum command_verb
command_take_verb(struct command_text *text)
{
	for (size_t i = 0; i < sizeof(command_verbs) / sizeof(command_verbs[0]); i++) {
		const char *start = text->at;

		if (command_take_word(text, command_verbs[i].word) &&
		    (text->at == text->end || command_is_blank(*text->at)))
			return command_verbs[i].verb;
		text->at = start;
	}
	return COMMAND_UNKNOWN;
}

/* Behind the ">" that ends a path, or at the blank that ends a bare address; NULL when there is no end. */
static const char *
command_path_end(const struct command_text *text)
{
	bool in_quotes = false, in_brackets = *text->at == '<';

	for (const char *c = text->at; c < text->end; c++) {
		if (in_quotes && *c == '\\' && c + 1 < text->end)
			c++;
		else if (*c == '"')
			in_quotes = !in_quotes;
		else if (in_quotes)
			continue;
		else if (in_brackets && *c == '>')
			return c + 1;
		else if (strchr(in_brackets ? "()" : "()<>,;:", *c) != NULL)
			return NULL;	/* comments, lists and groups are for headers */
		else if (!in_brackets && command_is_blank(*c))
			return c;
	}
	return in_quotes || in_brackets ? NULL : text->end;
}

static int
command_take_path(struct command_text *text, struct command *command)
{
	struct mailbox_list list;
	const char *end, *why = NULL;
	int failed = 0;

	command_skip_blanks(text);
	if (text->at == text->end)
		return command_refuse(text, "501 5.5.4 an address is missing");
	end = command_path_end(text);
	if (end == NULL)
		return command_refuse(text, "501 5.1.3 malformed address");
	if (address_list_parse(text->at, (size_t)(end - text->at), &list, &why) != 0)
		return command_refuse(text, "501 5.1.3 malformed address: %s", why);
	if (list.count != 1 || list.items[0].display != NULL) {
		failed = command_refuse(text, "501 5.1.3 malformed address");
	} else {
		command->address = memory_copy_text(list.items[0].address);
		command->is_bare = list.items[0].is_bare;
	}
	address_list_free(&list);
	text->at = end;
	return failed;
}

static bool
command_is(const char *value, size_t length, const char *word)
{
	return strlen(word) == length && strncasecmp(value, word, length) == 0;
}

static int
command_set_size(struct command *command, const char *value, size_t length)
{
	uint64_t number = 0;

	if (length == 0 || length > 20)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (value[i] < '0' || value[i] > '9')
			return -1;
		/* what does not fit is too big in any case */
		number = number > (UINT64_MAX - 9) / 10 ? UINT64_MAX : number * 10 + (uint64_t)(value[i] - '0');
	}
	command->size = number;
	return 0;
}

static int
command_set_body(struct command *command, const char *value, size_t length)
{
	command->eight_bit = command_is(value, length, "8BITMIME");
	return command->eight_bit || command_is(value, length, "7BIT") ? 0 : -1;
}

/* Whether it is needed is seen from the addresses. */
static int
command_set_smtputf8(struct command *command, const char *value, size_t length)
{
	(void)command;
	(void)length;
	return value == NULL ? 0 : -1;
}

static int
command_set_ret(struct command *command, const char *value, size_t length)
{
	return dsn_parse_return(value, length, &command->ret);
}

static int
command_set_envid(struct command *command, const char *value, size_t length)
{
	if (!dsn_is_envid(value, length))
		return -1;
	memcpy(command->envid, value, length);
	return 0;
}

static int
command_set_notify(struct command *command, const char *value, size_t length)
{
	return dsn_parse_notify(value, length, &command->notify);
}

static int
command_set_orcpt(struct command *command, const char *value, size_t length)
{
	if (!dsn_is_orcpt(value, length))
		return -1;
	memcpy(command->orcpt, value, length);
	return 0;
}

static const struct command_parameter {
	const char       *name;
	int (*set)(struct command *command, const char *value, size_t length);
	enum command_verb verb;
	bool              has_value;	/* else `value` is NULL unless the client gave one */
} command_parameters[] = {
	{"SIZE", command_set_size, COMMAND_MAIL, true},
	{"BODY", command_set_body, COMMAND_MAIL, true},
	{"RET", command_set_ret, COMMAND_MAIL, true},
	{"ENVID", command_set_envid, COMMAND_MAIL, true},
	{"SMTPUTF8", command_set_smtputf8, COMMAND_MAIL, false},
	{"NOTIFY", command_set_notify, COMMAND_RCPT, true},
	{"ORCPT", command_set_orcpt, COMMAND_RCPT, true},
};

/* "NAME=value"; *seen has a bit for each row that came already. */
static int
command_take_parameter(struct command_text *text, struct command *command, unsigned *seen)
{
	const char *start = text->at, *equals;
	size_t length, name;

	while (text->at < text->end && !command_is_blank(*text->at))
		text->at++;
	length = (size_t)(text->at - start);
	equals = memchr(start, '=', length);
	name = equals != NULL ? (size_t)(equals - start) : length;
	for (size_t i = 0; i < sizeof(command_parameters) / sizeof(command_parameters[0]); i++) {
		const struct command_parameter *row = &command_parameters[i];

		if (row->verb != command->verb || !command_is(start, name, row->name))
			continue;
		if ((*seen & 1U << i) != 0)
			return command_refuse(text, "501 5.5.4 %s twice", row->name);
		*seen |= 1U << i;
		if ((equals == NULL && row->has_value) ||
		    row->set(command, equals != NULL ? equals + 1 : NULL, equals != NULL ? length - name - 1 : 0) != 0)
			return command_refuse(text, "501 5.5.4 wrong value of %s", row->name);
		return 0;
	}
	return command_refuse(text, "555 5.5.4 unknown parameter %.*s", name < 40 ? (int)name : 40, start);
}

static int
command_take_parameters(struct command_text *text, struct command *command)
{
	unsigned seen = 0;

	if (text->at < text->end && !command_is_blank(*text->at))
		return command_refuse(text, "501 5.1.3 malformed address: text behind it");
	for (;;) {
		command_skip_blanks(text);
		if (text->at == text->end)
			return 0;
		if (command_take_parameter(text, command, &seen) != 0)
			return -1;
	}
}

static int
command_take_mail(struct command_text *text, struct command *command)
{
	bool is_mail = command->verb == COMMAND_MAIL;

	command_skip_blanks(text);
	if (!command_take_word(text, is_mail ? "FROM" : "TO"))
		return command_refuse(text, "501 5.5.4 %s wanted", is_mail ? "MAIL FROM:<address>" : "RCPT TO:<address>");
	command_skip_blanks(text);
	if (!command_take_word(text, ":"))
		return command_refuse(text, "501 5.5.4 %s wanted", is_mail ? "MAIL FROM:<address>" : "RCPT TO:<address>");
	if (command_take_path(text, command) != 0 || command_take_parameters(text, command) != 0)
		return -1;
	if (!is_mail && command->address[0] == '\0')
		return command_refuse(text, "501 5.1.3 nobody is no recipient");
	return 0;
}

static int
command_take_rest(struct command_text *text, struct command *command)
{
	command_skip_blanks(text);
	switch (command->verb) {
	case COMMAND_MAIL:
	case COMMAND_RCPT:
		return command_take_mail(text, command);
	case COMMAND_HELO:
	case COMMAND_EHLO:
		if (text->at == text->end)
			return command_refuse(text, "501 5.5.4 a name is missing");
		return 0;
	case COMMAND_VRFY:
		if (text->at == text->end)
			return command_refuse(text, "501 5.5.4 an address is missing");
		return 0;
	case COMMAND_DATA:
	case COMMAND_RSET:
	case COMMAND_QUIT:
		if (text->at != text->end)
			return command_refuse(text, "501 5.5.4 no parameters here");
		return 0;
	case COMMAND_UNKNOWN:
	case COMMAND_FOREIGN:
	case COMMAND_NOOP:
	case COMMAND_HELP:
		break;
	}
	return 0;
}

int
command_parse(const char *line, size_t length, struct command *command, char refusal[COMMAND_REFUSAL_SIZE])
{
	struct command_text text = {line, line + length, refusal};
	bool is_ascii = true;

	memset(command, 0, sizeof(*command));
	refusal[0] = '\0';
	for (size_t i = 0; i < length; i++) {
		unsigned char octet = (unsigned char)line[i];

		if ((octet < ' ' && octet != '\t') || octet == 0x7f)
			return 0;
		is_ascii = is_ascii && octet < 0x80;
	}
	command->verb = command_take_verb(&text);
	if (command->verb == COMMAND_UNKNOWN)
		return 0;
	/* an address may be UTF-8 (RFC 6531), also where SMTPUTF8 is not said: clients forget it, and we know what the relay needs */
	if (!is_ascii && command->verb != COMMAND_MAIL && command->verb != COMMAND_RCPT)
		return command_refuse(&text, "501 5.6.7 octets outside US-ASCII");
	if (command_take_rest(&text, command) == 0)
		return 0;
	command_free(command);
	return -1;
}

void
command_free(struct command *command)
{
	free(command->address);
	command->address = NULL;
}
