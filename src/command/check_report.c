/*
 * check_report: what `mailcrane check` says: lines as they come, a table of ports, one verdict; or one JSON object. Colour on a terminal
 * only.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "command/check.h"
#include "command/json.h"

#define CHECK_JSON_MAX 1048576

static const struct {
	const char *word, *colour, *name;
} marks[] = {
	[CHECK_OK] = {"ok", "\033[32m", "ok"},
	[CHECK_NOTE] = {"--", "\033[33m", "note"},
	[CHECK_BAD] = {"!!", "\033[31m", "bad"},
};

static void
check_print_mark(const struct check *check, enum check_mark mark)
{
	if (check->is_coloured)
		printf("%s%s\033[0m  ", marks[mark].colour, marks[mark].word);
	else
		printf("%s  ", marks[mark].word);
}

void
check_line(struct check *check, enum check_mark mark, const char *name, const char *format, ...)
{
	struct check_line *line = &check->lines[check->line_count];
	char text[1024];
	va_list arguments;

	if (check->line_count == CHECK_LINES_MAX)
		return;
	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	check->line_count++;
	line->mark = mark;
	line->name = name;
	text_printable(line->text, sizeof(line->text), text, strlen(text), true);
	if (check->is_json)
		return;
	check_progress(check, NULL);
	if (check->is_behind_table)
		printf("\n");
	check->is_behind_table = false;
	check_print_mark(check, mark);
	printf("%-11s %s\n", name, line->text);
	(void)fflush(stdout);
}

void
check_progress(const struct check *check, const char *text)
{
	if (text != NULL && check->post != NULL)
		(void)snprintf(check->post->step, sizeof(check->post->step), "%s", text);
	if (!check->shows_progress)
		return;
	fprintf(stderr, "\r\033[K%s", text != NULL ? text : "");
	(void)fflush(stderr);
}

/* ---- the table ---- */

static const char *
check_port_name(struct relay_port port, char text[24])
{
	(void)snprintf(text, 24, "%u%s", (unsigned)port.number, port.implicit_tls ? "/tls" : "");
	return text;
}

static void
check_tcp(const struct probe_result *result, char *text, size_t size)
{
	if (result->is_connected)
		(void)snprintf(text, size, "%" PRId64 " ms", result->times.ms[STAGE_CONNECT]);
	else
		(void)snprintf(text, size, "%s", result->outcome.cause == CAUSE_CONNECT_TIMEOUT ? "no answer" :
		    result->outcome.cause == CAUSE_CONNECT_REFUSED ? "refused" :
		    result->outcome.cause == CAUSE_UNREACHABLE ? "unreachable" : "failed");
}

static long
check_days(const struct check *check, const struct probe_result *result)
{
	return (long)((result->sight.certificate.until - check->seen.now) / 86400);
}

/* What stands behind the TCP column. */
static void
check_rest(const struct check *check, const struct probe_result *result, char *text, size_t size)
{
	char auth[sizeof(result->capabilities.auth)];
	size_t length;

	(void)snprintf(auth, sizeof(auth), "%s", result->capabilities.auth[0] == ' ' ? result->capabilities.auth + 1 : "no AUTH");
	length = strlen(auth);
	if (length > 0 && auth[length - 1] == ' ')
		auth[length - 1] = '\0';
	if (result->is_secured)
		(void)snprintf(text, size, "%s, %" PRId64 " ms; certificate good for %ld days; %.200s", result->tls,
		    result->times.ms[STAGE_GREETING] + result->times.ms[STAGE_EHLO] + result->times.ms[STAGE_STARTTLS] +
		    result->times.ms[STAGE_TLS], check_days(check, result), auth);
	else if (result->outcome.stage == STAGE_CONNECT)
		(void)snprintf(text, size, "%s", result->outcome.cause == CAUSE_UNREACHABLE ? result->outcome.text : "");
	else
		(void)snprintf(text, size, "%s: %s: %s", stage_name(result->outcome.stage), cause_text(result->outcome.cause),
		    result->outcome.text);
}

static void
check_print_port(const struct check *check, const struct probe_result *result)
{
	const char *kinds[] = {[PROBE_PORT] = "", [PROBE_MODE] = "other TLS mode: ", [PROBE_OTHER] = "not in the settings: "};
	char name[24], tcp[32], rest[400], host[80];
	const char *colon = strrchr(result->peer, ':');
	bool is_used = check->seen.chosen >= 0 && result == &check->results[check->seen.chosen];

	(void)snprintf(host, sizeof(host), "%.*s", colon != NULL ? (int)(colon - result->peer) : 79, result->peer);
	check_tcp(result, tcp, sizeof(tcp));
	check_rest(check, result, rest, sizeof(rest));
	check_print_mark(check, result->is_secured ? CHECK_OK : result->kind == PROBE_PORT ? CHECK_BAD : CHECK_NOTE);
	printf("%-11s %-22s %s", check_port_name(result->port, name), host, tcp);
	if (rest[0] != '\0')
		printf("%*s%s%s%s", (int)(12 - strlen(tcp)), "", kinds[result->kind], rest, is_used ? "; would be used" : "");
	printf("\n");
}

void
check_print_ports(struct check *check)
{
	if (check->is_json)
		return;
	printf("\n    %-11s %-22s %-11s %s\n", "PORT", "ADDRESS", "TCP", "GREETING, TLS, LOGIN");
	for (size_t i = 0; i < check->seen.count; i++) {
		const struct probe_result *result = &check->results[i];

		/* the others are of interest when they work */
		if (result->kind != PROBE_CONTROL && (result->kind == PROBE_PORT || result->is_secured))
			check_print_port(check, result);
	}
	check->is_behind_table = true;
	(void)fflush(stdout);
}

void
check_print_verdict(const struct check *check)
{
	const struct diagnosis *diagnosis = &check->diagnosis;
	const char *verdict = check->seen.is_closed ? "not checked" : !diagnosis->flows ? "mail does not flow" : check->relay != NULL ? "the relay can be reached (login not tried)" :
	    "mail flows";
	bool has_cause = strcmp(diagnosis->cause, "none") != 0;

	if (check->is_coloured)
		printf("\n%s\033[1mVERDICT  %s\033[0m\n", marks[diagnosis->flows ? CHECK_OK : CHECK_BAD].colour, verdict);
	else
		printf("\nVERDICT  %s\n", verdict);
	if (has_cause)
		printf("CAUSE    %s: %s\n", diagnosis->cause, diagnosis->text);
	printf("ADVICE   %s\n", diagnosis->advice);
}

/* ---- JSON ---- */

static void
check_json_words(struct buffer *json, const char *name, const char *words)
{
	char word[sizeof(((struct capabilities *)NULL)->auth)];
	int used;

	json_open(json, name, '[');
	for (; sscanf(words, " %511s%n", word, &used) == 1; words += used)
		json_text(json, NULL, word);
	json_close(json, ']');
}

static void
check_json_outcome(struct buffer *json, const char *name, bool is_tried, const struct outcome *outcome)
{
	json_open(json, name, '{');
	json_boolean(json, "tried", is_tried);
	json_boolean(json, "ok", outcome->verdict == VERDICT_NONE);
	if (outcome->verdict != VERDICT_NONE) {
		json_text(json, "stage", stage_name(outcome->stage));
		json_text(json, "cause", cause_name(outcome->cause));
		json_number(json, "reply", outcome->reply);
		json_text(json, "enhanced", outcome->enhanced);
		json_text(json, "text", outcome->text);
	}
	json_close(json, '}');
}

static void
check_json_certificate(struct buffer *json, const struct check *check, const struct probe_result *result)
{
	const struct tls_certificate *certificate = &result->sight.certificate;

	json_open(json, "certificate", '{');
	check_json_words(json, "names", certificate->names);
	json_text(json, "issuer", certificate->issuer);
	json_number(json, "from", certificate->from);
	json_number(json, "until", certificate->until);
	json_number(json, "days_left", check_days(check, result));
	json_number(json, "chain", certificate->chain);
	json_close(json, '}');
}

static void
check_json_capabilities(struct buffer *json, const struct probe_result *result)
{
	const struct capabilities *can = &result->capabilities;

	json_text(json, "tls", result->tls);
	check_json_words(json, "auth", can->auth);
	json_number(json, "size_limit", (int64_t)(can->size_limit <= INT64_MAX ? can->size_limit : INT64_MAX));
	json_boolean(json, "pipelining", can->pipelining);
	json_boolean(json, "chunking", can->chunking);
	json_boolean(json, "8bitmime", can->eight_bit_mime);
	json_boolean(json, "dsn", can->dsn);
	json_boolean(json, "smtputf8", can->smtputf8);
}

static void
check_json_port(struct buffer *json, const struct check *check, const struct probe_result *result)
{
	static const char *const kinds[] = {"settings", "other-mode", "other", "control"};
	char tcp[32];

	json_open(json, NULL, '{');
	json_number(json, "port", result->port.number);
	json_text(json, "mode", result->port.implicit_tls ? "tls" : "starttls");
	json_text(json, "kind", kinds[result->kind]);
	json_text(json, "peer", result->peer);
	check_tcp(result, tcp, sizeof(tcp));
	json_text(json, "tcp", result->is_connected ? "connected" : tcp);
	json_boolean(json, "secured", result->is_secured);
	json_boolean(json, "used", check->seen.chosen >= 0 && result == &check->results[check->seen.chosen]);
	check_json_outcome(json, "result", true, &result->outcome);
	json_number(json, "greeting", result->sight.greeting);
	json_text(json, "banner", result->sight.banner);
	if (result->sight.certificate.until != 0)
		check_json_certificate(json, check, result);
	if (result->is_secured)
		check_json_capabilities(json, result);
	json_open(json, "ms", '{');
	for (int stage = STAGE_CONNECT; stage <= STAGE_TLS; stage++)
		if (result->times.ms[stage] > 0)
			json_number(json, stage_name((enum stage)stage), result->times.ms[stage]);
	json_close(json, '}');
	json_close(json, '}');
}

int
check_print_json(const struct check *check)
{
	const struct observations *seen = &check->seen;
	struct buffer json;
	int result;

	buffer_init(&json, CHECK_JSON_MAX);
	json_open(&json, NULL, '{');
	json_number(&json, "version", 1);
	json_boolean(&json, "flows", check->diagnosis.flows);
	json_text(&json, "cause", check->diagnosis.cause);
	json_text(&json, "text", check->diagnosis.text);
	json_text(&json, "advice", check->diagnosis.advice);
	json_text(&json, "host", seen->host);
	json_text(&json, "provider", seen->provider);
	json_number(&json, "ms", deadline_clock() - check->began);
	json_number(&json, "message_ms", check->next);
	json_number(&json, "first_message_ms", check->first);
	json_open(&json, "checks", '[');
	for (size_t i = 0; i < check->line_count; i++) {
		json_open(&json, NULL, '{');
		json_text(&json, "name", check->lines[i].name);
		json_text(&json, "status", marks[check->lines[i].mark].name);
		json_text(&json, "text", check->lines[i].text);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	check_json_outcome(&json, "dns", check->dns > 0, &seen->dns);
	check_json_outcome(&json, "login", check->is_login_tried, &seen->login);
	check_json_outcome(&json, "sender", check->is_sender_asked, &seen->sender);
	check_json_outcome(&json, "recipient", check->is_recipient_asked, &seen->recipient);
	json_open(&json, "ports", '[');
	for (size_t i = 0; i < seen->count; i++)
		check_json_port(&json, check, &check->results[i]);
	json_close(&json, ']');
	json_close(&json, '}');
	(void)buffer_append_text(&json, "\n");
	result = file_write(STDOUT_FILENO, json.data, json.length);
	buffer_free(&json);
	return result;
}
