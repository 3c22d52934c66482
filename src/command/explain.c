/*
 * explain: reply codes, enhanced status codes and causes in plain words, and what the spool has of a message.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "command/advice.h"
#include "command/command.h"

/* "550" or "5.7.8" at `text`, with no digit around: its length, else 0. */
static size_t
explain_code(const char *text)
{
	size_t length = 1;

	if (text[0] < '2' || text[0] > '5')
		return 0;
	if (text[1] != '.') {
		length = strspn(text, "0123456789");
		return length == 3 && text[3] != '.' ? 3 : 0;
	}
	for (int part = 0; part < 2; part++) {
		size_t digits = text[length] == '.' ? strspn(text + length + 1, "0123456789") : 0;

		if (digits < 1 || digits > 3)
			return 0;
		length += 1 + digits;
	}
	return text[length] == '.' && isdigit((unsigned char)text[length + 1]) ? 0 : length;
}

static bool
explain_row(const char *code)
{
	const struct advice_reply *reply = advice_reply(code);

	if (reply == NULL)
		return false;
	printf("%-9s %s\n%-9s what to do: %s\n", code, reply->meaning, "", reply->advice);
	return true;
}

/* Each code in the text, and the name of a cause when it is one. true when there was any. */
static bool
explain_text(const char *text)
{
	enum cause cause = cause_parse(text);
	bool any = false;

	if (cause != CAUSE_NONE) {
		printf("%-9s %s\n", text, cause_text(cause));
		any = true;
	}
	for (const char *at = text; *at != '\0';) {
		bool is_begin = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '.');
		size_t length = is_begin ? explain_code(at) : 0;
		char code[16];

		if (length == 0 || length >= sizeof(code) || isalnum((unsigned char)at[length])) {
			at++;
			continue;
		}
		memcpy(code, at, length);
		code[length] = '\0';
		any = explain_row(code) || any;
		at += length;
	}
	return any;
}

static void
explain_moment(const char *name, time_t moment)
{
	struct tm parts;
	char text[32];

	if (localtime_r(&moment, &parts) != NULL && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts) > 0)
		printf("%-9s %s\n", name, text);
}

static void
explain_item(const struct spool_item *item, enum spool_box box)
{
	time_t now = time(NULL);
	char reply[sizeof(item->last.enhanced) + 16];

	printf("%-9s %s, %s\n", "message", item->id, box == SPOOL_QUEUE ? "waits in the queue" : "was given up");
	explain_moment("came", item->created);
	printf("%-9s %" PRIu64 " octets, for uid %u, %zu recipient%s, %zu still to be served\n", "", item->size, (unsigned)item->uid, item->recipients,
	    item->recipients == 1 ? "" : "s", item->waiting);
	printf("%-9s %u attempt%s\n", "", item->attempts, item->attempts == 1 ? "" : "s");
	if (box == SPOOL_QUEUE && item->due > now && item->due != SPOOL_NEVER)
		explain_moment("again", item->due);
	else if (box == SPOOL_QUEUE)
		printf("%-9s as soon as a runner comes to it\n", "again");
	if (item->last.verdict == VERDICT_NONE) {
		printf("%-9s not tried yet\n", "last");
		return;
	}
	(void)snprintf(reply, sizeof(reply), "%d %s", item->last.reply, item->last.enhanced);
	printf("%-9s %s%s%s\n", "last", item->last.reply != 0 ? reply : "", item->last.reply != 0 ? " " : "", item->last.text);
	if (!explain_text(reply) && !explain_text(item->last.text))
		printf("%-9s %s\n", "", cause_text(item->last.cause));
}

/* true when there is such a message. */
static bool
explain_message(struct spool *spool, enum spool_box box, const char *id)
{
	struct spool_item *items = NULL;
	struct outcome outcome;
	size_t count = 0;
	bool found = false;

	if (spool_list(spool, box, &items, &count, &outcome) != 0)
		return false;
	for (size_t i = 0; i < count && !found; i++) {
		found = strcmp(items[i].id, id) == 0;
		if (found)
			explain_item(&items[i], box);
	}
	free(items);
	return found;
}

static enum exitcode
explain_id(const struct command_place *place, const char *id)
{
	struct command_place here = *place;
	struct outcome outcome;
	struct config config;
	struct spool *spool;
	enum exitcode code;
	bool found;

	here.config_file = config_find(here.secure, &here.own_file, &outcome);
	if (here.config_file == NULL)
		return command_failed(&outcome);
	if (command_settings(&here, CONFIG_SUBMIT, &config, &code) == 0) {
		if (command_spool(&here, &config, &spool, &code) == 0) {
			found = explain_message(spool, SPOOL_QUEUE, id) || explain_message(spool, SPOOL_FAILED, id);
			code = found ? EXIT_OK : EXIT_DATA;
			if (!found)
				fprintf(stderr, "mailcrane: %s is no code that is known, and no message in the spool: delivered, or never there; the log "
				    "knows\n", id);
			spool_close(spool);
		}
		config_free(&config);
	}
	free(here.config_file);
	return code;
}

enum exitcode
command_explain(const struct command_place *place, int argc, char **argv)
{
	struct buffer text;
	enum exitcode code = EXIT_OK;

	if (argc < 2)
		return command_misused("explain takes a code, a text or the id of a message");
	buffer_init(&text, 8192);
	for (int i = 1; i < argc; i++)
		if (buffer_append_format(&text, "%s%s", i > 1 ? " " : "", argv[i]) != 0)
			break;
	if (text.length == 0)
		code = command_misused("explain takes a code, a text or the id of a message");
	else if (!explain_text(text.data))
		code = argc == 2 && strchr(text.data, ' ') == NULL ? explain_id(place, text.data) : EXIT_DATA;
	if (code == EXIT_DATA && (argc > 2 || strchr(text.data, ' ') != NULL))
		fprintf(stderr, "mailcrane: no code in this text\n");
	buffer_free(&text);
	return code;
}
