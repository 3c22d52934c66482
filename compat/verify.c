/*
 * verify: the lines are as sendmail's in form: "root... deliverable: relay, user admin@example.com".
 */
#include "verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "complaint.h"
#include "message/address_scan.h"
#include "message/aliases.h"
#include "message/identity.h"
#include "message/remark.h"
#include "message/target.h"

/* The answer, and the exit code: the worst so far. */
struct verify {
	struct message_request request;
	enum exitcode          code;
};

static void verify_line(struct verify *verify, enum exitcode code, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
verify_line(struct verify *verify, enum exitcode code, const char *format, ...)
{
	char line[1000];
	va_list arguments;
	size_t length;

	va_start(arguments, format);
	length = text_line(line, sizeof(line), true, "\n", format, arguments);
	va_end(arguments);
	if (file_write(STDOUT_FILENO, line, length) != 0)
		code = EXIT_REFUSED;
	if (code > verify->code)
		verify->code = code;
}

static void
verify_address(struct verify *verify, const char *address)
{
	struct alias_result targets;

	if (address[0] == '\0') {
		verify_line(verify, EXIT_DATA, "<>... undeliverable: no address");
		return;
	}
	if (target_of(&verify->request, address, &targets) != 0) {
		verify_line(verify, EXIT_DATA, "%s... undeliverable: longer than 254 octets with its domain", address);
		return;
	}
	for (size_t i = 0; i < targets.count; i++)
		verify_line(verify, EXIT_OK, "%s... deliverable: relay%s, user %s", address,
		    address_is_international(targets.addresses[i]) ? " with SMTPUTF8" : "", targets.addresses[i]);
	alias_result_free(&targets);
}

static void
verify_word(struct verify *verify, const char *word)
{
	struct address_scan scan;
	struct mailbox mailbox;
	int result;

	address_scan_init(&scan, word, strlen(word));
	while ((result = address_scan_next(&scan, &mailbox)) != 0) {
		if (result < 0) {
			const char *why = scan.text.why;

			address_scan_resume(&scan);
			verify_line(verify, EXIT_DATA, "%.*s... undeliverable: %s", (int)(scan.item_end - scan.item_start),
			    word + scan.item_start, why);
			continue;
		}
		verify_address(verify, mailbox.address);
		address_scan_free(&mailbox);
	}
}

enum exitcode
verify_addresses(const struct options *options, const struct config *config)
{
	struct verify verify = {.request.take_recipients = false, .code = EXIT_OK};
	struct aliases aliases;
	struct identity identity;
	struct outcome outcome;
	char *rest, *line;

	if (aliases_new(&aliases, config, &outcome) != 0) {
		complaint_line("%s", outcome.text);
		return exitcode_of(&outcome);
	}
	identity_get(config, getuid(), &identity);
	identity_fill(&identity, config, &verify.request);
	verify.request.aliases = aliases.set;
	for (size_t i = 0; i < options->recipient_count; i++)
		verify_word(&verify, options->recipients[i]);
	for (rest = aliases.remarks.data; (line = remark_next(&rest)) != NULL;)
		log_line(LOG_LEVEL_WARNING, "%s", line);
	identity_free(&identity);
	aliases_free(&aliases);
	return verify.code;
}

enum exitcode
verify_aliases(const struct config *config)
{
	struct aliases aliases;
	struct outcome outcome;
	char *rest, *line;

	if (aliases_new(&aliases, config, &outcome) != 0) {
		complaint_line("%s", outcome.text);
		return exitcode_of(&outcome);
	}
	alias_check(aliases.set);
	/* said, but no failure: packages call newaliases while they are installed, and mail goes on in spite of it */
	for (rest = aliases.remarks.data; (line = remark_next(&rest)) != NULL;) {
		complaint_line("%s", line);
		log_line(LOG_LEVEL_WARNING, "%s", line);
	}
	aliases_free(&aliases);
	return EXIT_OK;
}
