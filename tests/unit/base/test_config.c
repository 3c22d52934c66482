/* Settings: each default, each wrong value, each trap of iniparser (PITFALLS), file modes, scopes, and no secret in
 * any text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/config.h"
#include "base/file.h"
#include "base/relay.h"

#define SECRET "s3kr1tWord"
#define LOGIN "user = app@example.com\npassword_file = /etc/mailcrane.password\n"
#define HEAD "[relay]\nhost = smtp.example.com\n" LOGIN
#define BACKUP "[relay.backup]\nhost = backup.example.com\n" LOGIN

static char directory[] = "/tmp/mailcrane-config-XXXXXX";
static char file[64];

static void
write_bytes(const char *text, size_t length, mode_t mode)
{
	int fd;

	(void)unlink(file);
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, text, length), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static int
load(const char *text, enum config_scope scope, struct config *config, struct outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	write_bytes(text, strlen(text), 0600);
	return config_load(file, scope, false, config, outcome);
}

/* What config_print writes; the caller frees. */
static char *
printed(const struct config *config)
{
	FILE *out = tmpfile();
	char *text;

	assert_non_null(out);
	assert_int_equal(config_print(config, fileno(out)), 0);
	assert_true(lseek(fileno(out), 0, SEEK_SET) == 0);
	text = file_slurp(fileno(out), 65536, NULL);
	(void)fclose(out);
	assert_non_null(text);
	return text;
}

static void
four_lines_are_enough_and_the_rest_is_default(void **state)
{
	static const char want[] =
	    "[relay]\nhost = smtp.example.com\nports = 587 465 2525\nuser = app@example.com\n"
	    "password_file = /etc/mailcrane.password\nauth = auto\nfamily = any\n\n[sender]\nforce_from = no\n\n[aliases]\n\n"
	    "[timeouts]\nwait = 10s\ndns = 3s\nconnect = 5s\nrace = 250ms\ngreeting = 10s\ntls = 8s\ncommand = 30s\ndata = 1m\n"
	    "final = 10m\nattempt = 30m\n\n[queue]\nrunner = auto\ndirectory = " MAILCRANE_SPOOL "\ndelivery = wait\nconnections = 3\nlinger = 5s\n"
	    "retry = 1m 2m 5m 10m 30m 1h\nlifetime = 5d\nkeep_failed = 14d\nmax_message = 50M\nmax_queue = 1G\n\n[log]\nto = syslog\nlevel = info\n";
	struct config config;
	struct outcome outcome;
	char *text;

	(void)state;
	assert_int_equal(load(HEAD, CONFIG_FULL, &config, &outcome), 0);
	text = printed(&config);
	assert_string_equal(strchr(text, '\n') + 1, want);
	free(text);
	assert_string_equal(config.file, file);
	assert_string_equal(config.relay.name, "");
	assert_string_equal(config.relay.host, "smtp.example.com");
	assert_int_equal(config.relay.port_count, 3);
	assert_int_equal(config.relay.ports[0].number, 587);
	assert_false(config.relay.ports[0].implicit_tls);
	assert_int_equal(config.relay.ports[1].number, 465);
	assert_true(config.relay.ports[1].implicit_tls);
	assert_int_equal(config.relay.ports[2].number, 2525);
	assert_false(config.relay.ports[2].implicit_tls);
	assert_int_equal(config.relay.secret_source, SECRET_FILE);
	assert_string_equal(config.relay.secret, "/etc/mailcrane.password");
	assert_null(config.relay.tls_ca_file);
	assert_null(config.relay.ehlo);
	assert_null(config.sender_domain);
	assert_null(config.sender_from);
	assert_int_equal(config.timeouts.wait, 10000);
	assert_int_equal(config.timeouts.attempt, 1800000);
	assert_int_equal(config.linger, 5000);
	assert_int_equal(config.max_message, 50 * 1024 * 1024);
	assert_false(config.runner_is_service);
	config_free(&config);
}

static void
every_key_is_taken_and_printed_back(void **state)
{
	static const char all[] =
	    "[relay]\nhost = 2001:db8::1\nports = 2465 2587 8465/tls 465/starttls\nuser = a;b\"c\n"
	    "password_env = RELAY_PASSWORD\nauth = login\ntls_ca_file = /etc/ca.pem\nehlo = [192.0.2.1]\nfamily = 6\n\n"
	    "[sender]\ndomain = example.com\nfrom = app@example.com\nforce_from = yes\n\n[aliases]\nfile = /etc/aliases\nroot = admin@example.com\n\n"
	    "[timeouts]\nwait = 1h\ndns = 1ms\nconnect = 2s\nrace = 100ms\ngreeting = 3s\ntls = 4s\ncommand = 5m\ndata = 6m\n"
	    "final = 7h\nattempt = 1d\n\n[queue]\nrunner = service\ndirectory = /srv/spool\ndelivery = direct\nconnections = 20\nlinger = 0ms\n"
	    "retry = 1s 90s 1d\nlifetime = 2h\nkeep_failed = 1d\nmax_message = 3K\nmax_queue = 7G\nnotify = admin@example.com\n\n[log]\nto = /var/log/mailcrane.log\nlevel = debug\n";
	char quoted[sizeof(all) + 8];
	const char *user = strstr(all, "a;b\"c");
	struct config config;
	struct outcome outcome;
	char *text;

	(void)state;
	(void)snprintf(quoted, sizeof(quoted), "%.*s'a;b\"c'%s", (int)(user - all), all, user + strlen("a;b\"c"));
	if (load(quoted, CONFIG_FULL, &config, &outcome) != 0)
		fail_msg("%s", outcome.text);
	text = printed(&config);
	assert_string_equal(strchr(text, '\n') + 1, quoted);
	free(text);
	assert_true(config.relay.ports[0].implicit_tls);
	assert_false(config.relay.ports[1].implicit_tls);
	assert_true(config.relay.ports[2].implicit_tls);
	assert_false(config.relay.ports[3].implicit_tls);
	assert_int_equal(config.relay.auth, RELAY_AUTH_LOGIN);
	assert_int_equal(config.relay.family, RELAY_FAMILY_6);
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	assert_true(config.runner_is_service);
	assert_int_equal(config.timeouts.wait, 3600000);
	config_free(&config);
}

/* A mistake: the file, and words that the text must hold. */
static const struct {
	const char *text;
	const char *want;
	const char *also;
	enum cause  cause;
} mistakes[] = {
	/* traps of iniparser */
	{"\xef\xbb\xbf" HEAD, ":1:", "byte order mark", CAUSE_CONFIG},
	{"[relay]\npassword = " SECRET "#tail\n", ":2: [relay] password:", "quotes", CAUSE_SECRET},
	{"[relay]\npassword = " SECRET ";tail\n", ":2: [relay] password:", "quotes", CAUSE_SECRET},
	{"[relay]\npassword = " SECRET " #tail\n", ":2: [relay] password:", "quotes", CAUSE_SECRET},
	{"[relay]\npassword = " SECRET " ; tail\n", ":2: [relay] password:", "quotes", CAUSE_SECRET},
	{"[relay]\npassword = \"" SECRET "\\\\cd\"\n", ":2: [relay] password:", "backslash", CAUSE_SECRET},
	{"[relay]\npassword = '" SECRET "'def'\n", ":2: [relay] password:", "closing quote", CAUSE_SECRET},
	{"[relay]\npassword = \"" SECRET "\"b#c\n", ":2: [relay] password:", "closing quote", CAUSE_SECRET},
	{"[relay]\npassword = \"" SECRET "\"#c\n", ":2: [relay] password:", "closing quote", CAUSE_SECRET},
	{"[relay]\npassword = \"" SECRET "\n", ":2: [relay] password:", "not closed", CAUSE_SECRET},
	{"[relay]\npassword = " SECRET "\\\nport = 1\n", ":2:", "swallow", CAUSE_CONFIG},
	{"[relay]\n# " SECRET " \\  \nhost = a\n", ":2:", "swallow", CAUSE_CONFIG},
	{"[relay]\nhost\n" SECRET "\n", ":2:", "neither", CAUSE_CONFIG},
	{"[relay]\n" SECRET "\n", ":2:", "neither", CAUSE_CONFIG},
	{"[relay]\nx", ":2:", "neither", CAUSE_CONFIG},
	{"host = a\n" HEAD, ":1:", "before the first section", CAUSE_CONFIG},
	{HEAD "host = other\n", ":5: [relay] host:", "there before", CAUSE_CONFIG},
	{HEAD "HOST = other\n", ":5: [relay] host:", "there before", CAUSE_CONFIG},
	{HEAD "[log]\n[Relay]\n", ":6: [relay]:", "there before", CAUSE_CONFIG},
	{"[relay:x]\n", ":1:", "section name", CAUSE_CONFIG},
	{"[]\n", ":1:", "section name", CAUSE_CONFIG},
	{"[relay\n", ":1:", "alone on its line", CAUSE_CONFIG},
	{"[relay] # main\n", ":1:", "alone on its line", CAUSE_CONFIG},
	{"[relay] # a = [b]\n", ":1:", "section name", CAUSE_CONFIG},
	{"[relay]\na:b = c\n", ":2: [relay]:", "a key has", CAUSE_CONFIG},
	{"[relay]\n = c\n", ":2:", "neither", CAUSE_CONFIG},
	{"[relay]\nho st = c\n", ":2: [relay]:", "a key has", CAUSE_CONFIG},
	{"[relay]\nhost =\n", ":2: [relay] host:", "empty", CAUSE_CONFIG},
	{"[relay]\nhost = \"\"\n", ":2: [relay] host:", "empty", CAUSE_CONFIG},
	{"[relay]\nhost = # x\n", ":2: [relay] host:", "empty", CAUSE_CONFIG},
	{"[relay]\nhost = a#b\n", ":2: [relay] host:", "quotes", CAUSE_CONFIG},
	{"[relay]\nhost = a\rb\n", ":2:", "control character", CAUSE_CONFIG},
	{"[relay]\nhost = a\x1b[1m\n", ":2:", "control character", CAUSE_CONFIG},
	{"[relay]\nports = 0587\n", ":2: [relay] ports:", "not a port", CAUSE_CONFIG},
	{"[relay]\nports = 587abc\n", ":2: [relay] ports:", "not a port", CAUSE_CONFIG},
	/* names */
	{"[relay]\nhots = a\n", ":2: [relay] hots:", "unknown key, did you mean host?", CAUSE_CONFIG},
	{"[relay]\npasword = " SECRET "\n", ":2: [relay] pasword:", "did you mean password?", CAUSE_CONFIG},
	{"[relay]\npassword_fiel = " SECRET "\n", ":2:", "did you mean password_file?", CAUSE_CONFIG},
	{"[relay]\nwait = 5s\n", ":2: [relay] wait:", "belongs to [timeouts]", CAUSE_CONFIG},
	{"[relay]\nnonesuch = x\n", ":2: [relay] nonesuch:", "unknown key", CAUSE_CONFIG},
	{"[timeouts]\nconect = 5s\n", ":2: [timeouts] conect:", "did you mean connect?", CAUSE_CONFIG},
	{"[quue]\n", ":1: [quue]:", "did you mean queue?", CAUSE_CONFIG},
	/* several relays */
	{HEAD "[relay.backup]\n", ":5: [relay.backup]:", "host is missing", CAUSE_CONFIG},
	{"[relay.backup]\nhost = b\n" LOGIN, "[relay]:", "host is missing", CAUSE_CONFIG},
	{HEAD "[relay.backup]\nhost = b\nuser = c\n", ":5: [relay.backup]:", "no password", CAUSE_SECRET},
	{HEAD "[relay.backup]\nhots = b\n", ":6: [relay.backup] hots:", "unknown key, did you mean host?", CAUSE_CONFIG},
	{HEAD "[relay.backup]\nhost = b c\n", ":6: [relay.backup] host:", "not a host name", CAUSE_CONFIG},
	{HEAD "[relay.backup]\npassword = " SECRET "#\n", ":6: [relay.backup] password:", "quotes", CAUSE_SECRET},
	{HEAD "[relay.backup]\npassword = " SECRET "\npassword_env = X\n", ":7: [relay.backup] password_env:", "is enough", CAUSE_SECRET},
	{HEAD "[relay.backup]\nhost = b\nhost = b\n", ":7: [relay.backup] host:", "there before", CAUSE_CONFIG},
	{HEAD "[relay.backup]\n[relay.BACKUP]\n", ":6: [relay.backup]:", "there before", CAUSE_CONFIG},
	{HEAD "[relay.]\n", ":5: [relay.]:", "the name of a relay has", CAUSE_CONFIG},
	{HEAD "[relay.a.b]\n", ":5: [relay.a.b]:", "the name of a relay has", CAUSE_CONFIG},
	{HEAD "[relay.a12345678901234567890123456789012]\n", ":5: [relay.a1234567890", "32 at most", CAUSE_CONFIG},
	{HEAD "[relay.relay]\n", ":5: [relay.relay]:", "means [relay] itself", CAUSE_CONFIG},
	{HEAD "[relays.backup]\n", ":5: [relays.backup]:", "unknown section", CAUSE_CONFIG},
	{HEAD "[relay.1]\n[relay.2]\n[relay.3]\n[relay.4]\n[relay.5]\n[relay.6]\n[relay.7]\n[relay.8]\n[relay.9]\n[relay.a]\n[relay.b]\n[relay.c]\n"
	    "[relay.d]\n[relay.e]\n[relay.f]\n[relay.g]\n", ":20: [relay.g]:", "16 at most", CAUSE_CONFIG},
	{HEAD "fallback = bakup\n" BACKUP, ":5: [relay] fallback:", "no [relay.bakup], did you mean backup?", CAUSE_CONFIG},
	{HEAD "fallback = other\n", ":5: [relay] fallback:", "no [relay.other]", CAUSE_CONFIG},
	{HEAD "fallback = relay\n", ":5: [relay] fallback:", "in a circle: relay - relay", CAUSE_CONFIG},
	{HEAD "fallback = backup\n" BACKUP "fallback = relay\n", "fallback:", "in a circle: relay - backup - relay", CAUSE_CONFIG},
	{HEAD "fallback = backup\n" BACKUP "fallback = third\n[relay.third]\nhost = c\nfallback = backup\n" LOGIN, ":10: [relay.backup] fallback:",
	    "in a circle: backup - third - backup", CAUSE_CONFIG},
	{HEAD "fallback = a b\n", ":5: [relay] fallback:", "the name of one other relay", CAUSE_CONFIG},
	{HEAD "fallback = \n", ":5: [relay] fallback:", "empty", CAUSE_CONFIG},
	{HEAD BACKUP "from = a@\n", ":9: [relay.backup] from:", "\"a@\" has no domain", CAUSE_CONFIG},
	{HEAD BACKUP "from = root\n", ":9: [relay.backup] from:", "\"root\" has no dot", CAUSE_CONFIG},
	{HEAD BACKUP "from = example.com A<b@c.d>\n", ":9: [relay.backup] from:", "neither an address nor a domain", CAUSE_CONFIG},
	{HEAD BACKUP "from = .example.com\n", ":9: [relay.backup] from:", "*.example.com", CAUSE_CONFIG},
	{HEAD BACKUP "from = ,\n", ":9: [relay.backup] from:", "write addresses or domains", CAUSE_CONFIG},
	{HEAD BACKUP "from = a@example.com A@Example.com\n", ":9: [relay.backup] from:", "a@example.com is there twice", CAUSE_CONFIG},
	{HEAD BACKUP "from = @example.com\n[relay.third]\nhost = c\n" LOGIN "from = x@y.z, example.com\n", ":14: [relay.third] from:",
	    "*@example.com is there twice: the other is in [relay.backup], line 9", CAUSE_CONFIG},
	{BACKUP "from = *\n" HEAD "from = *\n", ":10: [relay] from:", "*@* is there twice", CAUSE_CONFIG},
	/* values */
	{"[relay]\nhost = smtp example\n", ":2: [relay] host:", "not a host name", CAUSE_CONFIG},
	{"[relay]\nhost = smtp.example.com:587\n", ":2: [relay] host:", "ports", CAUSE_CONFIG},
	{"[relay]\nhost = smtps://smtp.example.com\n", ":2: [relay] host:", "alone", CAUSE_CONFIG},
	{"[relay]\nhost = -a\n", ":2: [relay] host:", "not a host name", CAUSE_CONFIG},
	{"[relay]\nhost = a..b\n", ":2: [relay] host:", "dots", CAUSE_CONFIG},
	{"[relay]\nhost = a.\n", ":2: [relay] host:", "dots", CAUSE_CONFIG},
	{"[relay]\nhost = sm\xc3\xbctp.example\n", ":2: [relay] host:", "xn--", CAUSE_CONFIG},
	{"[relay]\nports = 25\n", ":2: [relay] ports:", "between servers", CAUSE_CONFIG},
	{"[relay]\nports = 587 25/tls\n", ":2: [relay] ports:", "between servers", CAUSE_CONFIG},
	{"[relay]\nports = 587,465\n", ":2: [relay] ports:", "blanks between", CAUSE_CONFIG},
	{"[relay]\nports = 587 0\n", ":2: [relay] ports:", "not a port", CAUSE_CONFIG},
	{"[relay]\nports = 65536\n", ":2: [relay] ports:", "not a port", CAUSE_CONFIG},
	{"[relay]\nports = 587/ssl\n", ":2: [relay] ports:", "tls or starttls", CAUSE_CONFIG},
	{"[relay]\nports = 587/\n", ":2: [relay] ports:", "tls or starttls", CAUSE_CONFIG},
	{"[relay]\nports = 587 465 587/tls\n", ":2: [relay] ports:", "twice", CAUSE_CONFIG},
	{"[relay]\nports = 1 2 3 4 5 6 7 8 9\n", ":2: [relay] ports:", "more than 8", CAUSE_CONFIG},
	{"[relay]\nuser = a\tb\n", ":2: [relay] user:", "control", CAUSE_CONFIG},
	{"[relay]\nauth = plian\n", ":2: [relay] auth:", "did you mean plain?", CAUSE_CONFIG},
	{"[relay]\nauth = cram-md5\n", ":2: [relay] auth:", "none of auto, plain, login", CAUSE_CONFIG},
	{"[relay]\nfamily = ipv4\n", ":2: [relay] family:", "none of any, 4, 6", CAUSE_CONFIG},
	{"[relay]\ntls_ca_file = ca.pem\n", ":2: [relay] tls_ca_file:", "from / on", CAUSE_CONFIG},
	{"[relay]\nehlo = my host\n", ":2: [relay] ehlo:", "not a host name", CAUSE_CONFIG},
	{"[relay]\nehlo = [1.2.3]\n", ":2: [relay] ehlo:", "address literal", CAUSE_CONFIG},
	{"[relay]\npassword_file = " SECRET "\n", ":2: [relay] password_file:", "from / on", CAUSE_SECRET},
	{"[relay]\npassword_env = $" SECRET "\n", ":2: [relay] password_env:", "variable", CAUSE_SECRET},
	{"[relay]\npassword = " SECRET "\npassword_file = /x\n", ":3:", "is enough", CAUSE_SECRET},
	{"[sender]\ndomain = a@b\n", ":2: [sender] domain:", "not a host name", CAUSE_CONFIG},
	{"[sender]\nfrom = root\n", ":2: [sender] from:", "name@domain", CAUSE_CONFIG},
	{"[sender]\nforce_from = yes\n", ": [sender] force_from:", "needs `from`", CAUSE_CONFIG},
	{"[sender]\nfrom = a@b\nforce_from = maybe\n", ":3: [sender] force_from:", "neither yes nor no", CAUSE_CONFIG},
	{"[sender]\nfrom = A <a@b>\n", ":2: [sender] from:", "bare address", CAUSE_CONFIG},
	{"[timeouts]\nwait = 10\n", ":2: [timeouts] wait:", "not a time", CAUSE_CONFIG},
	{"[timeouts]\nwait = 010s\n", ":2: [timeouts] wait:", "not a time", CAUSE_CONFIG},
	{"[timeouts]\nwait = 0s\n", ":2: [timeouts] wait:", "more than zero", CAUSE_CONFIG},
	{"[timeouts]\nwait = 61m\n", ":2: [timeouts] wait:", "at most 1h", CAUSE_CONFIG},
	{"[timeouts]\ndns = -1s\n", ":2: [timeouts] dns:", "not a time", CAUSE_CONFIG},
	{"[timeouts]\nconnect = soon\n", ":2: [timeouts] connect:", "not a time", CAUSE_CONFIG},
	{"[timeouts]\ngreeting = 5 s\n", ":2: [timeouts] greeting:", "not a time", CAUSE_CONFIG},
	{"[timeouts]\ntls = 0ms\n", ":2: [timeouts] tls:", "more than zero", CAUSE_CONFIG},
	{"[timeouts]\ncommand = 1w\n", ":2: [timeouts] command:", "not a time", CAUSE_CONFIG},
	{"[timeouts]\ndata = 1.5s\n", ":2: [timeouts] data:", "not a time", CAUSE_CONFIG},
	{"[timeouts]\nfinal = 366d\n", ":2: [timeouts] final:", "not a time", CAUSE_CONFIG},
	{"[timeouts]\nattempt = 1M\n", ":2: [timeouts] attempt:", "not a time", CAUSE_CONFIG},
	{"[queue]\nrunner = servcie\n", ":2: [queue] runner:", "did you mean service?", CAUSE_CONFIG},
	{"[queue]\ndirectory = spool\n", ":2: [queue] directory:", "from / on", CAUSE_CONFIG},
	{"[queue]\nlinger = 5\n", ":2: [queue] linger:", "not a time", CAUSE_CONFIG},
	{"[queue]\nmax_message = 50MB\n", ":2: [queue] max_message:", "not a size", CAUSE_CONFIG},
	{"[queue]\ndelivery = backgroun\n", ":2: [queue] delivery:", "did you mean background?", CAUSE_CONFIG},
	{"[queue]\nconnections = 0\n", ":2: [queue] connections:", "from 1 to 20", CAUSE_CONFIG},
	{"[queue]\nconnections = 21\n", ":2: [queue] connections:", "from 1 to 20", CAUSE_CONFIG},
	{"[queue]\nconnections = 2x\n", ":2: [queue] connections:", "\"2x\"", CAUSE_CONFIG},
	{"[queue]\nretry = 1m 5\n", ":2: [queue] retry:", "\"5\" is not a time", CAUSE_CONFIG},
	{"[queue]\nretry = 1m, 5m\n", ":2: [queue] retry:", "\"1m,\" is not a time", CAUSE_CONFIG},
	{"[queue]\nretry = 1m 2d\n", ":2: [queue] retry:", "2d is not between 1s and 1d", CAUSE_CONFIG},
	{"[queue]\nretry = 10ms\n", ":2: [queue] retry:", "between 1s and 1d", CAUSE_CONFIG},
	{"[queue]\nretry = 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s\n", ":2: [queue] retry:", "at most 16", CAUSE_CONFIG},
	{"[queue]\nlifetime = 0s\n", ":2: [queue] lifetime:", "more than zero", CAUSE_CONFIG},
	{"[queue]\nkeep_failed = 14\n", ":2: [queue] keep_failed:", "not a time", CAUSE_CONFIG},
	{"[queue]\nmax_queue = 0\n", ":2: [queue] max_queue:", "over zero", CAUSE_CONFIG},
	{"[queue]\nmax_message = 0\n", ":2: [queue] max_message:", "over zero", CAUSE_CONFIG},
	{"[log]\nto = sylog\n", ":2: [log] to:", "did you mean syslog?", CAUSE_CONFIG},
	{"[log]\nlevel = warn\n", ":2: [log] level:", "none of error, warning, info, debug", CAUSE_CONFIG},
	{"[relay]\nprovider = gmial\n", ":2: [relay] provider:", "did you mean gmail?", CAUSE_CONFIG},
	{"[relay]\nprovider = ses\n", ":2: [relay] provider:", "with the region put in: ses-REGION", CAUSE_CONFIG},
	{"[relay]\nprovider = ses-REGION\n", ":2: [relay] provider:", "with the region put in", CAUSE_CONFIG},
	{"[relay]\nprovider = nonesuch.example\n", ":2: [relay] provider:", "`mailcrane providers`", CAUSE_CONFIG},
	/* the whole */
	{"", "host is missing", "", CAUSE_CONFIG},
	{"[relay]\n" LOGIN, "host is missing", "", CAUSE_CONFIG},
	{"[relay]\nhost = a\n", "always logs in", "", CAUSE_CONFIG},
	{"[relay]\nhost = a\nuser = b\n", "no password", "", CAUSE_SECRET},
	{"[relay]\nhost = a\npassword = " SECRET "\n", "user is missing", "", CAUSE_CONFIG},
};

static void
each_mistake_names_line_and_key_but_no_secret(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct config config;
		struct outcome outcome;

		if (load(mistakes[i].text, CONFIG_FULL, &config, &outcome) == 0)
			fail_msg("row %zu was accepted: %s", i, mistakes[i].text);
		if (outcome.cause != mistakes[i].cause || strncmp(outcome.text, file, strlen(file)) != 0 ||
		    strstr(outcome.text, mistakes[i].want) == NULL || strstr(outcome.text, mistakes[i].also) == NULL ||
		    strstr(outcome.text, SECRET) != NULL)
			fail_msg("row %zu: %s: %s", i, cause_name(outcome.cause), outcome.text);
		assert_int_equal(outcome.verdict, VERDICT_FAILED);
		assert_int_equal(outcome.stage, STAGE_CONFIG);
		config_free(&config);	/* safe after a failure */
	}
}

static void
a_provider_gives_what_is_not_set(void **state)
{
	static const struct {
		const char *lines;	/* in [relay] */
		const char *want;	/* in what is printed */
	} rows[] = {
		{"provider = gmail\n", "provider = gmail\nhost = smtp.gmail.com\nports = 587 465\n"},
		{"provider = microsoft365\n", "host = smtp.office365.com\nports = 587\n"},
		{"provider = ses-eu-west-1\n", "host = email-smtp.eu-west-1.amazonaws.com\nports = 587 465 2587 2465\n"},
		{"provider = smtp2go\n", "host = mail.smtp2go.com\nports = 587 465 2525 8465/tls 443/tls\n"},
		{"provider = gmail\nports = 465\n", "host = smtp.gmail.com\nports = 465\n"},
		{"ports = 465\nprovider = gmail\n", "host = smtp.gmail.com\nports = 465\n"},
		{"host = relay.example.com\nprovider = postmark\n", "host = relay.example.com\nports = 587 2525\n"},
		{"provider = postmark\nhost = relay.example.com\n", "host = relay.example.com\nports = 587 2525\n"},
		{"host = smtp.gmail.com\n", "host = smtp.gmail.com\nports = 587 465 2525\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config config;
		struct outcome outcome;
		char text[256], *out;

		(void)snprintf(text, sizeof(text), "[relay]\n%s" LOGIN, rows[i].lines);
		if (load(text, CONFIG_FULL, &config, &outcome) != 0)
			fail_msg("row %zu: %s", i, outcome.text);
		out = printed(&config);
		if (strstr(out, rows[i].want) == NULL)
			fail_msg("row %zu: no \"%s\" in %s", i, rows[i].want, out);
		free(out);
		config_free(&config);
	}
}

static const struct {
	const char *written;
	const char *want;
} passwords[] = {
	{"abc", "abc"}, {"\"abc#d;ef\"", "abc#d;ef"}, {"'abc\"d'", "abc\"d"}, {"\"it's\"", "it's"}, {"a%b=c", "a%b=c"},
	{"=abc", "=abc"}, {"p\xc3\xa4ss w\xc3\xb6rd", "p\xc3\xa4ss w\xc3\xb6rd"}, {"ab\\cd", "ab\\cd"},
	{"ab\"cd", "ab\"cd"}, {"\" a \"", " a "}, {"\"abc\" # comment", "abc"}, {"'abc' ; comment", "abc"},
	{"  abc \t\r", "abc"}, {"a", "a"},
};

static void
passwords_come_out_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
		struct config config;
		struct outcome outcome;
		char text[256];

		(void)snprintf(text, sizeof(text), "[relay]\nhost = h\nuser = u\npassword = %s\n", passwords[i].written);
		if (load(text, CONFIG_FULL, &config, &outcome) != 0)
			fail_msg("row %zu: %s", i, outcome.text);
		assert_int_equal(config.relay.secret_source, SECRET_INLINE);
		assert_string_equal(config.relay.secret, passwords[i].want);
		config_free(&config);
	}
}

static void
harmless_forms_are_read(void **state)
{
	static const char *const texts[] = {
	    "[relay]\r\nhost = smtp.example.com\r\nuser = u\r\npassword_file = /p\r\n",
	    "\n  # c\n; d\n\t[ RELAY ]\n  Host=smtp.example.com # comment\nUSER = u ; c\npassword_file = '/p'",
	    "[relay]\nhost = [2001:db8::1]\nuser = u\npassword_file = \"/p\" ; c\n[log]\n[sender]\n"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct config config;
		struct outcome outcome;

		if (load(texts[i], CONFIG_FULL, &config, &outcome) != 0)
			fail_msg("row %zu: %s", i, outcome.text);
		assert_string_equal(config.relay.host, i < 2 ? "smtp.example.com" : "2001:db8::1");
		assert_string_equal(config.relay.secret, "/p");
		config_free(&config);
	}
}

static void
over_long_lines_and_files_are_refused(void **state)
{
	struct config config;
	struct outcome outcome;
	char *text = memory_alloc(70000);

	(void)state;
	for (size_t length = 1021; length <= 1024; length++) {
		(void)strcpy(text, HEAD "#");
		memset(text + strlen(HEAD) + 1, 'x', length - 1);
		(void)strcpy(text + strlen(HEAD) + length, "\n[log]\nlevel = debug\n");
		if (length <= 1022) {
			assert_int_equal(load(text, CONFIG_FULL, &config, &outcome), 0);
			assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
			config_free(&config);
		} else {
			assert_int_equal(load(text, CONFIG_FULL, &config, &outcome), -1);
			assert_non_null(strstr(outcome.text, ":5: the line is over 1,022"));
		}
	}
	memset(text, '\n', 69999);
	text[69999] = '\0';
	assert_int_equal(load(text, CONFIG_FULL, &config, &outcome), -1);
	assert_non_null(strstr(outcome.text, "over 64 KB"));
	free(text);
}

static void
nul_is_refused(void **state)
{
	static const char text[] = HEAD "[sender]\nfrom = a\0b@example.com\n";
	struct config config;
	struct outcome outcome;

	(void)state;
	write_bytes(text, sizeof(text) - 1, 0600);
	assert_int_equal(config_load(file, CONFIG_FULL, false, &config, &outcome), -1);
	assert_non_null(strstr(outcome.text, ":6: there is a control character"));
}

static const struct {
	mode_t     mode;
	bool       is_inline;
	enum cause cause;	/* NONE: fine */
} modes[] = {
	{0600, true, CAUSE_NONE}, {0640, true, CAUSE_NONE}, {0400, true, CAUSE_NONE}, {0644, true, CAUSE_SECRET},
	{0641, true, CAUSE_SECRET}, {0644, false, CAUSE_NONE}, {0660, false, CAUSE_CONFIG}, {0602, false, CAUSE_CONFIG},
	{0666, true, CAUSE_CONFIG},
};

static void
file_modes_guard_secret_and_settings(void **state)
{
	static const char with[] = "[relay]\nhost = h\nuser = u\npassword = " SECRET "\n";

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const char *text = modes[i].is_inline ? with : HEAD;
		struct config config;
		struct outcome outcome = {.cause = CAUSE_NONE};

		write_bytes(text, strlen(text), modes[i].mode);
		(void)config_load(file, CONFIG_FULL, false, &config, &outcome);
		if (outcome.cause != modes[i].cause || strstr(outcome.text, SECRET) != NULL)
			fail_msg("row %zu: %s", i, outcome.text);
		config_free(&config);
	}
}

static void
unusable_files_are_told_apart(void **state)
{
	static const struct {
		const char *path;
		const char *want;
	} rows[] = {{"/nonexistent/mailcrane.ini", "four lines are enough"}, {"/tmp", "a directory"},
	    {"/dev/null", "no regular file"}, {"/etc/passwd/x", "Not a directory"}};
	struct config config;
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(config_load(rows[i].path, CONFIG_SUBMIT, false, &config, &outcome), -1);
		if (strstr(outcome.text, rows[i].want) == NULL)
			fail_msg("%s", outcome.text);
	}
	(void)unlink(file);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(config_load(file, CONFIG_FULL, false, &config, &outcome), -1);
	assert_non_null(strstr(outcome.text, "no regular file"));
}

/* In a child that has no rights: 0 when the text is as wanted. */
static int
read_without_rights(bool no_new_privileges, const char *want)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct config config;
		struct outcome outcome = {.cause = CAUSE_NONE};

		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(2);
		if (no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
			_exit(3);
		if (config_load(file, CONFIG_SUBMIT, false, &config, &outcome) == 0)
			_exit(4);
		_exit(strstr(outcome.text, want) != NULL ? 0 : 5);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
an_unreadable_file_names_the_likely_reason(void **state)
{
	(void)state;
	write_bytes(HEAD, strlen(HEAD), 0000);
	assert_int_equal(chmod(directory, 0755), 0);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0)
		assert_int_equal(read_without_rights(false, "not in group mailcrane"), 0);
	assert_int_equal(read_without_rights(true, "NoNewPrivileges"), 0);
}

static void
a_process_that_can_not_be_dumped_reads_its_settings(void **state)
{
	pid_t child;
	int status;

	(void)state;
	write_bytes(HEAD, strlen(HEAD), 0644);
	assert_int_equal(chmod(directory, 0755), 0);
	child = fork();
	if (child == 0) {
		struct config config;
		struct outcome outcome;

		if (prctl(PR_SET_DUMPABLE, 0) != 0)
			_exit(2);
		_exit(config_load(file, CONFIG_FULL, true, &config, &outcome) == 0 ? 0 : 1);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Mistakes that are the runner's: the call goes on with defaults. */
static const char *const elsewhere[] = {
	"[relay]\nhots = a\n", "[relay]\nhost = a b\n", "[relay]\nports = 25\n", "[relay]\npassword = a#b\n",
	"[relay]\nhost = a\nhost = b\n", "[relay]\na:b = c\n", "[timeouts]\ndns = x\n", "[timeouts]\nwiat = 1s\n",
	"[log]\nlevel = x\n", "[log]\nto = x\n", "[relay.backup]\nhost = x\n", "[relay.a.b]\nhost = x\n", HEAD "fallback = x\n",
	HEAD "from = x\n", "[relay]\nhost =\n", "",
	"[relay]\npassword = a\npassword_file = /b\n",
};
static const char *const here[] = {
	"[timeouts]\nwait = x\n", "[sender]\nfrom = x\n", "[sender]\nform = a@b\n", "[queue]\ndirectory = x\n",
	"[queue]\nmax_message = x\n", "[queue]\n[queue]\n", "[relay]\nhost = a\\\n", "[relay]\nhost\n",
	"\xef\xbb\xbf[relay]\n",
};

static void
a_call_minds_its_own_sections_only(void **state)
{
	struct config config;
	struct outcome outcome;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		(void)snprintf(text, sizeof(text), "[sender]\nfrom = a@example.com\n%s", elsewhere[i]);
		if (load(text, CONFIG_SUBMIT, &config, &outcome) != 0)
			fail_msg("%s: %s", elsewhere[i], outcome.text);
		assert_string_equal(config.sender_from, "a@example.com");
		assert_int_equal(config.timeouts.dns, 3000);
		assert_int_equal(config.relay.port_count, 3);
		assert_null(config.relay.secret);
		config_free(&config);
		assert_int_equal(load(text, CONFIG_FULL, &config, &outcome), -1);
	}
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		if (load(here[i], CONFIG_SUBMIT, &config, &outcome) == 0)
			fail_msg("accepted: %s", here[i]);
}

static void
aliases_are_names_and_a_file(void **state)
{
	static const char text[] = HEAD "[aliases]\nfile = /etc/aliases\nRoot = a@x, B <b@y>\nwww-data = root\nfirst.last = c@z ; note\n* = d@z\n";
	static const char *const wrong[] = {"[aliases]\nfile = aliases\n", "[aliases]\nroot =\n", "[aliases]\nroot = a@x\nROOT = b@x\n",
	    "[aliases]\na+b = c@d\n", "[aliases]\n** = c@d\n", "[sender]\n* = x\n", "[alias]\nroot = x\n"};
	struct config config;
	struct outcome outcome;
	char *out;

	(void)state;
	for (int scope = CONFIG_SUBMIT; scope <= CONFIG_FULL; scope++) {
		assert_int_equal(load(text, (enum config_scope)scope, &config, &outcome), 0);
		assert_string_equal(config.aliases_file, "/etc/aliases");
		assert_int_equal(config.alias_count, 4);
		assert_string_equal(config.aliases[0].name, "root");
		assert_string_equal(config.aliases[0].list, "a@x, B <b@y>");
		assert_int_equal(config.aliases[0].line, 7);
		assert_string_equal(config.aliases[1].name, "www-data");
		assert_string_equal(config.aliases[2].list, "c@z");
		assert_string_equal(config.aliases[3].name, "*");
		config_free(&config);
	}
	assert_int_equal(load(text, CONFIG_FULL, &config, &outcome), 0);
	out = printed(&config);
	assert_non_null(strstr(out, "[aliases]\nfile = /etc/aliases\nroot = a@x, B <b@y>\nwww-data = root\nfirst.last = c@z\n* = d@z\n"));
	free(out);
	config_free(&config);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]) - 1; i++)
		if (load(wrong[i], CONFIG_SUBMIT, &config, &outcome) == 0)
			fail_msg("accepted: %s", wrong[i]);
	assert_int_equal(load(wrong[6], CONFIG_FULL, &config, &outcome), -1);
	assert_non_null(strstr(outcome.text, "did you mean aliases?"));
}

static void
set_id_refuses_command_and_environment(void **state)
{
	static const char *const keys[] = {"password_command", "password_env"};
	struct config config;
	struct outcome outcome;
	char text[256];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof(text), "[relay]\nhost = a\nuser = b\n%s = " SECRET "\n", keys[i]);
		write_bytes(text, strlen(text), 0600);
		assert_int_equal(config_load(file, CONFIG_FULL, true, &config, &outcome), -1);
		assert_int_equal(outcome.cause, CAUSE_SECRET);
		assert_non_null(strstr(outcome.text, keys[i]));
		assert_null(strstr(outcome.text, SECRET));
		assert_int_equal(config_load(file, CONFIG_SUBMIT, true, &config, &outcome), 0);
		config_free(&config);
		assert_int_equal(config_load(file, CONFIG_FULL, false, &config, &outcome), 0);
		config_free(&config);
	}
}

static void
printing_masks_secrets(void **state)
{
	static const struct {
		const char *line;
		const char *want;
	} rows[] = {{"password = " SECRET, "password = ********\n"},
	    {"password_command = echo " SECRET, "password_command = echo ********\n"},
	    {"password_command = 'echo \"" SECRET "\"'", "password_command = echo ********\n"},
	    {"password_file = /etc/x", "password_file = /etc/x\n"}};
	struct config config;
	struct outcome outcome;
	char text[256], *out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(text, sizeof(text), "[relay]\nhost = a\nuser = b\n%s\n", rows[i].line);
		assert_int_equal(load(text, CONFIG_FULL, &config, &outcome), 0);
		out = printed(&config);
		assert_null(strstr(out, SECRET));
		assert_non_null(strstr(out, rows[i].want));
		free(out);
		config_free(&config);
	}
}

static void
the_environment_names_the_file_unless_set_id(void **state)
{
	struct outcome outcome;
	bool own = true;
	char *path;

	(void)state;
	assert_int_equal(setenv("MAILCRANE_CONFIG", "/srv/x.ini", 1), 0);
	path = config_find(false, &own, &outcome);
	assert_string_equal(path, "/srv/x.ini");
	assert_false(own);
	free(path);
	path = config_find(true, &own, &outcome);
	assert_true(path == NULL || strcmp(path, "/srv/x.ini") != 0);
	if (path == NULL)
		assert_non_null(strstr(outcome.text, "four lines are enough"));
	free(path);
	assert_int_equal(unsetenv("MAILCRANE_CONFIG"), 0);
}

/* Its spool is the user's own then, too, and must be made. */
static void
the_own_file_is_that_also_when_it_is_named(void **state)
{
	const struct passwd *user = getpwuid(getuid());
	struct outcome outcome;
	char name[1024], *path;
	bool own = false;

	(void)state;
	if (user == NULL || user->pw_dir[0] != '/')
		skip();
	(void)snprintf(name, sizeof(name), "%s/.config/mailcrane.ini", user->pw_dir);
	assert_int_equal(setenv("MAILCRANE_CONFIG", name, 1), 0);
	path = config_find(false, &own, &outcome);
	assert_string_equal(path, name);
	assert_true(own);
	free(path);
	assert_int_equal(unsetenv("MAILCRANE_CONFIG"), 0);
}

/* The annotated example must stay true: all its commented keys are the defaults. */
static void
the_example_file_loads_and_tells_the_defaults(void **state)
{
	int fd = open("conf/mailcrane.ini", O_RDONLY | O_CLOEXEC);
	char *example, *want, *have, *line, *rest = NULL;
	struct config config;
	struct outcome outcome;
	size_t count = 0;

	(void)state;
	if (fd < 0)
		skip();		/* not started from the top of the project */
	example = file_slurp(fd, 65536, NULL);
	(void)close(fd);
	assert_non_null(example);
	if (load(example, CONFIG_FULL, &config, &outcome) != 0)
		fail_msg("%s", outcome.text);
	have = printed(&config);
	config_free(&config);
	assert_int_equal(load(HEAD, CONFIG_FULL, &config, &outcome), 0);
	want = printed(&config);
	config_free(&config);
	assert_string_equal(have, want);
	for (line = strtok_r(want, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		if (line[0] == '#')
			continue;
		if (strstr(example, line) == NULL)
			fail_msg("the example lacks: %s", line);
		count++;
	}
	assert_true(count > 20);
	free(example);
	free(have);
	free(want);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(file, sizeof(file), "%s/mailcrane.ini", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(file);
	return rmdir(directory);
}

/* Whose mail goes where, by the settings of one file. */
static void
sender_uses_the_first_relay_that_fits(void **state)
{
	static const char text[] =
	    "[relay.shop]\nhost = shop.example\n" LOGIN "from = orders@example.com, @Shop.Example.com  *+news@*.example.org\n"
	    HEAD "from = *@special.example.net\n"
	    "[relay.news]\nhost = news.example\n" LOGIN "from = *.example.com example.net *.example.net <>\n"
	    "[relay.last]\nhost = last.example\n" LOGIN "from = a*b*c@x.y\n";
	static const struct {
		const char *sender, *want;
	} rows[] = {
		{"orders@example.com", "shop"}, {"ORDERS@EXAMPLE.COM", "shop"}, {"orders@example.com.org", "relay"}, {"xorders@example.com", "relay"},
		{"a@shop.example.com", "shop"}, {"a@x.shop.example.com", "news"}, {"a@example.com", "relay"}, {"a+news@b.example.org", "shop"},
		{"a@b.example.org", "relay"}, {"+news@.example.org", "shop"}, {"a@special.example.net", "relay"}, {"a@b.example.net", "news"},
		{"a@example.net", "news"}, {"", "news"}, {"abc@x.y", "last"}, {"aXbYbZc@x.y", "last"}, {"ab@x.y", "relay"}, {"abcd@x.y", "relay"},
		{"\"a@shop.example.com\"@other.example", "relay"}, {"@", "relay"}, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbb@x.y", "relay"},
	};
	static const enum config_scope scopes[] = {CONFIG_FULL, CONFIG_SUBMIT};
	struct config config;
	struct outcome outcome;

	(void)state;
	for (size_t scope = 0; scope < 2; scope++) {
		if (load(text, scopes[scope], &config, &outcome) != 0)
			fail_msg("%s", outcome.text);
		assert_int_equal(relay_count(&config), 4);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			const char *title = relay_title(relay_at(&config, relay_of_sender(&config, rows[i].sender)));

			if (strcmp(title, rows[i].want) != 0)
				fail_msg("<%s>: %s", rows[i].sender, title);
		}
		/* a message may name its own */
		assert_int_equal(relay_of_message(&config, "news", "orders@example.com"), 2);
		assert_int_equal(relay_of_message(&config, "relay", "orders@example.com"), 0);
		assert_int_equal(relay_of_message(&config, "gone", "orders@example.com"), 1);
		assert_int_equal(relay_of_message(&config, NULL, "orders@example.com"), 1);
		config_free(&config);
	}
}

static void
each_relay_has_its_own(void **state)
{
	static const char want[] =
	    "[relay]\nhost = smtp.example.com\nports = 587 465 2525\nuser = app@example.com\npassword_file = /etc/mailcrane.password\n"
	    "auth = auto\nfamily = any\nfallback = backup\n\n"
	    "[relay.backup]\nprovider = gmail\nhost = smtp.gmail.com\nports = 587 465\nuser = b\npassword = ********\nauth = plain\n"
	    "tls_ca_file = /ca\nehlo = h.example\nfamily = 4\nfrom = a@b.c *@d.e <>\nfallback = third\n\n"
	    "[relay.third]\nhost = third.example\nports = 465\nuser = c\npassword_env = THIRD\nauth = auto\nfamily = any\n\n[sender]\n";
	static const char text[] = HEAD "fallback = Relay.Backup\n"
	    "[relay.BACKUP]\nprovider = gmail\nuser = b\npassword = " SECRET "\nauth = plain\ntls_ca_file = /ca\nehlo = h.example\nfamily = 4\n"
	    "from = a@B.c d.e <>\nfallback = third\n[relay.third]\nhost = third.example\nports = 465\nuser = c\npassword_env = THIRD\n";
	struct config config;
	struct outcome outcome;
	char *out;

	(void)state;
	if (load(text, CONFIG_FULL, &config, &outcome) != 0)
		fail_msg("%s", outcome.text);
	assert_int_equal(relay_next(&config, 0), 1);
	assert_int_equal(relay_next(&config, 1), 2);
	assert_int_equal(relay_next(&config, 2), relay_count(&config));
	assert_int_equal(relay_find(&config, "third"), 2);
	assert_int_equal(relay_find(&config, "relay"), 0);
	assert_int_equal(relay_find(&config, "none"), relay_count(&config));
	assert_string_equal(config.others[0].secret, SECRET);
	assert_string_equal(config.relay.secret, "/etc/mailcrane.password");
	out = printed(&config);
	if (strstr(out, want) == NULL)
		fail_msg("%s", out);
	free(out);
	config_free(&config);
	/* who only hands in mail gets none of the secrets */
	assert_int_equal(load(text, CONFIG_SUBMIT, &config, &outcome), 0);
	assert_null(config.others[0].secret);
	assert_string_equal(config.others[1].secret, "THIRD");
	config_free(&config);
}

/* A password in any section closes the file to others. */
static void
password_of_a_named_relay_must_not_be_readable_by_all(void **state)
{
	static const char text[] = HEAD "[relay.backup]\nhost = b.example\nuser = b\npassword = " SECRET "\n";
	struct config config;
	struct outcome outcome;

	(void)state;
	write_bytes(text, strlen(text), 0644);
	assert_int_equal(config_load(file, CONFIG_FULL, false, &config, &outcome), -1);
	assert_int_equal(outcome.cause, CAUSE_SECRET);
	assert_null(strstr(outcome.text, SECRET));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_lines_are_enough_and_the_rest_is_default),
		cmocka_unit_test(every_key_is_taken_and_printed_back),
		cmocka_unit_test(each_mistake_names_line_and_key_but_no_secret),
		cmocka_unit_test(sender_uses_the_first_relay_that_fits),
		cmocka_unit_test(each_relay_has_its_own),
		cmocka_unit_test(password_of_a_named_relay_must_not_be_readable_by_all),
		cmocka_unit_test(a_provider_gives_what_is_not_set),
		cmocka_unit_test(passwords_come_out_as_written),
		cmocka_unit_test(harmless_forms_are_read),
		cmocka_unit_test(over_long_lines_and_files_are_refused),
		cmocka_unit_test(nul_is_refused),
		cmocka_unit_test(file_modes_guard_secret_and_settings),
		cmocka_unit_test(unusable_files_are_told_apart),
		cmocka_unit_test(an_unreadable_file_names_the_likely_reason),
		cmocka_unit_test(a_process_that_can_not_be_dumped_reads_its_settings),
		cmocka_unit_test(a_call_minds_its_own_sections_only),
		cmocka_unit_test(aliases_are_names_and_a_file),
		cmocka_unit_test(set_id_refuses_command_and_environment),
		cmocka_unit_test(printing_masks_secrets),
		cmocka_unit_test(the_environment_names_the_file_unless_set_id),
		cmocka_unit_test(the_own_file_is_that_also_when_it_is_named),
		cmocka_unit_test(the_example_file_loads_and_tells_the_defaults),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
