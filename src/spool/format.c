/*
 * format: encodes and parses the parts of a message file. The layout stands in format.h; a test compares it with stored octets, so it
 * can't change by accident. Numbers have fixed widths, so that any octet that is not as this program writes it shows.
 */
#include "spool/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define FORMAT_MAGIC "mailcrane message "
#define FORMAT_FIRST_LINE FORMAT_MAGIC "1\n"
#define FORMAT_SLOT_TEXT 255
#define FORMAT_RELAY OUTCOME_RELAY_SIZE	/* '@' and the name, filled with blanks */
#define FORMAT_AT "\nat "

static const char format_states[VERDICT_MAX + 1] = "WDQR";	/* in the order of enum verdict */

/* Copies the text and fills with blanks up to the last octet, which becomes LF. */
static void
format_fill(char *octets, size_t size, const char *text)
{
	size_t length = strlen(text);

	memcpy(octets, text, length);
	memset(octets + length, ' ', size - 1 - length);
	octets[size - 1] = '\n';
}

/* Exactly `width` digits. */
static int
format_number(const char *octets, size_t width, unsigned base, uint64_t *value)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t number = 0;

	for (size_t i = 0; i < width; i++) {
		const char *digit = memchr(digits, octets[i], base);

		if (digit == NULL)
			return -1;
		number = number * base + (uint64_t)(digit - digits);
	}
	*value = number;
	return 0;
}

void
format_head(char octets[FORMAT_HEAD_SIZE], const struct format_head *head)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
	    FORMAT_FIRST_LINE "envelope %012" PRIu64 "\nmessage %018" PRIu64 "\nchecksum %016" PRIx64 "\neight_bit %d\n",
	    head->envelope, head->message, head->checksum, head->eight_bit ? 1 : 0);
	format_fill(octets, FORMAT_HEAD_SIZE, text);
}

/* A later version says so in its first line; everything else about it is unknown. */
static bool
format_is_newer(const char *octets)
{
	const size_t start = strlen(FORMAT_MAGIC);
	uint64_t version;

	for (size_t width = 1; width <= 3; width++)
		if (octets[start + width] == '\n' && octets[start] != '0' &&
		    format_number(octets + start, width, 10, &version) == 0)
			return version > 1;
	return false;
}

enum format_result
format_parse_head(const char octets[FORMAT_HEAD_SIZE], struct format_head *head)
{
	const size_t envelope = strlen(FORMAT_FIRST_LINE "envelope ");
	const size_t message = envelope + 12 + strlen("\nmessage ");
	const size_t checksum = message + 18 + strlen("\nchecksum ");
	const size_t eight_bit = checksum + 16 + strlen("\neight_bit ");
	struct format_head found = {.eight_bit = octets[eight_bit] == '1'};
	char again[FORMAT_HEAD_SIZE];

	if (memcmp(octets, FORMAT_MAGIC, strlen(FORMAT_MAGIC)) != 0)
		return FORMAT_DAMAGED;
	if (format_is_newer(octets))
		return FORMAT_NEWER;
	if (format_number(octets + envelope, 12, 10, &found.envelope) != 0 ||
	    format_number(octets + message, 18, 10, &found.message) != 0 ||
	    format_number(octets + checksum, 16, 16, &found.checksum) != 0 || found.envelope > FORMAT_ENVELOPE_MAX)
		return FORMAT_DAMAGED;
	/* the padding too must be as it was written */
	format_head(again, &found);
	if (memcmp(again, octets, FORMAT_HEAD_SIZE) != 0)
		return FORMAT_DAMAGED;
	*head = found;
	return FORMAT_OK;
}

/* What [relay.NAME] can be called. */
static bool
format_is_relay(const char *name)
{
	return name[0] != '\0' && strlen(name) < OUTCOME_RELAY_SIZE && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0';
}

/* A field with room for `width` octets of text. */
static void
format_outcome(char *octets, size_t width, const struct outcome *outcome)
{
	unsigned verdict = (unsigned)outcome->verdict < VERDICT_MAX ? (unsigned)outcome->verdict : VERDICT_NONE;
	int reply = outcome->reply >= 0 && outcome->reply <= 999 ? outcome->reply : 0;
	const char *enhanced = outcome->enhanced;
	bool is_named = format_is_relay(outcome->relay);
	char text[FORMAT_SLOT_TEXT + 1], line[FORMAT_COLUMNS + FORMAT_SLOT_TEXT + 1];
	int length;

	if (strspn(enhanced, "0123456789.") != strnlen(enhanced, sizeof(outcome->enhanced)))
		enhanced = "";
	text_printable(text, width + 1 - (is_named ? FORMAT_RELAY + 1 : 0), outcome->text, strnlen(outcome->text, sizeof(outcome->text)), true);
	length = snprintf(line, sizeof(line), "%c %03d %-11.11s %c %-12.12s %-24.24s %s", format_states[verdict], reply, enhanced,
	    outcome->uncertain ? 'U' : outcome->bound ? 'P' : '-', stage_name(outcome->stage), cause_name(outcome->cause), text);
	memset(octets, ' ', FORMAT_COLUMNS + width);
	if (length > 0)
		memcpy(octets, line, (size_t)length);
	if (is_named) {
		octets[FORMAT_COLUMNS + width - FORMAT_RELAY] = '@';
		memcpy(octets + FORMAT_COLUMNS + width - FORMAT_RELAY + 1, outcome->relay, strlen(outcome->relay));
	}
}

/* Copies a column without the blanks it is filled with. */
static const char *
format_column(char *target, const char *octets, size_t width)
{
	while (width > 0 && octets[width - 1] == ' ')
		width--;
	memcpy(target, octets, width);
	target[width] = '\0';
	return target;
}

/* The width of the text that is left when it ends in the name of a relay. */
static size_t
format_parse_relay(const char *text, size_t width, char name[OUTCOME_RELAY_SIZE])
{
	const char *end = text + width - FORMAT_RELAY;
	char column[OUTCOME_RELAY_SIZE];

	if (end[-1] != ' ' || end[0] != '@' || !format_is_relay(format_column(column, end + 1, FORMAT_RELAY - 1)))
		return width;
	memcpy(name, column, strlen(column) + 1);
	return width - FORMAT_RELAY - 1;
}

static int
format_parse_outcome(const char *octets, size_t width, struct outcome *outcome)
{
	const char *state = octets[0] == '\0' ? NULL : strchr(format_states, octets[0]);
	char column[FORMAT_SLOT_TEXT + 1];
	uint64_t reply;

	if (state == NULL)
		return -1;
	memset(outcome, 0, sizeof(*outcome));
	outcome->verdict = (enum verdict)(state - format_states);
	if (format_number(octets + 2, 3, 10, &reply) == 0)
		outcome->reply = (int)reply;
	format_column(column, octets + 6, 11);
	if (strspn(column, "0123456789.") == strlen(column))
		memcpy(outcome->enhanced, column, strlen(column) + 1);
	outcome->uncertain = octets[18] == 'U';
	outcome->bound = octets[18] == 'P';
	outcome->stage = stage_parse(format_column(column, octets + 20, 12));
	outcome->cause = cause_parse(format_column(column, octets + 33, 24));
	width = format_parse_relay(octets + FORMAT_COLUMNS, width, outcome->relay);
	format_column(column, octets + FORMAT_COLUMNS, width);
	text_printable(outcome->text, sizeof(outcome->text), column, strlen(column), true);
	return 0;
}

void
format_slot_init(struct format_slot *slot)
{
	memset(slot, 0, sizeof(*slot));
	memset(slot->flags, '-', FORMAT_FLAGS);
}

void
format_slot(char octets[FORMAT_SLOT_SIZE], const struct format_slot *slot)
{
	char text[128];
	int length = snprintf(text, sizeof(text), "due %018" PRIu64 "\nattempts %010u\nflags %.*s\nlast ",
	    slot->due > 0 ? (uint64_t)slot->due : 0, slot->attempts, FORMAT_FLAGS, slot->flags);

	format_fill(octets, FORMAT_SLOT_SIZE, text);
	format_outcome(octets + length, FORMAT_SLOT_TEXT, &slot->last);
	length += FORMAT_COLUMNS + FORMAT_SLOT_TEXT;
	if (format_is_relay(slot->at)) {
		memcpy(octets + length, FORMAT_AT, strlen(FORMAT_AT));
		memcpy(octets + length + strlen(FORMAT_AT), slot->at, strlen(slot->at));
	}
}

void
format_parse_slot(const char octets[FORMAT_SLOT_SIZE], struct format_slot *slot)
{
	const size_t attempts = strlen("due ") + 18 + strlen("\nattempts ");
	const size_t flags = attempts + 10 + strlen("\nflags ");
	const size_t last = flags + FORMAT_FLAGS + strlen("\nlast ");
	const size_t at = last + FORMAT_COLUMNS + FORMAT_SLOT_TEXT;
	struct format_slot found;
	uint64_t due, count;

	format_slot_init(slot);
	format_slot_init(&found);
	if (format_number(octets + 4, 18, 10, &due) != 0 || format_number(octets + attempts, 10, 10, &count) != 0 ||
	    count > UINT32_MAX || format_parse_outcome(octets + last, FORMAT_SLOT_TEXT, &found.last) != 0)
		return;
	for (size_t i = 0; i < FORMAT_FLAGS; i++)
		if (octets[flags + i] < '!' || octets[flags + i] > '~')
			return;
	memcpy(found.flags, octets + flags, FORMAT_FLAGS);
	found.due = (time_t)due;
	found.attempts = (unsigned)count;
	if (memcmp(octets + at, FORMAT_AT, strlen(FORMAT_AT)) == 0 &&
	    !format_is_relay(format_column(found.at, octets + at + strlen(FORMAT_AT), OUTCOME_RELAY_SIZE - 1)))
		found.at[0] = '\0';
	*slot = found;
}

void
format_field(char *octets, const struct outcome *outcome)
{
	format_outcome(octets, FORMAT_TEXT_SIZE, outcome);
}

int
format_parse_field(const char *octets, struct outcome *outcome)
{
	return format_parse_outcome(octets, FORMAT_TEXT_SIZE, outcome);
}

/* An address that holds a control character could start a line of its own. */
static bool
format_address_ok(const char *address)
{
	size_t length = 0;

	for (; address[length] != '\0'; length++)
		if ((unsigned char)address[length] < ' ' || address[length] == 0x7f)
			return false;
	return length <= ENVELOPE_ADDRESS_MAX;
}

/* A line that is there only when something was said; its value has no control characters (dsn.h). */
static int
format_option(struct buffer *buffer, const char *key, const char *value)
{
	return value == NULL || value[0] == '\0' ? 0 : buffer_append_format(buffer, "%s %s\n", key, value);
}

int
format_envelope(struct buffer *buffer, const struct format_sender *sender, const struct envelope *envelope)
{
	const char *from = envelope->reverse_path != NULL ? envelope->reverse_path : "";
	char program[FORMAT_PROGRAM_SIZE + 1], field[FORMAT_FIELD_SIZE + 1] = "", notify[DSN_NOTIFY_SIZE];
	const struct outcome initial = {.verdict = VERDICT_NONE};

	errno = EINVAL;
	if (!format_address_ok(from) || envelope->recipient_count == 0)
		return -1;
	text_printable(program, sizeof(program), sender->program, strlen(sender->program), true);
	if (buffer_append_format(buffer, "id %s\ncreated %" PRId64 "\nuid %u\nprogram %s\nfrom %s\n", sender->id, sender->created,
	    (unsigned)sender->uid, program, from) != 0)
		return -1;
	if (format_option(buffer, "ret", dsn_return_text(envelope->ret)) != 0 ||
	    format_option(buffer, "envid", envelope->envid) != 0 ||
	    format_option(buffer, "relay", envelope->relay != NULL && format_is_relay(envelope->relay) ? envelope->relay : NULL) != 0 ||
	    format_option(buffer, "report", sender->report) != 0)
		return -1;
	if (envelope->smtputf8 && buffer_append_text(buffer, "international 1\n") != 0)
		return -1;
	format_field(field, &initial);
	for (size_t i = 0; i < envelope->recipient_count; i++) {
		errno = EINVAL;
		if (!format_address_ok(envelope->recipients[i]) || envelope->recipients[i][0] == '\0' ||
		    buffer_append_format(buffer, "to %s %s\n", field, envelope->recipients[i]) != 0)
			return -1;
		dsn_notify_text(envelope->wishes[i].notify, notify);
		if (format_option(buffer, "notify", notify) != 0 || format_option(buffer, "orcpt", envelope->wishes[i].orcpt) != 0)
			return -1;
	}
	return 0;
}

int
format_next(const char *envelope, size_t length, size_t *offset, struct format_line *line)
{
	const char *start = envelope + *offset;
	size_t left = length - *offset, key = 0, skip;
	const char *end;

	if (left == 0)
		return 0;
	while (key < left && ((start[key] >= 'a' && start[key] <= 'z') || start[key] == '_'))
		key++;
	if (key == 0 || key == left || start[key] != ' ')
		return -1;
	*line = (struct format_line){.key = start, .key_length = key};
	skip = key + 1;
	if (format_is(line, "to")) {
		line->field = start + skip;
		skip += FORMAT_FIELD_SIZE + 1;
		if (skip > left || start[skip - 1] != ' ')
			return -1;
	}
	end = memchr(start + skip, '\n', left - skip);
	if (end == NULL)
		return -1;
	line->value = start + skip;
	line->value_length = (size_t)(end - line->value);
	*offset += (size_t)(end - start) + 1;
	return 1;
}

bool
format_is(const struct format_line *line, const char *key)
{
	return line->key_length == strlen(key) && memcmp(line->key, key, line->key_length) == 0;
}

int
format_add_envelope(struct checksum *checksum, const char *envelope, size_t length)
{
	const struct outcome outcome = {.verdict = VERDICT_NONE};
	char initial[FORMAT_FIELD_SIZE];
	struct format_line line;
	size_t offset = 0, done = 0;
	int more;

	format_field(initial, &outcome);
	while ((more = format_next(envelope, length, &offset, &line)) == 1) {
		if (line.field == NULL)
			continue;
		checksum_add(checksum, envelope + done, (size_t)(line.field - envelope) - done);
		checksum_add(checksum, initial, sizeof(initial));
		done = (size_t)(line.field - envelope) + FORMAT_FIELD_SIZE;
	}
	checksum_add(checksum, envelope + done, length - done);
	return more;
}

void
format_add_head(struct checksum *checksum, const struct format_head *head)
{
	struct format_head bare = *head;
	char octets[FORMAT_HEAD_SIZE];

	bare.checksum = 0;
	format_head(octets, &bare);
	checksum_add(checksum, octets, sizeof(octets));
}
