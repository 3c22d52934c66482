/*
 * Address lists from anywhere: no crash, and what is accepted keeps the promises of address.h.
 * clang -std=c17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -Isrc tests/fuzz/fuzz_address.c src/message/[a-z]*.c
 *     src/base/buffer.c src/base/outcome.c src/base/exitcode.c src/base/text.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message/address.h"
#include "message/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mailbox_list list, again;
	const char *why = NULL;

	if (address_list_parse((const char *)data, size, &list, &why) != 0) {
		if (why == NULL || why[0] == '\0')
			abort();
		return 0;
	}
	for (size_t i = 0; i < list.count; i++) {
		const char *address = list.items[i].address;
		char *formatted = address_format(list.items[i].display, address);

		if (strlen(address) > ENVELOPE_ADDRESS_MAX)
			abort();
		for (const char *c = address; *c != '\0'; c++)
			if (*c < ' ' || *c == 127)
				abort();
		if (address[0] != '\0' && address_list_parse(address, strlen(address), &again, &why) == 0) {
			if (again.count != 1 || strcmp(again.items[0].address, address) != 0)
				abort();
			address_list_free(&again);
		} else if (address[0] != '\0' && !list.items[i].is_bare) {
			abort();
		}
		free(formatted);
	}
	address_list_free(&list);
	return 0;
}
