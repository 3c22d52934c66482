/*
 * From what was seen of all ports to one cause, row by row.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "command/diagnosis.h"

#define NOW 1795600000
#define DAY 86400
#define GOOD_UNTIL (NOW + 60 * DAY)

/* One candidate in short. cause NONE: it was secured. */
struct seen {
	uint16_t        port;		/* 0 ends the list */
	bool            tls;
	enum stage      stage;
	enum cause      cause;
	enum probe_kind kind;
	bool            is_6;
	int             greeting;
	const char     *text, *issuer;
	int             reply;
};

#define OK(port, tls) {port, tls, STAGE_NONE, CAUSE_NONE, PROBE_PORT, false, 220, "", "", 0}
#define CONNECT(port, tls, why) {port, tls, STAGE_CONNECT, CAUSE_ ## why, PROBE_PORT, false, 0, "it does not answer", "", 0}
#define CONNECT_6(port, tls, why) {port, tls, STAGE_CONNECT, CAUSE_ ## why, PROBE_PORT, true, 0, "it does not answer", "", 0}
#define OK_6(port, tls) {port, tls, STAGE_NONE, CAUSE_NONE, PROBE_PORT, true, 220, "", "", 0}
#define CONTROL(why) {443, true, STAGE_CONNECT, CAUSE_ ## why, PROBE_CONTROL, false, 0, "", "", 0}
#define CERTIFICATE(port, tls, why, issuer) {port, tls, STAGE_TLS, CAUSE_CERT_ ## why, PROBE_PORT, false, 220, "certificate", issuer, 0}
#define AT(port, stage, why, greeting, text, reply) {port, false, STAGE_ ## stage, CAUSE_ ## why, PROBE_PORT, false, greeting, text, "", reply}

static size_t
fill(const struct seen *list, struct probe_result *results, int *chosen)
{
	size_t count = 0;

	*chosen = -1;
	for (; list[count].port != 0; count++) {
		const struct seen *one = &list[count];
		struct probe_result *result = &results[count];

		memset(result, 0, sizeof(*result));
		result->kind = one->kind;
		result->port = (struct relay_port){one->port, one->tls};
		result->family = one->is_6 ? AF_INET6 : AF_INET;
		(void)snprintf(result->peer, sizeof(result->peer), one->is_6 ? "[2001:db8::1]:%u" : "192.0.2.1:%u", (unsigned)one->port);
		result->is_over = true;
		result->is_secured = one->cause == CAUSE_NONE;
		result->is_connected = result->is_secured || one->stage > STAGE_CONNECT;
		result->sight.greeting = one->greeting;
		result->sight.certificate.until = GOOD_UNTIL;
		(void)snprintf(result->sight.certificate.issuer, sizeof(result->sight.certificate.issuer), "%s", one->issuer);
		if (result->is_secured && one->kind == PROBE_PORT && *chosen < 0)
			*chosen = (int)count;
		if (result->is_secured)
			continue;
		outcome_set(&result->outcome, VERDICT_DEFERRED, one->stage, one->cause, "%s", one->text);
		result->outcome.reply = one->reply;
	}
	return count;
}

static const struct row {
	const char *name, *cause;
	bool        flows;
	const char *text, *advice;	/* words that must be in them, NULL: any */
	struct seen seen[8];
} rows[] = {
	{"all well", "none", true, NULL, NULL, {OK(587, false), OK(465, true)}},
	{"587 silent, 465 works", "port-blocked", true, "port 587 of smtp.example.com", "ports = 465",
	    {CONNECT(587, false, CONNECT_TIMEOUT), OK(465, true), CONTROL(CONNECT_REFUSED)}},
	{"587 and 465 silent", "port-blocked", true, "ports 587 465 ", "ports = 2525",
	    {CONNECT(587, false, CONNECT_TIMEOUT), CONNECT(465, true, CONNECT_TIMEOUT), OK(2525, false)}},
	{"a port that is refused is no block", "none", true, NULL, NULL, {OK(587, false), CONNECT(465, true, CONNECT_REFUSED)}},
	{"all silent, the web passes", "outbound-firewall", false, "other TCP", "587 465",
	    {CONNECT(587, false, CONNECT_TIMEOUT), CONNECT(465, true, CONNECT_TIMEOUT), CONTROL(CONNECT_REFUSED)}},
	{"587 silent, the others refused", "outbound-firewall", false, "port 587", NULL,
	    {CONNECT(587, false, CONNECT_TIMEOUT), CONNECT(465, true, CONNECT_REFUSED)}},
	{"all silent, the web, too", "all-silent", false, NULL, "192.0.2.1",
	    {CONNECT(587, false, CONNECT_TIMEOUT), CONNECT(465, true, CONNECT_TIMEOUT), CONTROL(CONNECT_TIMEOUT)}},
	{"silent over IPv4, no way over IPv6", "all-silent", false, "port 587", NULL,
	    {CONNECT(587, false, CONNECT_TIMEOUT), CONNECT_6(587, false, UNREACHABLE)}},
	{"all refused", "refused", false, "587 465", NULL, {CONNECT(587, false, CONNECT_REFUSED), CONNECT(465, true, CONNECT_REFUSED)}},
	{"no way", "unreachable", false, NULL, NULL, {CONNECT(587, false, UNREACHABLE)}},
	{"forbidden here", "forbidden-here", false, NULL, "setsebool",
	    {AT(587, CONNECT, UNREACHABLE, 0, "Permission denied: forbidden on this machine", 0)}},
	{"IPv6 dead", "ipv6-broken", true, "IPv4 only", "family = 4", {CONNECT_6(587, false, CONNECT_TIMEOUT), OK(587, false)}},
	{"IPv4 dead", "ipv4-broken", true, "IPv6 only", "family = 6", {OK_6(587, false), CONNECT(587, false, UNREACHABLE)}},
	{"not in the settings", "port-not-in-ports", false, "587", "ports = 465",
	    {CONNECT(587, false, CONNECT_TIMEOUT), {465, true, STAGE_NONE, CAUSE_NONE, PROBE_OTHER, false, 220, "", "", 0}}},
	{"wrong mode", "tls-mode", false, "port 587", "ports = 587/tls",
	    {AT(587, GREETING, TLS_MODE, 0, "", 0), {587, true, STAGE_NONE, CAUSE_NONE, PROBE_MODE, false, 220, "", "", 0}}},
	{"wrong mode the other way", "tls-mode", false, "clear text first", "ports = 465/starttls",
	    {{465, true, STAGE_TLS, CAUSE_TLS_MODE, PROBE_PORT, false, 0, "", "", 0},
	    {465, false, STAGE_NONE, CAUSE_NONE, PROBE_MODE, false, 220, "", "", 0}}},
	{"stripped, and the other port silent", "starttls-stripped", false, "port 587", "Do not send in clear",
	    {AT(587, STARTTLS, STARTTLS_MISSING, 220, "", 0), CONNECT(465, true, CONNECT_TIMEOUT)}},
	{"stripped on one port", "starttls-stripped", true, "port 465 works", NULL, {AT(587, STARTTLS, STARTTLS_MISSING, 220, "", 0), OK(465, true)}},
	{"injected", "injection", false, NULL, NULL, {AT(587, STARTTLS, INJECTION, 220, "", 0), CERTIFICATE(465, true, EXPIRED, "CN=x")}},
	{"banner but no TLS", "banner-no-tls", false, "port 587 greets", NULL, {AT(587, TLS, SILENCE, 220, "", 0)}},
	{"banner, then closed", "banner-no-tls", false, NULL, NULL, {AT(587, TLS, CLOSED, 220, "", 0)}},
	{"old TLS", "tls-handshake", false, NULL, NULL, {AT(587, TLS, TLS, 220, "", 0)}},
	{"silent", "silent-relay", false, NULL, NULL, {AT(587, GREETING, SILENCE, 0, "", 0)}},
	{"closed", "closed", false, NULL, NULL, {AT(587, GREETING, CLOSED, 0, "", 0)}},
	{"no SMTP", "not-smtp", false, NULL, NULL, {AT(587, GREETING, PROTOCOL, 0, "SSH-2.0", 0)}},
	{"554", "refused-here", false, "554 go away", NULL, {AT(587, GREETING, UNAVAILABLE, 554, "go away", 554)}},
	{"421", "throttled", false, "421 later", NULL, {AT(587, GREETING, UNAVAILABLE, 421, "later", 421)}},
	{"not valid yet", "clock", false, NULL, "Set the clock", {CERTIFICATE(587, false, NOT_YET, "CN=x"), CERTIFICATE(465, true, NOT_YET, "CN=x")}},
	{"expired", "cert-expired", false, NULL, NULL, {CERTIFICATE(587, false, EXPIRED, "CN=x")}},
	{"own authority", "cert-issuer", false, NULL, "tls_ca_file", {CERTIFICATE(587, false, ISSUER, "CN=Example Ltd CA")}},
	{"a known interceptor", "intercepted", false, "Zscaler", "Zscaler", {CERTIFICATE(587, false, ISSUER, "CN=Zscaler Root CA,O=Zscaler")}},
	{"another name", "cert-name", false, NULL, NULL, {CERTIFICATE(587, false, NAME, "CN=x")}},
	{"no authorities", "trust-store", false, NULL, "ca-certificates", {AT(587, TLS, TRUST_STORE, 220, "no CA certificates", 0)}},
};

static void
compare(const char *name, const struct diagnosis *diagnosis, const char *cause, bool flows, const char *text, const char *advice)
{
	if (strcmp(diagnosis->cause, cause) != 0 || diagnosis->flows != flows)
		fail_msg("%s: cause %s, not %s (%s)", name, diagnosis->cause, cause, diagnosis->flows ? "flows" : "does not flow");
	if (text != NULL && strstr(diagnosis->text, text) == NULL)
		fail_msg("%s: '%s' lacks '%s'", name, diagnosis->text, text);
	if (diagnosis->text[0] == '\0' || diagnosis->advice[0] == '\0')
		fail_msg("%s: nothing is said", name);
	if (advice != NULL && strstr(diagnosis->advice, advice) == NULL)
		fail_msg("%s: '%s' lacks '%s'", name, diagnosis->advice, advice);
	if (strchr(diagnosis->advice, '{') != NULL)
		fail_msg("%s: a word was not put in: '%s'", name, diagnosis->advice);
}

static void
ports_lead_to_a_cause(void **state)
{
	struct probe_result results[8];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct observations seen = {.host = "smtp.example.com", .user = "app@example.com", .results = results, .now = NOW};
		struct diagnosis diagnosis;

		seen.count = fill(rows[i].seen, results, &seen.chosen);
		diagnosis_make(&seen, &diagnosis);
		compare(rows[i].name, &diagnosis, rows[i].cause, rows[i].flows, rows[i].text, rows[i].advice);
	}
}

static void
a_provider_with_another_authority_is_intercepted(void **state)
{
	static const struct seen own[] = {CERTIFICATE(587, false, ISSUER, "CN=Example Ltd CA"), {.port = 0}};
	struct probe_result results[8];
	struct observations seen = {.host = "smtp.gmail.com", .provider = "gmail", .results = results, .now = NOW};
	struct diagnosis diagnosis;

	(void)state;
	seen.count = fill(own, results, &seen.chosen);
	diagnosis_make(&seen, &diagnosis);
	compare("gmail", &diagnosis, "intercepted", false, "public authority", "smtp.gmail.com");
}

static void
logins_and_senders_have_the_advice_of_their_provider(void **state)
{
	static const struct {
		const char *name, *provider, *host;
		enum stage  stage;
		enum cause  cause;
		int         reply;
		const char *enhanced, *text, *want, *advice;
	} cases[] = {
		{"gmail", "gmail", "smtp.gmail.com", STAGE_AUTH, CAUSE_AUTH_REFUSED, 535, "5.7.8", "Username and Password not accepted", "login-refused",
		    "app password of 16 letters"},
		{"gmail 534", "gmail", "smtp.gmail.com", STAGE_AUTH, CAUSE_AUTH_REFUSED, 534, "5.7.9", "Application-specific password required",
		    "login-refused", "app password"},
		{"microsoft", "microsoft365", "smtp.office365.com", STAGE_AUTH, CAUSE_AUTH_REFUSED, 535, "5.7.3", "Authentication unsuccessful",
		    "login-refused", "SMTP AUTH must be on"},
		{"microsoft 5.7.139", "microsoft365", "smtp.office365.com", STAGE_AUTH, CAUSE_AUTH_REFUSED, 535, "5.7.139",
		    "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant", "login-disabled", "tenant"},
		{"microsoft 5.7.30", "microsoft365", "smtp.office365.com", STAGE_AUTH, CAUSE_AUTH_REFUSED, 550, "5.7.30",
		    "Basic authentication is not supported", "login-disabled", "OAuth"},
		{"sendgrid", "sendgrid", "smtp.sendgrid.net", STAGE_AUTH, CAUSE_AUTH_REFUSED, 535, "", "Authentication failed", "login-refused", "apikey"},
		{"ses", "ses-REGION", "email-smtp.eu-west-1.amazonaws.com", STAGE_AUTH, CAUSE_AUTH_REFUSED, 535, "", "Authentication Credentials Invalid",
		    "login-refused", "region eu-west-1"},
		{"mailgun-eu", "mailgun-eu", "smtp.eu.mailgun.org", STAGE_AUTH, CAUSE_AUTH_REFUSED, 535, "", "no", "login-refused", "not the API key"},
		{"nobody's", NULL, "smtp.example.com", STAGE_AUTH, CAUSE_AUTH_REFUSED, 535, "", "no", "login-refused", "app password or SMTP key"},
		{"mechanism", NULL, "smtp.example.com", STAGE_AUTH, CAUSE_AUTH_MECHANISM, 0, "", "XOAUTH2", "login-mechanism", NULL},
		{"held", NULL, "smtp.example.com", STAGE_AUTH, CAUSE_AUTH_HELD, 0, "", "not tried", "login-held", NULL},
		{"454", "gmail", "smtp.gmail.com", STAGE_AUTH, CAUSE_AUTH_TEMPORARY, 454, "4.7.0", "Too many login attempts", "login-temporary", "hour"},
		{"closed", NULL, "smtp.example.com", STAGE_AUTH, CAUSE_CLOSED, 0, "", "closed", "login-broken", NULL},
		{"sender", "zoho-eu", "smtp.zoho.eu", STAGE_MAIL, CAUSE_SENDER_REFUSED, 553, "", "not allowed", "sender-refused", "app@example.com"},
		{"throttle", "ses-REGION", "email-smtp.us-east-1.amazonaws.com", STAGE_MAIL, CAUSE_THROTTLED, 454, "", "Maximum sending rate exceeded",
		    "throttled", "us-east-1"},
		{"international sender", NULL, "smtp.example.com", STAGE_MAIL, CAUSE_NO_SMTPUTF8, 0, "", "no SMTPUTF8", "no-smtputf8", "[sender] from"},
		{"international recipient", NULL, "smtp.example.com", STAGE_RCPT, CAUSE_NO_SMTPUTF8, 0, "", "no SMTPUTF8", "no-smtputf8", "US-ASCII"},
		{"recipient", NULL, "smtp.example.com", STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, 550, "5.1.1", "no", "recipient-refused", NULL},
	};
	static const struct seen well[] = {OK(587, false), {.port = 0}};
	struct probe_result results[8];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct observations seen = {.host = cases[i].host, .provider = cases[i].provider, .user = "app@example.com", .results = results,
		    .now = NOW};
		struct outcome *outcome = cases[i].stage == STAGE_AUTH ? &seen.login : cases[i].stage == STAGE_MAIL ? &seen.sender : &seen.recipient;
		struct diagnosis diagnosis;

		seen.count = fill(well, results, &seen.chosen);
		outcome_set(outcome, cases[i].reply >= 500 ? VERDICT_FAILED : VERDICT_DEFERRED, cases[i].stage, cases[i].cause, "%s", cases[i].text);
		outcome->reply = cases[i].reply;
		(void)snprintf(outcome->enhanced, sizeof(outcome->enhanced), "%s", cases[i].enhanced);
		diagnosis_make(&seen, &diagnosis);
		compare(cases[i].name, &diagnosis, cases[i].want, false, cases[i].text, cases[i].advice);
	}
}

static void
what_comes_first_decides(void **state)
{
	static const struct seen blocked[] = {CONNECT(587, false, CONNECT_TIMEOUT), {.port = 0}};
	struct probe_result results[8];
	struct observations seen = {.host = "smpt.example.com", .results = results, .now = NOW};
	struct diagnosis diagnosis;

	(void)state;
	seen.count = fill(blocked, results, &seen.chosen);
	outcome_set(&seen.dns, VERDICT_DEFERRED, STAGE_DNS, CAUSE_NO_SUCH_NAME, "no such name");
	diagnosis_make(&seen, &diagnosis);
	compare("name", &diagnosis, "no-such-name", false, NULL, NULL);
	seen.other_name = "smtp.example.com";
	diagnosis_make(&seen, &diagnosis);
	compare("typo", &diagnosis, "typo", false, NULL, NULL);
	seen.dns.cause = CAUSE_RESOLVER;
	diagnosis_make(&seen, &diagnosis);
	compare("resolver", &diagnosis, "resolver", false, NULL, "resolv.conf");
	outcome_set(&seen.secret, VERDICT_FAILED, STAGE_CONFIG, CAUSE_SECRET, "no password");
	diagnosis_make(&seen, &diagnosis);
	compare("secret", &diagnosis, "secret", false, "no password", NULL);
	outcome_set(&seen.service, VERDICT_FAILED, STAGE_CONFIG, CAUSE_CONFIG, "none runs");
	diagnosis_make(&seen, &diagnosis);
	compare("service", &diagnosis, "no-service", false, "none runs", "mailcrane.service");
	outcome_set(&seen.queue, VERDICT_FAILED, STAGE_INPUT, CAUSE_SPOOL, "the queue is full");
	diagnosis_make(&seen, &diagnosis);
	compare("queue", &diagnosis, "queue-full", false, "full", "max_queue");
	outcome_set(&seen.permissions, VERDICT_FAILED, STAGE_CONFIG, CAUSE_SPOOL, "www-data can't");
	diagnosis_make(&seen, &diagnosis);
	compare("permissions", &diagnosis, "permissions", false, "www-data", "install-owners");
	outcome_set(&seen.settings, VERDICT_FAILED, STAGE_CONFIG, CAUSE_CONFIG, "line 3");
	diagnosis_make(&seen, &diagnosis);
	compare("settings", &diagnosis, "settings", false, "line 3", NULL);
	outcome_set(&seen.unfinished, VERDICT_FAILED, STAGE_CONFIG, CAUSE_LOCAL, "no end while opening the spool");
	diagnosis_make(&seen, &diagnosis);
	compare("unfinished", &diagnosis, "unfinished", false, "opening the spool", "disk");
}

/* What is worth a word though mail flows: the nearer it is to the relay, the sooner. */
static void
remarks_do_not_stop_the_mail(void **state)
{
	static const struct seen well[] = {OK(587, false), {.port = 0}}, blocked[] = {CONNECT(587, false, CONNECT_TIMEOUT), OK(465, true), {.port = 0}};
	struct probe_result results[8];
	struct observations seen = {.host = "smtp.example.com", .results = results, .now = NOW, .timer = "nobody calls"};
	struct diagnosis diagnosis;

	(void)state;
	seen.count = fill(well, results, &seen.chosen);
	diagnosis_make(&seen, &diagnosis);
	compare("timer", &diagnosis, "no-timer", true, "nobody calls", "mailcrane-run.timer");
	results[0].capabilities.size = true;
	results[0].capabilities.size_limit = DIAGNOSIS_SMALL - 1;
	diagnosis_make(&seen, &diagnosis);
	compare("size", &diagnosis, "size-limit", true, "1048575 octets", NULL);
	results[0].capabilities.size_limit = 0;
	diagnosis_make(&seen, &diagnosis);
	compare("any size", &diagnosis, "no-timer", true, NULL, NULL);
	results[0].capabilities.size_limit = DIAGNOSIS_SMALL - 1;
	seen.security = "AppArmor refused sendmail";
	diagnosis_make(&seen, &diagnosis);
	compare("security", &diagnosis, "security-module", true, "AppArmor", "apparmor_parser");
	seen.count = fill(blocked, results, &seen.chosen);
	diagnosis_make(&seen, &diagnosis);
	compare("blocked", &diagnosis, "port-blocked", true, NULL, NULL);
}

static void
a_certificate_that_ends_soon_is_told(void **state)
{
	static const struct seen well[] = {OK(587, false), {.port = 0}};
	struct probe_result results[8];
	struct observations seen = {.host = "smtp.example.com", .results = results, .now = GOOD_UNTIL - 13 * DAY};
	struct diagnosis diagnosis;

	(void)state;
	seen.count = fill(well, results, &seen.chosen);
	diagnosis_make(&seen, &diagnosis);
	compare("soon", &diagnosis, "expires-soon", true, "13 days", NULL);
	seen.now = GOOD_UNTIL - 15 * DAY;
	diagnosis_make(&seen, &diagnosis);
	compare("not so soon", &diagnosis, "none", true, NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_lead_to_a_cause),
		cmocka_unit_test(a_provider_with_another_authority_is_intercepted),
		cmocka_unit_test(logins_and_senders_have_the_advice_of_their_provider),
		cmocka_unit_test(what_comes_first_decides),
		cmocka_unit_test(a_certificate_that_ends_soon_is_told),
		cmocka_unit_test(remarks_do_not_stop_the_mail),
	};

	return cmocka_run_group_tests_name("diagnosis", tests, NULL, NULL);
}
