/*
 * verify: the lines are as sendmail's in form: "root... deliverable: relay, user admin@example.com".
 */
#include "verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aliases.h"
#include "base/file.h"
#include "base/text.h"
#include "complaint.h"
#include "identity.h"
#include "message/address_scan.h"
#include "message/target.h"

static void verify_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
verify_line(const char *format, ...)
{
	char text[900], line[1000];
	va_list arguments;
	size_t length;

	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	(void)text_printable(line, sizeof(line) - 1, text, strlen(text), true);
	length = strlen(line);
	line[length++] = '\n';
	(void)file_write(STDOUT_FILENO, line, length);
}

static enum exitcode
verify_address(const struct message_request *request, const char *address)
{
	struct alias_result targets;

	if (address[0] == '\0') {
		verify_line("<>... undeliverable: no address");
		return EXIT_DATA;
	}
	if (target_of(request, address, &targets) != 0) {
		verify_line("%s... undeliverable: longer than 254 octets with its domain", address);
		return EXIT_DATA;
	}
	for (size_t i = 0; i < targets.count; i++)
		verify_line("%s... deliverable: relay%s, user %s", address,
		    address_is_international(targets.addresses[i]) ? " with SMTPUTF8" : "", targets.addresses[i]);
	alias_result_free(&targets);
	return EXIT_OK;
}

static enum exitcode
verify_word(const struct message_request *request, const char *word)
{
	enum exitcode code = EXIT_OK;
	struct address_scan scan;
	struct mailbox mailbox;
	int result;

	address_scan_init(&scan, word, strlen(word));
	while ((result = address_scan_next(&scan, &mailbox)) != 0) {
		if (result < 0) {
			const char *why = scan.text.why;

			address_scan_resume(&scan);
			verify_line("%.*s... undeliverable: %s", (int)(scan.item_end - scan.item_start), word + scan.item_start,
			    why);
			code = EXIT_DATA;
			continue;
		}
		if (verify_address(request, mailbox.address) != EXIT_OK)
			code = EXIT_DATA;
		address_scan_free(&mailbox);
	}
	return code;
}

enum exitcode
verify_addresses(const struct options *options, const struct config *config)
{
	struct message_request request = {.take_recipients = false};
	enum exitcode code = EXIT_OK;
	struct aliases aliases;
	struct identity identity;
	struct outcome outcome;

	if (aliases_new(&aliases, config, &outcome) != 0) {
		complaint_line("%s", outcome.text);
		return exitcode_of(&outcome);
	}
	identity_get(config, &identity);
	request.aliases = aliases.set;
	request.default_domain = identity.domain;
	request.host_name = aliases_host(config, &identity);
	for (size_t i = 0; i < options->recipient_count; i++)
		if (verify_word(&request, options->recipients[i]) != EXIT_OK)
			code = EXIT_DATA;
	aliases_log(&aliases);
	identity_free(&identity);
	aliases_free(&aliases);
	return code;
}

enum exitcode
verify_aliases(const struct config *config)
{
	struct aliases aliases;
	struct outcome outcome;

	if (aliases_new(&aliases, config, &outcome) != 0) {
		complaint_line("%s", outcome.text);
		return exitcode_of(&outcome);
	}
	alias_check(aliases.set);
	/* said, but no failure: packages call newaliases while they are installed, and mail goes on in spite of it */
	for (const char *line = aliases.remarks.length > 0 ? aliases.remarks.data : ""; *line != '\0'; line += strcspn(line, "\n") + 1)
		complaint_line("%.*s", (int)strcspn(line, "\n"), line);
	aliases_log(&aliases);
	aliases_free(&aliases);
	return EXIT_OK;
}
