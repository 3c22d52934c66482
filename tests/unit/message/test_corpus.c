/*
 * The corpus: nasty messages with the octets that must come out, as data. See corpus/README for the form. Every case runs
 * with the input in portions of 1, 13 and 65536 octets.
 */
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/file.h"
#include "message/convert.h"

#define CORPUS "tests/unit/message/corpus"
#define WORDS_MAX 64

struct corpus_case {
	char name[160];
	char *words[WORDS_MAX];		/* of argv */
	size_t word_count;
	char *from, *domain, *user, *full_name, *error, *envelope, *relay;
	bool force_from;
	struct buffer input, want;
	bool has_want;
};

static size_t case_count, failures;

static void
case_free(struct corpus_case *one)
{
	for (size_t i = 0; i < one->word_count; i++)
		free(one->words[i]);
	free(one->from);
	free(one->domain);
	free(one->user);
	free(one->full_name);
	free(one->error);
	free(one->envelope);
	free(one->relay);
	buffer_free(&one->input);
	buffer_free(&one->want);
}

/* One octet or a repetition behind a backslash; gives what was used of the text. */
static size_t
append_escape(struct buffer *out, const char *text)
{
	static const char names[] = "rntse\\", values[] = "\r\n\t \033\\";
	const char *found = text[0] != '\0' ? strchr(names, text[0]) : NULL;
	unsigned octet;
	size_t count;
	int used = 0;
	char c;

	if (found != NULL) {
		assert_int_equal(buffer_append(out, values + (found - names), 1), 0);
		return 1;
	}
	if (text[0] == 'x' && sscanf(text + 1, "%2x", &octet) == 1) {
		c = (char)octet;
		assert_int_equal(buffer_append(out, &c, 1), 0);
		return 3;
	}
	if (sscanf(text, "*(%zu,%n", &count, &used) == 1 && used > 0) {
		const char *at = text + used;
		struct buffer piece;

		buffer_init(&piece, 1 << 16);
		for (; *at != ')'; at++) {
			assert_true(*at != '\0');
			if (*at == '\\')
				at += append_escape(&piece, at + 1);
			else
				assert_int_equal(buffer_append(&piece, at, 1), 0);
		}
		while (count-- > 0)
			assert_int_equal(buffer_append(out, piece.data, piece.length), 0);
		buffer_free(&piece);
		return (size_t)(at - text) + 1;
	}
	fail_msg("unknown escape \\%s", text);
	return 0;
}

/* A line of a case, its escapes read; "\c" at its end: no line end. */
static void
append_line(struct buffer *out, const char *line, const char *newline)
{
	for (; *line != '\0'; line++) {
		if (*line == '\\' && line[1] == 'c' && line[2] == '\0')
			return;
		if (*line == '\\')
			line += append_escape(out, line + 1);
		else
			assert_int_equal(buffer_append(out, line, 1), 0);
	}
	assert_int_equal(buffer_append_text(out, newline), 0);
}

/* Words between blanks; quotes keep blanks, escapes work. */
static void
take_words(struct corpus_case *one, const char *text)
{
	struct buffer word;

	while (*(text += strspn(text, " ")) != '\0') {
		bool quoted = false;

		buffer_init(&word, 65536);
		(void)buffer_append(&word, "", 0);
		for (; *text != '\0' && (quoted || *text != ' '); text++) {
			if (*text == '\'')
				quoted = !quoted;
			else if (*text == '\\')
				text += append_escape(&word, text + 1);
			else
				(void)buffer_append(&word, text, 1);
		}
		assert_true(one->word_count < WORDS_MAX);
		one->words[one->word_count++] = memory_copy_text(word.data != NULL ? word.data : "");
		buffer_free(&word);
	}
}

static void
take_setting(struct corpus_case *one, const char *line)
{
	static const char *const keys[] = {"from ", "domain ", "user ", "full-name ", "error ", "envelope ", "relay "};
	char **const fields[] = {&one->from, &one->domain, &one->user, &one->full_name, &one->error, &one->envelope, &one->relay};
	struct buffer value;

	if (strncmp(line, "argv ", 5) == 0) {
		take_words(one, line + 5);
		return;
	}
	if (strcmp(line, "force_from") == 0) {
		one->force_from = true;
		return;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strncmp(line, keys[i], strlen(keys[i])) == 0) {
			buffer_init(&value, 4096);
			append_line(&value, line + strlen(keys[i]), "");
			*fields[i] = memory_copy_text(value.data != NULL ? value.data : "");
			buffer_free(&value);
			return;
		}
	if (line[0] != '\0' && line[0] != '#')
		fail_msg("%s: unknown line: %s", one->name, line);
}

/* The few options that change a message. */
static void
read_argv(const struct corpus_case *one, struct message_request *request, const char *recipients[WORDS_MAX])
{
	size_t i = 0;

	for (; i < one->word_count && one->words[i][0] == '-'; i++) {
		const char *word = one->words[i];

		if (strcmp(word, "--") == 0) {
			i++;
			break;
		}
		if (strcmp(word, "-t") == 0)
			request->take_recipients = true;
		else if (strcmp(word, "-i") == 0)
			request->dots_are_text = true;
		else if (strcmp(word, "-f") == 0)
			request->reverse_path = one->words[++i];
		else if (strcmp(word, "-F") == 0)
			request->full_name = one->words[++i];
		else
			fail_msg("%s: option %s", one->name, word);
	}
	for (; i < one->word_count; i++)
		recipients[request->recipient_count++] = one->words[i];
	request->recipients = recipients;
}

/* What a relay gets: "7bit" has no 8BITMIME, "8bit" has. */
static void
convert(const struct corpus_case *one, struct harness *harness)
{
	int from = memfd_create("from", MFD_CLOEXEC), to = memfd_create("to", MFD_CLOEXEC);
	struct convert_needs found;
	uint64_t length = 0;
	size_t size;
	char *made;

	assert_true(from >= 0 && to >= 0);
	assert_int_equal(file_write(from, harness->wire.data, harness->wire.length), 0);
	assert_int_equal(convert_look(from, 0, harness->wire.length, &found), 0);
	if (found.long_lines || (found.eight_bit && strcmp(one->relay, "7bit") == 0)) {
		harness->result = convert_message(from, 0, harness->wire.length, strcmp(one->relay, "7bit") == 0, to, &length,
		    &harness->outcome);
		assert_int_equal(lseek(to, 0, SEEK_SET), 0);
		made = file_slurp(to, 1 << 24, &size);
		assert_non_null(made);
		if (harness->result == 0)
			assert_int_equal(size, length);
		harness->wire.length = 0;
		assert_int_equal(buffer_append(&harness->wire, made, size), 0);
		free(made);
	}
	(void)close(from);
	(void)close(to);
}

/* All of them are wanted, so the test goes on. */
static void
complain(const struct corpus_case *one, size_t portion, const char *got, const char *want)
{
	(void)fprintf(stderr, "%s, portions of %zu: got\n%.4000s\nwant\n%.4000s\n", one->name, portion, got, want);
	failures++;
}

static void
run_case(const struct corpus_case *one, size_t portion)
{
	struct message_request request = {.default_domain = "host.example", .user_name = "alice",
	    .user_full_name = "Alice A,Room 1", .max_message = 1 << 22, .default_from = one->from, .force_from = one->force_from};
	const char *recipients[WORDS_MAX];
	struct harness harness;

	if (one->domain != NULL)
		request.default_domain = one->domain;
	if (one->user != NULL)
		request.user_name = one->user;
	if (one->full_name != NULL)
		request.user_full_name = one->full_name;
	read_argv(one, &request, recipients);
	harness_run(&harness, &request, one->input.data != NULL ? one->input.data : "", one->input.length, portion);
	if (harness.result == 0 && one->relay != NULL)
		convert(one, &harness);
	if (one->error != NULL) {
		if (harness.result == 0 || strcmp(harness.outcome.text, one->error) != 0)
			complain(one, portion, harness.outcome.text, one->error);
	} else if (harness.result != 0) {
		complain(one, portion, harness.outcome.text, "no error");
	} else {
		if (one->envelope != NULL && strcmp(harness.who.data, one->envelope) != 0)
			complain(one, portion, harness.who.data, one->envelope);
		if (strlen(harness.wire.data) != harness.wire.length || !harness_matches(harness.wire.data, one->want.data))
			complain(one, portion, harness.wire.data, one->want.data);
	}
	harness_free(&harness);
}

static void
finish_case(struct corpus_case *one)
{
	static const size_t portions[] = {65536, 13, 1};

	if (one->name[0] == '\0')
		return;
	if (!one->has_want && one->error == NULL)
		fail_msg("%s: wants nothing", one->name);
	for (size_t i = 0, before = failures; i < sizeof(portions) / sizeof(portions[0]) && failures == before; i++)
		run_case(one, portions[i]);
	case_count++;
	case_free(one);
}

static void
run_file(const char *file)
{
	struct corpus_case one = {0};
	char path[256], *text, *line, *next;
	enum { SETTINGS, INPUT, WANT } part = SETTINGS;
	int fd;

	(void)snprintf(path, sizeof(path), CORPUS "/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("%s: run from the top directory", path);
	text = file_slurp(fd, 1 << 22, NULL);
	assert_non_null(text);
	(void)close(fd);
	for (line = text; *line != '\0'; line = next) {
		next = line + strcspn(line, "\n");
		if (*next == '\n')
			*next++ = '\0';
		if (strncmp(line, "=== ", 4) == 0) {
			finish_case(&one);
			one = (struct corpus_case){0};
			(void)snprintf(one.name, sizeof(one.name), "%s: %s", file, line + 4);
			buffer_init(&one.input, 1 << 22);
			buffer_init(&one.want, 1 << 22);
			part = SETTINGS;
		} else if (strcmp(line, "--- input") == 0) {
			part = INPUT;
		} else if (strcmp(line, "--- want") == 0) {
			part = WANT;
			one.has_want = true;
			(void)buffer_append(&one.want, "", 0);
		} else if (part == SETTINGS) {
			take_setting(&one, line);
		} else {
			append_line(part == INPUT ? &one.input : &one.want, line, part == INPUT ? "\n" : "\r\n");
		}
	}
	finish_case(&one);
	free(text);
}

static void
each_case(void **state)
{
	struct dirent **names;
	int count = scandir(CORPUS, &names, NULL, alphasort);

	(void)state;
	if (count < 0)
		fail_msg("%s: run from the top directory", CORPUS);
	for (int i = 0; i < count; i++) {
		size_t length = strlen(names[i]->d_name);

		if (length > 6 && strcmp(names[i]->d_name + length - 6, ".cases") == 0)
			run_file(names[i]->d_name);
		free(names[i]);
	}
	free(names);
	print_message("%zu messages\n", case_count);
	assert_true(case_count >= 150);
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
