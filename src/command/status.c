/*
 * status: how it goes, for people, for monitoring plug-ins (exit 0, 1, 2) and as metrics. It looks and changes nothing (whether the
 * spool can be written to it tries with a file without a name).
 */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/relay.h"
#include "base/text.h"
#include "command/command.h"
#include "command/json.h"
#include "delivery/last.h"
#include "delivery/privilege.h"
#include "delivery/route.h"
#include "message/aliases.h"

#define STATUS_TEXT_MAX 65536
#define STATUS_REASONS_MAX 12
#define STATUS_GUARD_MS 8000	/* monitoring gives its plug-ins up after 10 s, and says nothing of why */

/* When it is worth a word. Seconds. */
#define STATUS_WAIT_WARNING 900
#define STATUS_WAIT_CRITICAL 14400
#define STATUS_FAILED_RECENT 86400
#define STATUS_TIMER_LATE 300		/* it is to call each minute */
#define STATUS_CERTIFICATE_WARNING (14 * 86400)
#define STATUS_CERTIFICATE_CRITICAL (2 * 86400)

enum status_level { STATUS_WELL, STATUS_WARNING, STATUS_CRITICAL };

enum status_form { STATUS_WORDS, STATUS_JSON, STATUS_METRICS };

static const char *const levels[] = {"OK", "WARNING", "CRITICAL"};

/* What is known of one relay. */
struct status_relay {
	char         title[OUTCOME_RELAY_SIZE];
	char        *host;
	struct route route;
};

struct status {
	enum status_level level;
	char              reasons[STATUS_REASONS_MAX][300];
	size_t            reason_count;
	time_t            now;
	struct status_relay relays[CONFIG_RELAYS_MAX];
	size_t            relay_count;	/* 0: the settings have a mistake */
	bool              is_unfinished;	/* nothing below is known */
	bool              has_spool;
	size_t            queued, held, failed, failed_recent, damaged;
	size_t            failed_reports;	/* recent ones of our own: nobody was told */
	int64_t           oldest;	/* s, of those that are not held; 0: none waits */
	long              runner;	/* s since it was seen, -1: none */
	long              timer;	/* s since one called, -1: never */
	bool              wants_timer;	/* no service does its work */
	struct last       last;
};

static void
status_say(struct status *status, enum status_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
status_say(struct status *status, enum status_level level, const char *format, ...)
{
	va_list arguments;

	if (level > status->level)
		status->level = level;
	if (status->reason_count == STATUS_REASONS_MAX)
		return;
	va_start(arguments, format);
	if (vsnprintf(status->reasons[status->reason_count], sizeof(status->reasons[0]), format, arguments) > 0)
		status->reason_count++;
	va_end(arguments);
}

/* "relay", or "relay NAME". */
static const char *
status_called(const struct status_relay *relay, char text[64])
{
	bool is_named = strcmp(relay->title, "relay") != 0;

	(void)snprintf(text, 64, "relay%s%s", is_named ? " " : "", is_named ? relay->title : "");
	return text;
}

/* ---- looking ---- */

static void
status_look_at_relays(struct status *status, const struct config *config, const struct spool *spool)
{
	for (size_t i = 0; i < relay_count(config); i++) {
		struct status_relay *relay = &status->relays[status->relay_count++];

		(void)snprintf(relay->title, sizeof(relay->title), "%s", relay_title(relay_at(config, i)));
		relay->host = memory_copy_text(relay_at(config, i)->host);
		route_load(spool, config, relay_at(config, i), &relay->route);
	}
}

static void
status_count_damaged(struct status *status, const struct spool *spool)
{
	char path[4096];
	struct dirent *entry;
	DIR *directory;

	if (snprintf(path, sizeof(path), "%s/damaged", spool_directory(spool)) >= (int)sizeof(path) || (directory = opendir(path)) == NULL)
		return;
	while ((entry = readdir(directory)) != NULL)
		status->damaged += entry->d_name[0] != '.';
	(void)closedir(directory);
}

static void
status_look_at_queue(struct status *status, struct spool *spool, const struct config *config)
{
	struct spool_item *items = NULL;
	struct outcome outcome;

	if (spool_list(spool, SPOOL_QUEUE, &items, &status->queued, &outcome) != 0)
		status_say(status, STATUS_CRITICAL, "%s", outcome.text);
	else if (spool_check_room(spool, config->max_queue, &outcome) != 0)
		status_say(status, STATUS_CRITICAL, "%s", outcome.text);
	for (size_t i = 0; i < status->queued; i++)
		if (items[i].is_held)
			status->held++;
		else if (items[i].created > 0 && status->now - items[i].created > status->oldest)
			status->oldest = status->now - items[i].created;
	free(items);
	items = NULL;
	if (spool_list(spool, SPOOL_FAILED, &items, &status->failed, &outcome) != 0)
		status_say(status, STATUS_CRITICAL, "%s", outcome.text);
	for (size_t i = 0; i < status->failed; i++) {
		bool is_recent = status->now - items[i].changed < STATUS_FAILED_RECENT;

		status->failed_recent += is_recent;
		status->failed_reports += is_recent && items[i].is_report;
	}
	free(items);
	status_count_damaged(status, spool);
	if (spool_probe(spool, &outcome) != 0)
		status_say(status, STATUS_CRITICAL, "%s", outcome.text);
	status->runner = spool_watch_age(spool);
	status->timer = spool_timer_age(spool);
}

static bool
status_has_timer(const struct status *status)
{
	return status->timer >= 0 && status->timer <= STATUS_TIMER_LATE;
}

/* One that is no list of addresses makes sendmail refuse every message. */
static void
status_look_at_aliases(struct status *status, const struct config *config)
{
	struct aliases aliases;
	struct outcome outcome;

	if (aliases_new(&aliases, config, &outcome) == 0)
		aliases_free(&aliases);
	else
		status_say(status, STATUS_CRITICAL, "%s", outcome.text);
}

static void
status_look(struct status *status, const struct command_place *place)
{
	struct config config, whole;
	struct outcome outcome;
	struct spool *spool = NULL;
	bool has_whole = false;

	if (config_load(place->config_file, CONFIG_SUBMIT, place->secure, &config, &outcome) != 0) {
		status_say(status, STATUS_CRITICAL, "%s", outcome.text);
		return;
	}
	if (config.delivery == DELIVERY_DIRECT ? privilege_drop_without_spool(&outcome) != 0 :
	    spool_open(config.spool_directory, place->own_file, &spool, &outcome) != 0 || privilege_drop(spool, &outcome) != 0) {
		status_say(status, STATUS_CRITICAL, "%s", outcome.text);
		spool_close(spool);
		config_free(&config);
		return;
	}
	/* a change of user ends it */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	status->has_spool = spool != NULL;
	status_look_at_aliases(status, &config);
	if (status->has_spool) {
		status_look_at_queue(status, spool, &config);
		last_load(spool, &status->last);
	}
	has_whole = config_load(place->config_file, CONFIG_FULL, place->secure, &whole, &outcome) == 0;
	if (has_whole) {
		status_look_at_relays(status, &whole, spool);
		config_free(&whole);
	} else {
		status_say(status, STATUS_CRITICAL, "%s", outcome.text);
	}
	status->wants_timer = !config.runner_is_service && config.delivery != DELIVERY_DIRECT;
	if (status->has_spool && config.runner_is_service && status->runner < 0)
		status_say(status, status_has_timer(status) ? STATUS_WARNING : STATUS_CRITICAL,
		    "no runner, and the settings leave it to a service: mailcrane run --foreground");
	spool_close(spool);
	config_free(&config);
}

static void
status_judge_relay(struct status *status, const struct status_relay *relay)
{
	const struct route *route = &relay->route;
	int64_t left = route->certificate - status->now;
	char called[64];

	(void)status_called(relay, called);
	if (route->login_until > status->now)
		status_say(status, STATUS_CRITICAL, "login refused%s%s, held back for %ld s: mend user or password",
		    status->relay_count > 1 ? " by the " : "", status->relay_count > 1 ? called : "", (long)(route->login_until - status->now));
	if (route->failures > 0)
		status_say(status, route->failures >= 5 ? STATUS_CRITICAL : STATUS_WARNING, "the %s could not be reached %u time%s in a row: %s",
		    called, route->failures, route->failures == 1 ? "" : "s", cause_text(route->down.cause));
	if (route->throttle_until > status->now)
		status_say(status, STATUS_WARNING, "the %s asked us to slow down, no attempt for %ld s", called, (long)(route->throttle_until - status->now));
	if (route->certificate != 0 && left < STATUS_CERTIFICATE_WARNING)
		status_say(status, left < STATUS_CERTIFICATE_CRITICAL ? STATUS_CRITICAL : STATUS_WARNING, "the %s's certificate ends in %" PRId64
		    " days", called, left / 86400);
}

static void
status_judge(struct status *status)
{
	if (status->oldest >= STATUS_WAIT_WARNING)
		status_say(status, status->oldest >= STATUS_WAIT_CRITICAL ? STATUS_CRITICAL : STATUS_WARNING, "a message waits for %" PRId64
		    " minutes: mailcrane check says why", status->oldest / 60);
	for (size_t i = 0; i < status->relay_count; i++)
		status_judge_relay(status, &status->relays[i]);
	if (status->has_spool && status->wants_timer && status->timer < 0)
		status_say(status, STATUS_WARNING, "mailcrane run --timer was never called: mail that is put off waits for the next call");
	else if (status->has_spool && status->wants_timer && status->timer > STATUS_TIMER_LATE)
		status_say(status, STATUS_WARNING, "mailcrane run --timer was last called %ld minutes ago: mail that is put off waits for the next call",
		    status->timer / 60);
	if (status->failed_recent > 0)
		status_say(status, STATUS_WARNING, "%zu message%s given up within a day: mailcrane queue --failed", status->failed_recent,
		    status->failed_recent == 1 ? "" : "s");
	if (status->failed_reports > 0)
		status_say(status, STATUS_WARNING, "%zu of them report%s of ours, so that the sender does not know", status->failed_reports,
		    status->failed_reports == 1 ? "" : "s");
	if (status->damaged > 0)
		status_say(status, STATUS_WARNING, "%zu damaged file%s in the spool, not sent", status->damaged, status->damaged == 1 ? "" : "s");
}

/* ---- for people ---- */

static void
status_print_moment(const char *name, time_t moment, const char *id, const struct outcome *why)
{
	struct tm parts;
	char text[32] = "";

	if (moment == 0) {
		printf("%-13s none known\n", name);
		return;
	}
	if (localtime_r(&moment, &parts) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	if (why != NULL)
		printf("%-13s %s  %s: %s: %s: %s\n", name, text, id, stage_name(why->stage), cause_text(why->cause), why->text);
	else
		printf("%-13s %s  %s\n", name, text, id);
}

/* Why mail may be left alone just now. */
static void
status_print_pauses(const struct status *status, const struct route *route)
{
	if (route->failures > 0)
		printf("%-13s %u failure%s in a row, the relay is left alone for %ld s more: %s: %s\n", "  breaker", route->failures,
		    route->failures == 1 ? "" : "s", (long)(route->down_until > status->now ? route->down_until - status->now : 0),
		    stage_name(route->down.stage), cause_text(route->down.cause));
	if (route->login_until > status->now)
		printf("%-13s for %ld s, since a login was refused; a change of the settings or the password ends it\n", "  login lock",
		    (long)(route->login_until - status->now));
	if (route->throttles > 0)
		printf("%-13s asked %u time%s in a row to slow down: one connection, no attempt for %ld s\n", "  throttle", route->throttles,
		    route->throttles == 1 ? "" : "s", (long)(route->throttle_until > status->now ? route->throttle_until - status->now : 0));
}

static void
status_print_relay(const struct status *status, const struct status_relay *relay)
{
	const struct route *route = &relay->route;
	char called[64];

	printf("%-13s %s", status_called(relay, called), relay->host);
	if (route->way.port != 0)
		printf(", port %u remembered (%s)", (unsigned)route->way.port, route->way.family == AF_INET6 ? "IPv6" : "IPv4");
	if (route->certificate != 0)
		printf(", certificate good for %" PRId64 " days", (int64_t)(route->certificate - status->now) / 86400);
	printf("\n");
	status_print_pauses(status, route);
}

static void
status_print(const struct status *status)
{
	printf("%s", levels[status->level]);
	for (size_t i = 0; i < status->reason_count; i++)
		printf("%s%s", i == 0 ? ": " : "; ", status->reasons[i]);
	if (status->reason_count == 0)
		printf(": %zu waiting", status->queued);
	printf("\n");
	if (!status->has_spool)
		return;
	printf("%-13s %zu waiting, the oldest for %" PRId64 " s; %zu held, %zu given up, %zu damaged\n", "queue", status->queued, status->oldest,
	    status->held, status->failed, status->damaged);
	status_print_moment("last success", status->last.success, status->last.success_id, NULL);
	status_print_moment("last failure", status->last.failure, status->last.failure_id, &status->last.why);
	if (status->runner >= 0)
		printf("%-13s runs, last seen %ld s ago\n", "runner", status->runner);
	else
		printf("%-13s none now\n", "runner");
	if (status->timer >= 0)
		printf("%-13s called %ld s ago\n", "timer", status->timer);
	else
		printf("%-13s has not called%s\n", "timer", status->wants_timer ? "" : ", and need not");
	for (size_t i = 0; i < status->relay_count; i++)
		status_print_relay(status, &status->relays[i]);
}

/* ---- for programs ---- */

static void
status_json_relay(const struct status_relay *relay, struct buffer *json)
{
	const struct route *route = &relay->route;

	json_open(json, NULL, '{');
	json_text(json, "name", relay->title);
	json_text(json, "host", relay->host);
	json_number(json, "port", route->way.port);
	json_number(json, "failures", route->failures);
	json_number(json, "down_until", route->down_until);
	json_text(json, "down_stage", stage_name(route->down.stage));
	json_text(json, "down_cause", cause_name(route->down.cause));
	json_number(json, "login_held_until", route->login_until);
	json_number(json, "throttles", route->throttles);
	json_number(json, "throttle_until", route->throttle_until);
	json_number(json, "certificate_until", route->certificate);
	json_close(json, '}');
}

static void
status_json(const struct status *status, struct buffer *json)
{
	json_open(json, NULL, '{');
	json_number(json, "version", 1);
	json_text(json, "status", levels[status->level]);
	json_open(json, "reasons", '[');
	for (size_t i = 0; i < status->reason_count; i++)
		json_text(json, NULL, status->reasons[i]);
	json_close(json, ']');
	if (status->is_unfinished) {
		json_close(json, '}');
		(void)buffer_append_text(json, "\n");
		return;
	}
	json_number(json, "queued", (int64_t)status->queued);
	json_number(json, "oldest_seconds", status->oldest);
	json_number(json, "held", (int64_t)status->held);
	json_number(json, "failed", (int64_t)status->failed);
	json_number(json, "damaged", (int64_t)status->damaged);
	json_number(json, "last_success", status->last.success);
	json_text(json, "last_success_id", status->last.success_id);
	json_number(json, "last_failure", status->last.failure);
	json_text(json, "last_failure_id", status->last.failure_id);
	json_text(json, "last_failure_stage", stage_name(status->last.why.stage));
	json_text(json, "last_failure_cause", cause_name(status->last.why.cause));
	json_number(json, "last_failure_reply", status->last.why.reply);
	json_text(json, "last_failure_text", status->last.why.text);
	json_boolean(json, "runner", status->runner >= 0);
	json_number(json, "timer_seconds", status->timer);
	json_open(json, "relays", '[');
	for (size_t i = 0; i < status->relay_count; i++)
		status_json_relay(&status->relays[i], json);
	json_close(json, ']');
	json_close(json, '}');
	(void)buffer_append_text(json, "\n");
}

static void
status_metric_head(struct buffer *text, const char *name, const char *help)
{
	(void)buffer_append_format(text, "# HELP mailcrane_%s %s\n# TYPE mailcrane_%s gauge\n", name, help, name);
}

static void
status_metric(struct buffer *text, const char *name, const char *help, int64_t value)
{
	status_metric_head(text, name, help);
	(void)buffer_append_format(text, "mailcrane_%s %" PRId64 "\n", name, value);
}

/* A host name holds neither quote nor backslash. The name of the relay is there where it tells them apart. */
static void
status_metric_relay(const struct status *status, struct buffer *text, const char *name, const struct status_relay *relay, int64_t value)
{
	bool is_one = status->relay_count == 1;

	(void)buffer_append_format(text, "mailcrane_%s{relay=\"%s\"%s%s%s} %" PRId64 "\n", name, relay->host, is_one ? "" : ",name=\"",
	    is_one ? "" : relay->title, is_one ? "" : "\"", value);
}

static int64_t
status_value(const struct status *status, const struct route *route, int which)
{
	switch (which) {
	case 0:
		return route->failures;
	case 1:
		return route->down_until > status->now;
	case 2:
		return route->way.port;
	case 3:
		return route->throttles;
	case 4:
		return route->throttle_until > status->now;
	case 5:
		return route->login_until > status->now;
	default:
		return route->certificate;
	}
}

/* The text format of Prometheus, version 0.0.4. */
static void
status_metrics(const struct status *status, struct buffer *text)
{
	static const struct {
		const char *name, *help;
	} of_relay[] = {
		{"relay_failures", "How often in a row it could not be reached"},
		{"relay_held", "It is left alone for now"},
		{"relay_port", "The port that worked last, 0 not known"},
		{"relay_throttles", "How often in a row it asked us to slow down"},
		{"relay_throttled", "No attempt for now, since it asked us to slow down"},
		{"login_held", "Logins are held back since one was refused"},
		{"certificate_expiry_timestamp_seconds", "When its certificate ends, 0 not known"},
	};

	status_metric(text, "status", "0 well, 1 warning, 2 critical", (int64_t)status->level);
	if (status->is_unfinished)
		return;
	status_metric(text, "queue_messages", "Messages that wait", (int64_t)status->queued);
	status_metric(text, "queue_oldest_seconds", "Age of the oldest of them", status->oldest);
	status_metric(text, "held_messages", "Messages that people hold", (int64_t)status->held);
	status_metric(text, "failed_messages", "Messages that were given up and are kept", (int64_t)status->failed);
	status_metric(text, "damaged_files", "Files moved aside", (int64_t)status->damaged);
	status_metric(text, "last_success_timestamp_seconds", "When a relay last took a message, 0 not known", status->last.success);
	status_metric(text, "last_failure_timestamp_seconds", "When an attempt last failed, 0 not known", status->last.failure);
	status_metric(text, "runner_up", "A runner is there now", status->runner >= 0);
	status_metric(text, "timer_age_seconds", "Since a timer called, -1 never", status->timer);
	for (int i = 0; status->relay_count > 0 && i < (int)(sizeof(of_relay) / sizeof(of_relay[0])); i++) {
		status_metric_head(text, of_relay[i].name, of_relay[i].help);
		for (size_t j = 0; j < status->relay_count; j++)
			status_metric_relay(status, text, of_relay[i].name, &status->relays[j], status_value(status, &status->relays[j].route, i));
	}
}

/* ---- the whole ---- */

static enum exitcode
status_show(const struct status *status, enum status_form form)
{
	bool has_failed = false;
	struct buffer text;

	buffer_init(&text, STATUS_TEXT_MAX);
	if (form == STATUS_JSON)
		status_json(status, &text);
	else if (form == STATUS_METRICS)
		status_metrics(status, &text);
	else
		status_print(status);
	if (text.length > 0 && file_write(STDOUT_FILENO, text.data, text.length) != 0)
		has_failed = true;
	buffer_free(&text);
	if (fflush(stdout) != 0 || has_failed)
		return EXIT_REFUSED;
	/* who collects metrics takes another code for a failure of ours */
	return form == STATUS_METRICS ? EXIT_OK : (enum exitcode)status->level;
}

static enum exitcode
status_work(struct status *status, const struct command_place *place, enum status_form form)
{
	struct command_place here = *place;
	struct outcome outcome;
	enum exitcode code;

	here.config_file = config_find(here.secure, &here.own_file, &outcome);
	if (here.config_file != NULL)
		status_look(status, &here);
	else
		status_say(status, STATUS_CRITICAL, "%s", outcome.text);
	free(here.config_file);
	status_judge(status);
	code = status_show(status, form);
	for (size_t i = 0; i < status->relay_count; i++)
		free(status->relays[i].host);
	return code;
}

enum exitcode
command_status(const struct command_place *place, int argc, char **argv)
{
	struct status status = {.now = time(NULL), .runner = -1, .timer = -1};
	enum status_form form = STATUS_WORDS;
	struct command_child child;
	int code, forked;

	if (argc == 2 && strcmp(argv[1], "--json") == 0)
		form = STATUS_JSON;
	else if (argc == 2 && strcmp(argv[1], "--metrics") == 0)
		form = STATUS_METRICS;
	else if (argc > 1)
		return command_misused("status takes --json or --metrics");
	forked = command_fork(&child);
	if (forked < 0)
		return status_work(&status, place, form);
	if (forked == 0)
		_exit((int)status_work(&status, place, form));
	code = command_await(&child, deadline_in(STATUS_GUARD_MS));
	if (code >= 0)
		return (enum exitcode)code;
	status.is_unfinished = true;
	status_say(&status, STATUS_CRITICAL, "nothing is known: what looks at it %s", child.has_hung ?
	    "has not ended within 8 s, mailcrane check says where it hangs" : "died");
	return status_show(&status, form);
}
