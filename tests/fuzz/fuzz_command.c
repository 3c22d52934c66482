/*
 * Command lines of an SMTP client: no crash, and what is understood keeps the promises of command.h. Several lines an input,
 * parted by LF.
 * clang -std=c17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -I. tests/fuzz/fuzz_command.c compat/command.c
 *     src/message/[a-z]*.c src/base/buffer.c src/base/deadline.c src/base/file.c src/base/outcome.c
 *     src/base/exitcode.c src/base/text.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "compat/command.h"
#include "message/address.h"
#include "message/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_check_refusal(const char *refusal)
{
	if (strlen(refusal) < 10 || refusal[0] != '5' || refusal[3] != ' ' || refusal[4] != '5' || refusal[5] != '.')
		abort();
	for (const char *c = refusal; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			abort();
}

/* It goes on as a word of a list of addresses: it must stay one address, and the same. */
static void
fuzz_check_address(const struct command *command)
{
	const char *address = command->address, *why;
	struct mailbox_list list;

	if (strlen(address) > ENVELOPE_ADDRESS_MAX)
		abort();
	for (const char *c = address; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			abort();
	if (address[0] == '\0') {
		if (command->verb == COMMAND_RCPT)
			abort();
		return;
	}
	if (command->is_bare)
		return;
	if (address_list_parse(address, strlen(address), &list, &why) != 0 || list.count != 1 ||
	    strcmp(list.items[0].address, address) != 0)
		abort();
	address_list_free(&list);
}

static void
fuzz_line(const char *line, size_t length)
{
	char refusal[COMMAND_REFUSAL_SIZE];
	struct command command;

	if (command_parse(line, length, &command, refusal) != 0) {
		fuzz_check_refusal(refusal);
		if (command.address != NULL || command.verb == COMMAND_UNKNOWN)
			abort();
		return;
	}
	if ((command.verb == COMMAND_MAIL || command.verb == COMMAND_RCPT) != (command.address != NULL))
		abort();
	if (command.address != NULL)
		fuzz_check_address(&command);
	if ((command.notify & DSN_NEVER) != 0 && command.notify != DSN_NEVER)
		abort();
	if (strpbrk(command.envid, " =\t\r\n") != NULL || strpbrk(command.orcpt, " =\t\r\n") != NULL)
		abort();
	command_free(&command);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size;

	for (;;) {
		const char *newline = size > 0 ? memchr(text, '\n', (size_t)(end - text)) : NULL;
		size_t length = (size_t)((newline != NULL ? newline : end) - text);
		char *exact = memory_copy(text, length);

		fuzz_line(exact, length);
		free(exact);
		if (newline == NULL)
			return 0;
		text = newline + 1;
	}
}
