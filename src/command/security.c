/*
 * security: the files of the two modules. Refusals stand in the audit log where auditd runs, else in the kernel's:
 *
 *	audit: type=1400 audit(1795600000.123:45): apparmor="DENIED" operation="exec" profile="php-fpm" name="/usr/sbin/sendmail" comm="php-fpm"
 *	type=AVC msg=audit(1795600000.123:45): avc:  denied  { name_connect } for pid=1 comm="sendmail" dest=587 scontext=u:r:httpd_t:s0 ...
 */
#include "command/security.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define SECURITY_TAIL 262144		/* octets at the end of a log */
#define SECURITY_RECORDS 20000		/* of the kernel's buffer */

static int
security_open(const char *root, const char *path)
{
	char whole[PATH_MAX];

	if (snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int)sizeof(whole))
		return -1;
	return open(whole, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* What a small file begins with, up to the first line end; "" when there is none. */
static const char *
security_glance(const char *root, const char *path, char *text, size_t size)
{
	int fd = security_open(root, path);
	ssize_t count = fd >= 0 ? read(fd, text, size - 1) : -1;

	if (fd >= 0)
		(void)close(fd);
	text[count > 0 ? count : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* ---- what was refused ---- */

/* The value of a field, quoted or bare: "name=" of name="/x" is /x. false: it has none. */
static bool
security_field(const char *line, const char *name, char *value, size_t size)
{
	const char *at = strstr(line, name);
	size_t length;

	value[0] = '\0';
	if (at == NULL)
		return false;
	at += strlen(name);
	length = *at == '"' ? strcspn(++at, "\"") : strcspn(at, " ");
	if (length >= size)
		length = size - 1;
	text_printable(value, size, at, length, true);
	return true;
}

/* The type of a context: httpd_t of system_u:system_r:httpd_t:s0. */
static const char *
security_type(const char *context, char *type, size_t size)
{
	const char *at = strchr(context, ':');

	at = at != NULL ? strchr(at + 1, ':') : NULL;
	(void)snprintf(type, size, "%.*s", at != NULL ? (int)strcspn(at + 1, ":") : 0, at != NULL ? at + 1 : "");
	return type;
}

static bool
security_is_ours(const char *line)
{
	return strstr(line, "sendmail\"") != NULL || strstr(line, "mailcrane") != NULL;
}

static void
security_take(struct security *security, const char *line, time_t now)
{
	const char *stamp = strstr(line, "audit("), *braces = strstr(line, "{ ");
	bool is_apparmor = strstr(line, "apparmor=\"DENIED\"") != NULL;
	char command[40], who[80], what[40], name[120], context[160];
	long moment = stamp != NULL ? strtol(stamp + strlen("audit("), NULL, 10) : 0;

	if (!is_apparmor && strstr(line, "avc:  denied") == NULL)
		return;
	if (moment <= 0 || moment > now || now - moment > SECURITY_RECENT || !security_is_ours(line) ||
	    (security->refusal[0] != '\0' && now - moment > security->ago))
		return;
	(void)security_field(line, " comm=", command, sizeof(command));
	if (!security_field(line, " name=", name, sizeof(name)) && !security_field(line, " path=", name, sizeof(name)))
		(void)security_field(line, " dest=", name, sizeof(name));
	if (is_apparmor) {
		(void)security_field(line, " operation=", what, sizeof(what));
		(void)security_field(line, " profile=", who, sizeof(who));
	} else {
		(void)snprintf(what, sizeof(what), "%.*s", braces != NULL ? (int)strcspn(braces + 2, " }") : 0, braces != NULL ? braces + 2 : "");
		(void)security_field(line, " scontext=", context, sizeof(context));
		(void)security_type(context, who, sizeof(who));
	}
	(void)snprintf(security->refusal, sizeof(security->refusal), "%s refused %s (%s %s): %s %s", is_apparmor ? "AppArmor" : "SELinux", command,
	    is_apparmor ? "profile" : "domain", who, what, name);
	security->ago = now - moment;
}

static void
security_read_log(const char *root, const char *path, time_t now, struct security *security)
{
	int fd = security_open(root, path);
	char *text, *line, *rest;
	ssize_t count;
	off_t size;

	if (fd < 0)
		return;
	text = malloc(SECURITY_TAIL + 1);
	size = lseek(fd, 0, SEEK_END);
	count = text != NULL ? file_pread(fd, text, SECURITY_TAIL, size > SECURITY_TAIL ? size - SECURITY_TAIL : 0) : -1;
	(void)close(fd);
	if (count > 0) {
		text[count] = '\0';
		for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
			security_take(security, line, now);
	}
	free(text);
}

/* Each read gives a record, an error the end. */
static void
security_read_kernel(const char *root, time_t now, struct security *security)
{
	int fd = security_open(root, "/dev/kmsg");
	char record[8193];
	ssize_t count;

	for (int i = 0; fd >= 0 && i < SECURITY_RECORDS && (count = read(fd, record, sizeof(record) - 1)) > 0; i++) {
		record[count] = '\0';
		security_take(security, record, now);
	}
	if (fd >= 0)
		(void)close(fd);
}

/* ---- the state ---- */

static void
security_of_selinux(const char *root, struct security *security)
{
	char context[200], type[80], mail[8], connect[8];

	(void)security_type(security_glance(root, "/proc/self/attr/current", context, sizeof(context)), type, sizeof(type));
	security_glance(root, "/sys/fs/selinux/booleans/httpd_can_sendmail", mail, sizeof(mail));
	security_glance(root, "/sys/fs/selinux/booleans/httpd_can_network_connect", connect, sizeof(connect));
	security->forbids = mail[0] == '0' && connect[0] == '0';
	(void)snprintf(security->state, sizeof(security->state), "SELinux is on (this runs as %s)%s", type[0] != '\0' ? type : "an unknown domain",
	    security->forbids ? ", and does not let web servers send mail: setsebool -P httpd_can_sendmail on" :
	    mail[0] == '1' || connect[0] == '1' ? ", and lets web servers send mail" : "");
}

/* Profiles under which we, or who calls us, would run. */
static void
security_of_apparmor(const char *root, struct security *security)
{
	int fd = security_open(root, "/sys/kernel/security/apparmor/profiles");
	char *text = fd >= 0 ? file_slurp(fd, SECURITY_TAIL, NULL) : NULL, *line, *rest = NULL, profile[120];
	char names[160] = "";
	size_t used = 0;

	if (fd >= 0)
		(void)close(fd);
	for (line = text != NULL ? strtok_r(text, "\n", &rest) : NULL; line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		bool is_ours = strstr(line, "mailcrane") != NULL || strstr(line, "sendmail") != NULL || strstr(line, "php-fpm") != NULL ||
		    strstr(line, "apache2") != NULL;

		if (is_ours && strstr(line, "(enforce)") != NULL && used + strlen(line) + 2 < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%.*s", used > 0 ? ", " : "", (int)strcspn(line, " "), line);
	}
	free(text);
	security_glance(root, "/proc/self/attr/apparmor/current", profile, sizeof(profile));
	if (profile[0] == '\0')
		security_glance(root, "/proc/self/attr/current", profile, sizeof(profile));
	(void)snprintf(security->state, sizeof(security->state), "AppArmor is on; this runs %s%s%s", strncmp(profile, "unconfined", 10) == 0 ||
	    profile[0] == '\0' ? "unconfined" : profile, names[0] != '\0' ? "; profiles in force that matter: " : "", names);
}

void
security_look(const char *root, time_t now, struct security *security)
{
	static const char *const logs[] = {"/var/log/audit/audit.log", "/var/log/kern.log", "/var/log/messages", "/var/log/syslog"};
	char word[8];

	memset(security, 0, sizeof(*security));
	if (security_glance(root, "/sys/fs/selinux/enforce", word, sizeof(word))[0] == '1')
		security_of_selinux(root, security);
	else if (security_glance(root, "/sys/module/apparmor/parameters/enabled", word, sizeof(word))[0] == 'Y')
		security_of_apparmor(root, security);
	else
		return;
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
		security_read_log(root, logs[i], now, security);
	security_read_kernel(root, now, security);
}
