/*
 * check: `mailcrane check`: this machine, then the network, then one verdict. It looks as the runner would, as the user that it would be.
 */
#include "command/check.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/account.h"
#include "base/provider.h"
#include "base/secret.h"
#include "command/advice.h"
#include "command/permission.h"
#include "delivery/privilege.h"
#include "message/address.h"

#define CHECK_TIMER_LATE 300		/* s; it is to call each minute */
#define CHECK_CALLER "www-data"		/* as whom PHP calls sendmail on Debian */

/* Before root is given up: who may read the settings and write to the spool? */
static void
check_permission(struct check *check, const char *spool, const char *name, uid_t uid, gid_t gid)
{
	struct permission_places places = {.settings = check->file, .spool = spool};
	struct stat status;
	char why[300], caller[64];

	/* it may be account_of()'s, which the next call overwrites */
	(void)snprintf(caller, sizeof(caller), "%s", name);
	if (stat(MAILCRANE_SBINDIR "/sendmail", &status) == 0)
		places.program = MAILCRANE_SBINDIR "/sendmail";
	if (permission_allows(&places, caller, uid, gid, why, sizeof(why))) {
		check_line(check, CHECK_OK, "permissions", "sendmail called by %s may read the settings and write to the spool", caller);
		return;
	}
	outcome_set(&check->seen.permissions, VERDICT_FAILED, STAGE_CONFIG, CAUSE_SPOOL, "sendmail called by %s %s", caller, why);
	check_line(check, CHECK_BAD, "permissions", "%s", check->seen.permissions.text);
}

/* What modes do not show. A refusal of late was mended, perhaps: mail is not said to stand still for it. */
static void
check_security(struct check *check)
{
	struct security *security = &check->security;

	security_look("", check->seen.now, security);
	if (security->state[0] != '\0')
		check_line(check, security->forbids ? CHECK_NOTE : CHECK_OK, "security", "%s", security->state);
	if (security->refusal[0] != '\0')
		check_line(check, CHECK_NOTE, "security", "%s (%ld min ago)", security->refusal, security->ago / 60);
	check->seen.security = security->refusal[0] != '\0' ? security->refusal : security->forbids ? security->state : NULL;
}

static void
check_permissions(struct check *check, const char *spool)
{
	const struct passwd *user = account_of(getuid());

	check_progress(check, "looking at permissions");
	if (user != NULL)
		check_permission(check, spool, user->pw_name, user->pw_uid, user->pw_gid);
	/* settings of one's own are for nobody else */
	if (strcmp(check->file, CONFIG_SYSTEM_FILE) == 0 && (user = getpwnam(CHECK_CALLER)) != NULL && user->pw_uid != getuid())
		check_permission(check, spool, user->pw_name, user->pw_uid, user->pw_gid);
	check_security(check);
}

/* ---- the spool ---- */

/* A timer does its work, too, if later: mail is not said to stand still then. */
static void
check_no_service(struct check *check, bool has_timer)
{
	static const char text[] = "[queue] runner = service, and none runs: mail waits for";

	if (has_timer) {
		check_line(check, CHECK_NOTE, "runner", "%s the timer", text);
		return;
	}
	outcome_set(&check->seen.service, VERDICT_FAILED, STAGE_CONFIG, CAUSE_CONFIG, "%s mailcrane run --foreground", text);
	check_line(check, CHECK_BAD, "runner", "%s", check->seen.service.text);
}

static void
check_runner(struct check *check)
{
	long age = spool_watch_age(check->spool), timer = spool_timer_age(check->spool);
	bool is_service = check->config.runner_is_service;

	if (age >= 0)
		check_line(check, CHECK_OK, "runner", "runs, last seen %ld s ago", age);
	else if (is_service)
		check_no_service(check, timer >= 0 && timer <= CHECK_TIMER_LATE);
	else
		check_line(check, CHECK_OK, "runner", "none runs; each call starts one");
	if (is_service)
		return;
	if (timer >= 0 && timer <= CHECK_TIMER_LATE) {
		check_line(check, CHECK_OK, "timer", "mailcrane run --timer was called %ld s ago", timer);
		return;
	}
	if (timer < 0)
		(void)snprintf(check->timer, sizeof(check->timer), "mailcrane run --timer was never called: what is put off waits for the next call");
	else
		(void)snprintf(check->timer, sizeof(check->timer), "mailcrane run --timer was last called %ld min ago: what is put off waits for the next "
		    "call", timer / 60);
	check->seen.timer = check->timer;
	check_line(check, CHECK_NOTE, "timer", "%s", check->timer);
}

/* What the runner goes by; this looks all the same, but for a login that was refused. */
static void
check_memory(struct check *check)
{
	const struct route *route = &check->route;
	long down = (long)(route->down_until - check->seen.now), slow = (long)(route->throttle_until - check->seen.now);

	if (route->failures > 0)
		check_line(check, CHECK_NOTE, "remembered", "%u failure%s in a row, the last one at %s: %s; mail waits for %ld s more, mailcrane flush does not",
		    route->failures, route->failures == 1 ? "" : "s", stage_name(route->down.stage), cause_text(route->down.cause),
		    down > 0 ? down : 0);
	if (route->throttles > 0)
		check_line(check, CHECK_NOTE, "remembered", "the relay asked us to slow down %u time%s in a row; one connection, and no attempt for %ld s",
		    route->throttles, route->throttles == 1 ? "" : "s", slow > 0 ? slow : 0);
}

static void
check_queue(struct check *check)
{
	struct spool_item *items = NULL;
	struct outcome outcome;
	size_t count = 0, held = 0;
	bool is_wrong;
	char more[96] = "";

	check_progress(check, "looking at the queue");
	if (spool_list(check->spool, SPOOL_QUEUE, &items, &count, &outcome) != 0) {
		check->seen.spool = outcome;
		check_line(check, CHECK_BAD, "spool", "%s", outcome.text);
		return;
	}
	is_wrong = spool_probe(check->spool, &check->seen.spool) != 0 ||
	    spool_check_room(check->spool, check->config.max_queue, &check->seen.queue) != 0;
	if (is_wrong)
		check_line(check, CHECK_BAD, "spool", "%s", check->seen.spool.verdict != VERDICT_NONE ? check->seen.spool.text : check->seen.queue.text);
	for (size_t i = 0; i < count; i++)
		held += items[i].is_held;
	if (held > 0)
		(void)snprintf(more, sizeof(more), " (%zu of them held: mailcrane release all)", held);
	check_line(check, is_wrong ? CHECK_NOTE : CHECK_OK, "spool", "%s: %zu waiting%s%s", spool_directory(check->spool), count, more,
	    count > 0 ? ", see mailcrane queue" : "");
	free(items);
	check_runner(check);
	check_memory(check);
}

/* Opens the spool and becomes the user that serves it. 0, or -1 when nothing more can be looked at; what is wrong is in `seen`. */
static int
check_spool(struct check *check, const struct command_place *place)
{
	struct config config;
	struct outcome outcome;
	int result = 0;

	/* as little of the settings as possible as root */
	if (config_load(check->file, CONFIG_SUBMIT, place->secure, &config, &outcome) != 0)
		return check_no_settings(check, &outcome);
	check->caller = getuid();
	check_progress(check, "opening the spool");
	if (config.delivery == DELIVERY_DIRECT) {
		check_line(check, CHECK_OK, "spool", "none, [queue] delivery = direct");
		if (privilege_drop_without_spool(&outcome) != 0)
			result = check_no_settings(check, &outcome);
	} else if (spool_open(config.spool_directory, place->own_file, &check->spool, &outcome) != 0) {
		check->seen.spool = outcome;
		check_line(check, CHECK_BAD, "spool", "%s", outcome.text);
		/* the network is worth a look all the same */
		if (privilege_drop_without_spool(&outcome) != 0)
			result = check_no_settings(check, &outcome);
	} else {
		check_permissions(check, config.spool_directory);
		if (privilege_drop(check->spool, &outcome) != 0)
			result = check_no_settings(check, &outcome);
	}
	config_free(&config);
	return result;
}

/* ---- secrets and clock ---- */

static void
check_traps(struct check *check)
{
	const char *provider = check->seen.provider != NULL ? check->seen.provider : "", *trap;
	const struct buffer *secret = &check->secret;

	trap = advice_trap(provider, "user", check->config.relay.user);
	if (trap != NULL)
		check_line(check, CHECK_NOTE, "user", "%s: %s", provider, trap);
	trap = secret->length > 0 ? advice_trap(provider, "password", secret->data) : NULL;
	if (trap != NULL)
		check_line(check, CHECK_NOTE, "password", "%s: %s", provider, trap);
	if (secret->length > 0 && strchr(" \t", secret->data[secret->length - 1]) != NULL)
		check_line(check, CHECK_NOTE, "password", "ends in a blank: is that meant?");
}

void
check_secret(struct check *check)
{
	static const char *const sources[] = {"none", "in the settings", "file", "command", "environment"};
	const struct relay *relay = &check->config.relay;

	if (!check->is_asked)
		return;
	check->is_asked = false;
	check_progress(check, "reading the password");
	if (secret_answer(relay, &check->question, (struct deadline){check->began + CHECK_PROBE_MS}, &check->secret, &check->seen.secret) != 0) {
		check_line(check, CHECK_BAD, "password", "%s", check->seen.secret.text);
		return;
	}
	memset(&check->seen.secret, 0, sizeof(check->seen.secret));
	check_line(check, CHECK_OK, "password", "can be had (%s%s%s)", sources[relay->secret_source],
	    relay->secret_source == SECRET_FILE ? " " : "", relay->secret_source == SECRET_FILE ? relay->secret : "");
	check_traps(check);
}

/* A command works while the ports are looked at: it may take its time. */
static void
check_ask_secret(struct check *check)
{
	if (secret_ask(&check->config.relay, &check->question, &check->seen.secret) != 0) {
		check_line(check, CHECK_BAD, "password", "%s", check->seen.secret.text);
		return;
	}
	check->is_asked = true;
	if (check->config.relay.secret_source != SECRET_COMMAND)
		check_secret(check);
}

/* Certificates are judged by it. */
static bool
check_clock_is_free(void)
{
	struct timex clock = {.modes = 0};

	return adjtimex(&clock) == TIME_ERROR || (clock.status & STA_UNSYNC) != 0;
}

/* ---- the whole ---- */

static void
check_observe(struct check *check)
{
	const struct relay *relay = &check->config.relay;
	const struct provider *provider = provider_of_host(relay->host);

	check->seen.host = relay->host;
	check->seen.provider = provider != NULL ? provider->name : NULL;
	/* where a token serves as user, too, it is a secret */
	check->seen.user = relay->user != NULL && strchr(relay->user, '@') != NULL ? relay->user : "the account's own address";
	check->trust = tls_trust_new(relay->tls_ca_file);
	check_line(check, CHECK_OK, "settings", "%s: %s%s%s", check->relay != NULL ? "none, only named" : check->file, relay->host,
	    provider != NULL ? ", provider " : "", provider != NULL ? provider->name : "");
	if (check->relay == NULL) {
		check_name_others(check);
		check_ask_secret(check);
	}
}

static void
check_run(struct check *check, struct command_place *place, const char *relay)
{
	struct outcome outcome;

	if (check_find_settings(check, place, relay) != 0)
		return;
	if ((check->relay == NULL && check_spool(check, place) != 0) || check_load(check, place) != 0)
		return;
	/* only now: root's memory file is read; what a stranger sends is nothing for root */
	if (check->relay != NULL && privilege_drop_without_spool(&outcome) != 0) {
		(void)check_no_settings(check, &outcome);
		return;
	}
	/* a change of user ends it */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	check_observe(check);
	if (check->spool != NULL) {
		route_load(check->spool, &check->config, &check->config.relay, &check->route);
		check_queue(check);
	}
	check_network(check);
	/* where there was nothing to log in to */
	check_secret(check);
}

/* The relay is asked about one, as it would be named in an envelope. */
static enum exitcode
check_take_address(struct check *check, const char *text)
{
	struct mailbox_list list;
	const char *why = "not one address";

	if (address_list_parse(text, strlen(text), &list, &why) != 0) {
		fprintf(stderr, "mailcrane: --to %s: %s\n", text, why);
		return EXIT_DATA;
	}
	if (list.count == 1 && !list.items[0].is_bare && list.items[0].address[0] != '\0')
		check->address = memory_copy_text(list.items[0].address);
	else
		fprintf(stderr, "mailcrane: --to %s: %s\n", text, list.count == 1 ? "an address with its domain is needed" : why);
	address_list_free(&list);
	return check->address != NULL ? EXIT_OK : EXIT_DATA;
}

static enum exitcode
check_options(struct check *check, int argc, char **argv, const char **relay)
{
	const char *address = NULL;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			check->is_json = true;
		else if (strcmp(argv[i], "--to") == 0 && i + 1 < argc)
			address = argv[++i];
		else if (argv[i][0] != '-' && *relay == NULL)
			*relay = argv[i];
		else
			return command_misused("check takes a relay, --json and --to ADDRESS");
	}
	return address != NULL ? check_take_address(check, address) : EXIT_OK;
}

static enum exitcode
check_end(const struct check *check)
{
	const struct observations *seen = &check->seen;
	bool wrong = false;

	check_progress(check, NULL);
	if (check->is_json)
		wrong = check_print_json(check) != 0;
	else
		check_print_verdict(check);
	if (fflush(stdout) != 0 || wrong)
		return EXIT_REFUSED;
	if (check->diagnosis.flows)
		return EXIT_OK;
	return seen->settings.verdict != VERDICT_NONE || seen->secret.verdict != VERDICT_NONE ? EXIT_SETTINGS : EXIT_REFUSED;
}

static enum exitcode
check_work(struct check *check, const struct command_place *place, const char *relay)
{
	struct command_place here = *place;
	enum exitcode code;

	check->seen.clock_is_free = check_clock_is_free();
	buffer_init(&check->secret, 8192);
	check_run(check, &here, relay);
	diagnosis_make(&check->seen, &check->diagnosis);
	code = check_end(check);
	buffer_wipe(&check->secret);
	tls_trust_free(check->trust);
	free(check->results);
	free(check->sender);
	if (check->has_config)
		config_free(&check->config);
	spool_close(check->spool);
	free(check->file);
	return code;
}

/* ---- the 15 seconds ---- */

/* Its exit code, or -1 and seen.unfinished: it hung, on a dead disk or a name service that does not answer, or died. */
static int
check_wait(struct check *check, struct command_child *child)
{
	int code = command_await(child, (struct deadline){check->began + CHECK_GUARD_MS});

	if (code >= 0)
		return code;
	check->post->step[sizeof(check->post->step) - 1] = '\0';
	outcome_set(&check->seen.unfinished, VERDICT_FAILED, STAGE_CONFIG, CAUSE_LOCAL, "%s while %s", child->has_hung ? "no end in time" :
	    "the check itself died", check->post->step);
	return -1;
}

enum exitcode
command_check(const struct command_place *place, int argc, char **argv)
{
	struct check check = {.began = deadline_clock(), .seen.chosen = -1, .seen.now = time(NULL)};
	const char *relay = NULL;
	struct command_child child;
	int code, forked;

	if ((code = (int)check_options(&check, argc, argv, &relay)) != EXIT_OK)
		return (enum exitcode)code;
	check.is_coloured = !check.is_json && isatty(STDOUT_FILENO) != 0;
	check.shows_progress = !check.is_json && isatty(STDERR_FILENO) != 0;
	check.deadline = deadline_in(CHECK_WHOLE_MS);
	check.post = mmap(NULL, sizeof(*check.post), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (check.post == MAP_FAILED)
		check.post = NULL;
	check_progress(&check, "reading the settings");
	forked = check.post != NULL ? command_fork(&child) : -1;
	if (forked < 0)
		return check_work(&check, place, relay);
	if (forked == 0)
		_exit((int)check_work(&check, place, relay));
	code = check_wait(&check, &child);
	if (code < 0) {
		check_line(&check, CHECK_BAD, "check", "%s", check.seen.unfinished.text);
		diagnosis_make(&check.seen, &check.diagnosis);
		code = (int)check_end(&check);
	}
	free(check.address);
	return (enum exitcode)code;
}
