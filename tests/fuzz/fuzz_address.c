/*
 * Address lists from anywhere: no crash, and what is accepted keeps the promises of address.h. A scan that goes on behind each mistake ends;
 * what mend.h makes of a header stays as it is when it is mended again.
 * clang -std=c17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -Isrc tests/fuzz/fuzz_address.c src/message/[a-z]*.c
 *     src/base/{access,buffer,deadline,exitcode,file,outcome,text}.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message/address.h"
#include "message/address_scan.h"
#include "message/envelope.h"
#include "message/mend.h"
#include "message/mime_word.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_check_address(const char *address)
{
	const char *at = strrchr(address, '@');

	if (strlen(address) > ENVELOPE_ADDRESS_MAX || !mime_word_is_utf8(address))
		abort();
	for (const char *c = address; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 127 || (at != NULL && c > at && (unsigned char)*c > 127))
			abort();
}

static void
fuzz_scan(const char *text, size_t size)
{
	struct address_scan scan;
	struct mailbox mailbox;
	size_t steps = 0;
	int result;

	address_scan_init(&scan, text, size);
	while ((result = address_scan_next(&scan, &mailbox)) != 0) {
		if (++steps > size + 1)
			abort();
		if (result > 0) {
			if (scan.local_end > size || scan.domain_end > size || scan.local_start > scan.local_end ||
			    scan.domain_start > scan.domain_end)
				abort();
			fuzz_check_address(mailbox.address);
			address_scan_free(&mailbox);
			continue;
		}
		address_scan_resume(&scan);
		if (scan.item_start > scan.item_end || scan.item_end > size)
			abort();
	}
}

static void
fuzz_mend(const char *text, size_t size)
{
	const struct message_request request = {.default_domain = "host.example", .host_name = "web1.host.example"};
	static const char *const names[] = {"To", "From"};

	for (size_t i = 0; i < 4; i++) {
		struct envelope envelope = {.smtputf8 = (i & 2) != 0};
		struct buffer once, twice;

		buffer_init(&once, 1 << 22);
		buffer_init(&twice, 1 << 22);
		if (mend_addresses(&request, &envelope, names[i & 1], text, size, &once) != 0 ||
		    mend_addresses(&request, &envelope, names[i & 1], once.data != NULL ? once.data : "", once.length, &twice) != 0)
			abort();
		if (once.length != twice.length || (once.length > 0 && memcmp(once.data, twice.data, once.length) != 0))
			abort();
		buffer_free(&once);
		buffer_free(&twice);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mailbox_list list, again;
	const char *why = NULL;

	fuzz_scan((const char *)data, size);
	fuzz_mend((const char *)data, size);
	if (address_list_parse((const char *)data, size, &list, &why) != 0) {
		if (why == NULL || why[0] == '\0')
			abort();
		return 0;
	}
	for (size_t i = 0; i < list.count; i++) {
		const char *address = list.items[i].address;
		char *formatted = address_format(list.items[i].display, address);

		fuzz_check_address(address);
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
