/*
 * Files of aliases from anywhere: no crash, each look-up ends, and what it gives can stand in an envelope. The first line of the input is
 * the name to look up, the rest is the file. Build as fuzz_address.c.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "message/alias.h"
#include "message/envelope.h"
#include "message/mime_word.h"
#include "message/remark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_check(const struct alias_result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		const char *address = result->addresses[i];

		if (address[0] == '\0' || strlen(address) > ENVELOPE_ADDRESS_MAX || !mime_word_is_utf8(address))
			abort();
		for (const char *c = address; *c != '\0'; c++)
			if ((unsigned char)*c < ' ' || *c == 127)
				abort();
	}
}

static void
fuzz_look_up(struct alias_set *set, const char *name)
{
	const struct local local = {.domain = "example.com", .host = "web1.host.example"};
	struct alias_result first, second;
	int found = alias_find(set, &local, name, &first);

	if (found != (first.count > 0) || alias_find(set, &local, name, &second) != found || second.count != first.count)
		abort();
	fuzz_check(&first);
	for (size_t i = 0; i < first.count; i++)
		if (strcmp(first.addresses[i], second.addresses[i]) != 0)
			abort();
	alias_result_free(&first);
	alias_result_free(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t length = end != NULL ? (size_t)(end - data) : 0;
	int fd = memfd_create("aliases", MFD_CLOEXEC);
	struct buffer remarks;
	struct alias_set *set;
	char path[64], *name;

	if (fd < 0 || fchmod(fd, 0600) != 0 || write(fd, data + length, size - length) != (ssize_t)(size - length))
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	buffer_init(&remarks, REMARK_MAX);
	set = alias_new(path, &remarks);
	name = memory_copy(data != NULL ? (const char *)data : "", length);
	fuzz_look_up(set, name);
	fuzz_look_up(set, "a");
	alias_check(set);
	if (remarks.length > 0 && remarks.data[remarks.length - 1] != '\n')
		abort();
	free(name);
	alias_free(set);
	buffer_free(&remarks);
	(void)close(fd);
	return 0;
}
