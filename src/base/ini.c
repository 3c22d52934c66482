/*
 * ini: the strict scan. The rules follow what iniparser 4.1 and 4.2 do with a line, and refuse each line on
 * which they would differ from each other or from what the writer of the file sees.
 */
#include "base/ini.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

static bool
ini_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes blanks (and the CR of a CRLF) off both ends. */
static void
ini_trim(const char **text, size_t *length)
{
	while (*length > 0 && ini_is_blank(**text)) {
		(*text)++;
		(*length)--;
	}
	while (*length > 0 && (ini_is_blank((*text)[*length - 1]) || (*text)[*length - 1] == '\r'))
		(*length)--;
}

static bool
ini_is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
		    (text[i] >= '0' && text[i] <= '9') || text[i] == '_' || text[i] == '-' || text[i] == '.'))
			return false;
	return length > 0;
}

static char *
ini_copy_name(const char *text, size_t length)
{
	char *name = memory_copy(text, length);

	text_lower(name);
	return name;
}

static const char *
ini_take_section(struct ini *ini, int line, const char *text, size_t length)
{
	struct ini_section *section;

	if (length < 2 || text[length - 1] != ']')
		return "a section is written alone on its line, as in [relay]";
	text++;
	length -= 2;
	ini_trim(&text, &length);
	if (!ini_is_name(text, length))
		return "a section name has letters, digits, dots, - and _ only";
	ini->sections = memory_resize(ini->sections, ini->section_count + 1, sizeof(*ini->sections));
	section = &ini->sections[ini->section_count];
	*section = (struct ini_section){.name = ini_copy_name(text, length), .line = line};
	for (size_t i = 0; i < ini->section_count; i++)
		if (strcmp(ini->sections[i].name, section->name) == 0)
			section->problem = "this section was there before: join the two";
	ini->section_count++;
	return NULL;
}

/* A value in quotes: iniparser ends it at the second quote, whatever follows, and only 4.2 knows escapes. */
static const char *
ini_take_quoted(struct ini_entry *entry, const char *text, size_t length)
{
	const char *end = memchr(text + 1, text[0], length - 1);
	const char *rest;

	if (end == NULL)
		return "the quote is not closed";
	for (rest = end + 1; rest < text + length && ini_is_blank(*rest); rest++)
		;
	if (rest < text + length && (rest == end + 1 || (*rest != '#' && *rest != ';')))
		return "text behind the closing quote; a value that holds one kind of quote is put in the other kind";
	if (end == text + 1)
		return "the value is empty";
	if (memchr(text + 1, '\\', (size_t)(end - text) - 1) != NULL)
		return "a backslash in quotes means different things to different versions: leave the quotes out";
	free(entry->value);
	entry->value = memory_copy(text + 1, (size_t)(end - text) - 1);
	return NULL;
}

static const char *
ini_take_value(struct ini_entry *entry, const char *text, size_t length)
{
	ini_trim(&text, &length);
	if (length > 0 && (text[0] == '"' || text[0] == '\''))
		return ini_take_quoted(entry, text, length);
	for (size_t i = 0; i < length; i++) {
		if (text[i] != '#' && text[i] != ';')
			continue;
		if (i > 0 && !ini_is_blank(text[i - 1]))
			return "a value with # or ; in it needs quotes";
		entry->has_comment = true;
		length = i;
	}
	ini_trim(&text, &length);
	if (length == 0)
		return "the value is empty";
	free(entry->value);
	entry->value = memory_copy(text, length);
	return NULL;
}

/* Only the entry's own line is spoilt by a wrong key or value, so that goes into the entry. */
static void
ini_take_entry(struct ini *ini, int line, const char *text, size_t length, const char *equals)
{
	size_t key_length = (size_t)(equals - text), value_length = length - key_length - 1;
	struct ini_entry *entry;

	ini_trim(&text, &key_length);
	ini->entries = memory_resize(ini->entries, ini->entry_count + 1, sizeof(*ini->entries));
	entry = &ini->entries[ini->entry_count];
	*entry = (struct ini_entry){.section = ini->section_count - 1, .line = line, .value = memory_copy_text("")};
	/* "*" is a name in [aliases], and unknown elsewhere */
	if (!ini_is_name(text, key_length) && !(key_length == 1 && text[0] == '*')) {
		entry->key = memory_copy_text("");
		entry->problem = "a key has letters, digits, dots, - and _ only";
	} else {
		entry->key = ini_copy_name(text, key_length);
		entry->problem = ini_take_value(entry, equals + 1, value_length);
	}
	for (size_t i = 0; i < ini->entry_count; i++) {
		struct ini_entry *other = &ini->entries[i];

		if (strcmp(other->key, entry->key) != 0 || entry->key[0] == '\0' ||
		    strcmp(ini->sections[other->section].name, ini->sections[entry->section].name) != 0)
			continue;
		other->is_repeated = true;
		entry->problem = "this key was there before";
	}
	ini->entry_count++;
}

static const char *
ini_take_line(struct ini *ini, int line, const char *text, size_t length)
{
	const char *equals;

	if (length > INI_LINE_MAX)
		return "the line is over 1,022 octets long";
	ini_trim(&text, &length);
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return "there is a control character in the line";
	if (length > 0 && text[length - 1] == '\\')
		return "a backslash at the end of a line would swallow the next line";
	if (length == 0 || text[0] == '#' || text[0] == ';')
		return NULL;
	if (text[0] == '[')
		return ini_take_section(ini, line, text, length);
	equals = memchr(text, '=', length);
	if (equals == NULL || equals == text)
		return "this is neither [section] nor key = value nor # comment";
	if (ini->section_count == 0)
		return "this key stands before the first section";
	ini_take_entry(ini, line, text, length, equals);
	return NULL;
}

int
ini_scan(struct ini *ini, const char *text, size_t length, struct ini_mistake *mistake)
{
	int line = 0;

	memset(ini, 0, sizeof(*ini));
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		*mistake = (struct ini_mistake){1, "the file starts with a byte order mark (BOM): save it without"};
		return -1;
	}
	while (length > 0) {
		const char *end = memchr(text, '\n', length);
		size_t line_length = end != NULL ? (size_t)(end - text) : length;
		const char *wrong = ini_take_line(ini, ++line, text, line_length);

		if (wrong != NULL) {
			*mistake = (struct ini_mistake){line, wrong};
			return -1;
		}
		if (end != NULL)
			line_length++;
		text += line_length;
		length -= line_length;
	}
	return 0;
}

void
ini_free(struct ini *ini)
{
	if (ini == NULL)
		return;
	for (size_t i = 0; i < ini->section_count; i++)
		free(ini->sections[i].name);
	for (size_t i = 0; i < ini->entry_count; i++) {
		explicit_bzero(ini->entries[i].value, strlen(ini->entries[i].value));
		free(ini->entries[i].value);
		free(ini->entries[i].key);
	}
	free(ini->sections);
	free(ini->entries);
	memset(ini, 0, sizeof(*ini));
}
