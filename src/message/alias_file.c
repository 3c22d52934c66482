/*
 * alias_file: aliases(5) of sendmail and Postfix. The text is changed in place: comment lines become blank, so that every
 * octet stays on its line.
 */
#include "message/alias_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/access.h"
#include "base/file.h"
#include "base/text.h"

static bool
alias_file_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v';
}

static size_t
alias_file_line_length(const char *text, size_t length)
{
	const char *end = memchr(text, '\n', length);

	return end != NULL ? (size_t)(end - text) : length;
}

/* 0, or -1 when there is what no such file holds. */
static int
alias_file_clean(char *text, size_t length)
{
	for (size_t at = 0, n; at < length; at += n + 1) {
		size_t first = 0;

		n = alias_file_line_length(text + at, length - at);
		for (size_t i = at; i < at + n; i++)
			if (((unsigned char)text[i] < ' ' && text[i] != '\t' && text[i] != '\r') || text[i] == 127)
				return -1;
		while (first < n && alias_file_is_blank(text[at + first]))
			first++;
		if (first < n && text[at + first] == '#')
			memset(text + at, ' ', n);
		/* a vertical tab can't come from the file */
		if (n > 0 && text[at + n - 1] == '\\' && at + n < length) {
			text[at + n - 1] = ' ';
			text[at + n] = '\v';
		}
	}
	return 0;
}

int
alias_file_open(struct alias_file *file, const char *path, const char **why)
{
	int fd = access_open_public(path, why);

	*file = (struct alias_file){.line = 1};
	if (fd < 0)
		return -1;
	file->text = file_slurp(fd, ALIAS_FILE_MAX, &file->length);
	(void)close(fd);
	if (file->text == NULL) {
		*why = errno == EFBIG ? "over 1 MB" : strerror(errno);
		return -1;
	}
	if (alias_file_clean(file->text, file->length) != 0) {
		*why = "there is a control character in it";
		alias_file_close(file);
		return -1;
	}
	if (file->length >= 3 && memcmp(file->text, "\xef\xbb\xbf", 3) == 0)
		file->at = 3;
	return 0;
}

void
alias_file_close(struct alias_file *file)
{
	free(file->text);
	*file = (struct alias_file){0};
}

/* Goes to `end`, counting lines. */
static void
alias_file_advance(struct alias_file *file, size_t end)
{
	for (; file->at < end; file->at++)
		file->line += file->text[file->at] == '\n' || file->text[file->at] == '\v';
}

/* Where the entry that begins here ends: before a line that begins with something else than a blank. Blanked comment lines and
 * empty lines don't end it. */
static size_t
alias_file_end(const struct alias_file *file)
{
	size_t at = file->at;

	for (;;) {
		at += alias_file_line_length(file->text + at, file->length - at);
		if (at >= file->length)
			return file->length;
		at++;
		if (at >= file->length || !alias_file_is_blank(file->text[at]))
			return at;
	}
}

/* The name, cut off in place; gives what is behind its colon, or NULL with line->why. */
static char *
alias_file_name(char *text, struct alias_line *line)
{
	bool is_quoted = text[0] == '"';
	char *end = is_quoted ? strchr(text + 1, '"') : text + strcspn(text, ":\"\n\v");
	char *colon = end;

	if (colon != NULL && is_quoted)
		colon++;
	while (colon != NULL && (*colon == ' ' || *colon == '\t'))
		colon++;
	if (colon == NULL || *colon != ':') {
		line->why = "this is not a line \"name: addresses\"";
		return NULL;
	}
	while (!is_quoted && end > text && alias_file_is_blank(end[-1]))
		end--;
	line->name = is_quoted ? text + 1 : text;
	if (end == line->name)
		line->why = "the name is missing";
	else if (memchr(line->name, '@', (size_t)(end - line->name)) != NULL)
		line->why = "a name with a domain is not of this host: it can't have an alias";
	else if (!is_quoted && strpbrk(line->name, " \t") != NULL && strpbrk(line->name, " \t") < end)
		line->why = "a name with a blank in it needs quotes";
	*end = '\0';
	text_lower(line->name);
	return line->why == NULL ? colon + 1 : NULL;
}

bool
alias_file_next(struct alias_file *file, struct alias_line *line)
{
	size_t start = file->at, end;

	while (start < file->length && alias_file_is_blank(file->text[start]))
		start++;
	alias_file_advance(file, start);
	if (start >= file->length)
		return false;
	*line = (struct alias_line){.name = file->text + file->length, .list = file->text + file->length, .line = file->line};
	end = alias_file_end(file);
	if (start > 0 && (file->text[start - 1] == ' ' || file->text[start - 1] == '\t'))
		line->why = "a line that begins with a blank has nothing to continue";
	alias_file_advance(file, end);
	/* the newline before the next entry makes room for the end of this one */
	if (end < file->length)
		file->text[end - 1] = '\0';
	if (line->why != NULL)
		return true;
	line->list = alias_file_name(file->text + start, line);
	if (line->why != NULL) {
		line->name = line->list = file->text + file->length;
		return true;
	}
	if (line->list[strspn(line->list, " \t\r\n\v,")] == '\0')
		line->why = "there is no address behind the colon";
	return true;
}

/* Behind the item that begins at `text`: at a newline, also within a quote or comment that somebody forgot to close, since what stands in
 * the lines behind it must not be lost; at a comma outside of these; or at the end. */
static char *
alias_file_item_end(char *text, int *line)
{
	bool is_quoted = false;
	int depth = 0;

	for (; *text != '\0'; text++) {
		if (*text == '\\' && text[1] != '\0' && text[1] != '\n')
			text++;
		else if (*text == '"' && depth == 0)
			is_quoted = !is_quoted;
		else if (!is_quoted && (*text == '(' || *text == ')'))
			depth += *text == '(' ? 1 : depth > 0 ? -1 : 0;
		else if (*text == '\n' || (!is_quoted && depth == 0 && *text == ','))
			break;
		if (*text == '\v') {
			*line += 1;
			*text = ' ';
		}
	}
	return text;
}

bool
alias_file_item(char **list, int *line, char **item, int *at)
{
	char *start = *list, *end;

	while (*start == ',' || alias_file_is_blank(*start)) {
		*line += *start == '\n' || *start == '\v';
		start++;
	}
	*list = start;
	*at = *line;
	if (*start == '\0')
		return false;
	end = alias_file_item_end(start, line);
	*list = end;
	if (*end != '\0') {
		*line += *end == '\n';
		*(*list)++ = '\0';
	}
	while (end > start && alias_file_is_blank(end[-1]))
		*--end = '\0';
	*item = start;
	return true;
}
