/*
 * Command lines of sendmail: no crash, and what is understood keeps the promises of options.h. Words parted by LF.
 * clang -std=c17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -I. tests/fuzz/fuzz_options.c compat/options.c
 *     src/message/dsn.c src/base/buffer.c src/base/deadline.c src/base/file.c src/base/outcome.c src/base/text.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "compat/options.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each word in memory of its own, so that a step over its end is seen. */
static int
fuzz_split(const char *text, size_t size, char **words)
{
	const char *end = text + size;
	int count = 0;

	while (count < WORDS_MAX) {
		const char *newline = size > 0 ? memchr(text, '\n', (size_t)(end - text)) : NULL;

		words[count++] = memory_copy(text, (size_t)((newline != NULL ? newline : end) - text));
		if (newline == NULL)
			break;
		text = newline + 1;
	}
	words[count] = NULL;
	return count;
}

/* Recipients are the last words, and begin with a dash only behind "--". */
static void
fuzz_check_recipients(const struct options *options, int count, char **words)
{
	size_t first = (size_t)count - options->recipient_count;

	if (options->recipient_count == 0)
		return;
	if (options->recipients != (const char *const *)words + first || first == 0)
		abort();
	if (strcmp(words[first - 1], "--") == 0)
		return;
	for (size_t i = first; i < (size_t)count; i++)
		if (words[i][0] == '-')
			abort();
}

static void
fuzz_check(const struct options *options, int count, char **words)
{
	unsigned notify = 0;
	char text[DSN_NOTIFY_SIZE];

	fuzz_check_recipients(options, count, words);
	if (options->mode > OPTIONS_VERSION)
		abort();
	if (options->mode == OPTIONS_MAIL && !options->take_recipients && options->recipient_count == 0)
		abort();
	if (options->mode == OPTIONS_SERVER && options->recipient_count > 0)
		abort();
	if (options->reverse_path != NULL && options->reverse_path[0] == '-')
		abort();
	if (options->envid[0] != '\0' && !dsn_is_envid(options->envid, strlen(options->envid)))
		abort();
	dsn_notify_text(options->notify, text);
	if (options->notify != 0 && (dsn_parse_notify(text, strlen(text), &notify) != 0 || notify != options->notify))
		abort();
	/* the words that must never have an effect have none: only these letters can lead to another mode */
	if (options->mode == OPTIONS_SERVER) {
		bool is_asked = false;

		for (int i = 1; i < count; i++)
			is_asked = is_asked || (words[i][0] == '-' && strchr(words[i], 'b') != NULL);
		if (!is_asked)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *words[WORDS_MAX + 1], *before[WORDS_MAX];
	int count = fuzz_split((const char *)data, size, words);
	struct options options;
	struct outcome outcome;

	for (int i = 0; i < count; i++)
		before[i] = memory_copy_text(words[i]);
	memset(&outcome, 0, sizeof(outcome));
	if (options_parse(count, words, &options, &outcome) == 0)
		fuzz_check(&options, count, words);
	else if (outcome.cause != CAUSE_USAGE || outcome.text[0] == '\0')
		abort();
	for (int i = 0; i < count; i++) {
		if (strcmp(before[i], words[i]) != 0)
			abort();
		free(before[i]);
		free(words[i]);
	}
	return 0;
}
