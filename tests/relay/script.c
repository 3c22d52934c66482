/*
 * script: the relay's script language. One rule a line, "#" begins a comment:
 *
 *     [port P] [connection R] [message R] STAGE ["PATTERN"] [nth R] [after N] ACTION...
 *
 * P is the number of a listener in the order of --listen, or `starttls` or `tls`. R is a number or a range: 2, 1-3, 2-. A connection
 * is counted on its port when the rule names one, else over all; a message is the n-th MAIL of the relay's life; `nth` counts the
 * times that the rest of the rule fitted. PATTERN is an fnmatch(3) pattern for the address (mail, rcpt) or the mechanism (auth).
 *
 * STAGE    connect greeting ehlo starttls handshake ehlo2 auth mail rcpt data bdat body dot quit rset noop vrfy any-ehlo
 *          ehlo is the first EHLO of a connection, ehlo2 the one after STARTTLS, any-ehlo both; dot is the reply to the final dot
 *          or last chunk; body is the time in which the message comes in; connect is before the greeting or the handshake.
 * ACTION   reply "TEXT"  this reply instead (CRLF is added)      4xx  5xx   a fitting refusal
 *          late MS       the reply comes MS later                drip [MS]  one octet each MS (1000)
 *          silence       nothing more is said                    close  reset   the connection ends (reset: RST)
 *          garbage       octets that are not SMTP                half       half of the reply, then silence
 *          endless [MS]  a reply without end, a line each MS     long [N]   one line of N octets (1048576)
 *          inject "TEXT" behind the reply, in the same write     after N    only when N octets of the body came (body)
 *          drop-keyword K   keyword "K args"   EHLO without, or with, that line
 *          lost          (dot) the message is not kept           refuse     (connect) nothing listens
 *          then          does nothing, reads well: reply "421 bye" then close
 * connect silence drops every SYN; body silence stops reading, body drip reads one octet each MS, other actions at body answer in
 * the middle of it. At handshake, drip and half apply to the octets of TLS, and replies go out in clear.
 *
 *     [port P] [connection R] certificate good|expired|not-yet|self-signed|wrong-name|cn-only|other-ca|gmail|gmail-other-ca|
 *         ends-soon|weak|zscaler
 *     [port P] [connection R] versions "1.0 1.1"         TLS versions that are offered
 *
 * In quotes: \r \n \t \0 \" \\ \xHH.
 */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct range {
	unsigned first, last;		/* last 0: no condition */
};

struct rule {
	enum script_stage  stage;
	bool               has_stage;
	int                port;	/* 0 any, -1 starttls, -2 tls */
	struct range       connection, message, nth;
	char              *pattern;
	struct script_play play;
	char              *owned[2 + 2 * SCRIPT_KEYWORDS];
	size_t             owned_count;
};

#define SCRIPT_RULES 128

struct script {
	struct rule rules[SCRIPT_RULES];
	size_t      count;
	unsigned   *fitted;		/* shared: how often each rule fitted */
};

struct token {
	char   text[4096];
	size_t length;
	bool   quoted;
};

static const char *const script_stages[SCRIPT_STAGE_MAX] = {
	"connect", "greeting", "ehlo", "starttls", "handshake", "ehlo2", "auth", "mail", "rcpt", "data", "bdat", "body", "dot", "quit",
	"rset", "noop", "vrfy", "any-ehlo", "certificate", "versions"
};

static int
script_escape(const char **p, char *out)
{
	static const char from[] = "rnt0\"\\", to[] = "\r\n\t\0\"\\";
	const char *found = strchr(from, **p);
	char hex[3] = "";

	if (**p != '\0' && found != NULL) {
		*out = to[found - from];
		(*p)++;
		return 0;
	}
	if (**p != 'x' || !isxdigit((unsigned char)(*p)[1]) || !isxdigit((unsigned char)(*p)[2]))
		return -1;
	memcpy(hex, *p + 1, 2);
	*out = (char)strtol(hex, NULL, 16);
	*p += 3;
	return 0;
}

/* 1 a token, 0 end of line, -1 a mistake */
static int
script_token(const char **p, struct token *token)
{
	*p += strspn(*p, " \t\r\n");
	token->length = 0;
	token->quoted = **p == '"';
	if (**p == '\0' || **p == '#')
		return 0;
	if (token->quoted)
		(*p)++;
	while (token->length < sizeof(token->text) - 3) {
		char c = **p;

		if (token->quoted ? c == '"' : (c == '\0' || isspace((unsigned char)c))) {
			*p += token->quoted;
			token->text[token->length] = '\0';
			return 1;
		}
		if (c == '\0')
			return -1;
		(*p)++;
		if (token->quoted && c == '\\' && script_escape(p, &c) != 0)
			return -1;
		token->text[token->length++] = c;
	}
	return -1;
}

/* The next token is taken only when it is a number. */
static long
script_number(const char **p, long fallback)
{
	const char *q = *p + strspn(*p, " \t");
	char *end;
	long n;

	if (!isdigit((unsigned char)*q))
		return fallback;
	errno = 0;
	n = strtol(q, &end, 10);
	if (errno != 0 || (*end != '\0' && !isspace((unsigned char)*end)))
		return fallback;
	*p = end;
	return n;
}

static int
script_range(const char **p, struct range *range)
{
	struct token token;
	char *end;

	if (script_token(p, &token) != 1 || !isdigit((unsigned char)token.text[0]))
		return -1;
	range->first = range->last = (unsigned)strtoul(token.text, &end, 10);
	if (*end == '-')
		range->last = end[1] == '\0' ? UINT_MAX : (unsigned)strtoul(end + 1, &end, 10);
	return range->last >= range->first && range->first > 0 ? 0 : -1;
}

static int
script_port(const char **p, int *port)
{
	struct token token;

	if (script_token(p, &token) != 1)
		return -1;
	if (strcmp(token.text, "starttls") == 0)
		*port = -1;
	else if (strcmp(token.text, "tls") == 0)
		*port = -2;
	else
		*port = atoi(token.text);
	return *port == 0 ? -1 : 0;
}

static char *
script_keep(struct rule *rule, const struct token *token)
{
	char *copy = malloc(token->length + 1);

	if (copy == NULL || rule->owned_count == sizeof(rule->owned) / sizeof(rule->owned[0])) {
		free(copy);
		return NULL;
	}
	memcpy(copy, token->text, token->length);
	copy[token->length] = '\0';
	rule->owned[rule->owned_count++] = copy;
	return copy;
}

static int
script_reply(struct rule *rule, struct token *token)
{
	if (token->length == 0 || token->text[token->length - 1] != '\n') {
		token->text[token->length++] = '\r';
		token->text[token->length++] = '\n';
	}
	rule->play.reply = script_keep(rule, token);
	rule->play.reply_length = token->length;
	rule->play.speaks = true;
	return rule->play.reply == NULL ? -1 : 0;
}

static int
script_refusal(struct rule *rule, bool for_good)
{
	struct token token = {.quoted = true};

	token.length = (size_t)snprintf(token.text, sizeof(token.text), "%s",
	    for_good ? "554 5.0.0 refused by script" : "451 4.3.0 try again later");
	return script_reply(rule, &token);
}

/* Actions that are followed by a text. 1: not one of them */
static int
script_text_action(struct rule *rule, const char *word, const char **p)
{
	struct script_play *play = &rule->play;
	struct token token;

	if (strcmp(word, "reply") != 0 && strcmp(word, "inject") != 0 && strcmp(word, "drop-keyword") != 0 &&
	    strcmp(word, "keyword") != 0)
		return 1;
	if (script_token(p, &token) != 1)
		return -1;
	if (strcmp(word, "reply") == 0)
		return script_reply(rule, &token);
	if (strcmp(word, "inject") == 0) {
		play->inject = script_keep(rule, &token);
		play->inject_length = token.length;
		play->speaks = true;
		return play->inject == NULL ? -1 : 0;
	}
	if (play->drop_count == SCRIPT_KEYWORDS || play->add_count == SCRIPT_KEYWORDS)
		return -1;
	if (word[0] == 'd')
		return (play->drops[play->drop_count++] = script_keep(rule, &token)) == NULL ? -1 : 0;
	return (play->adds[play->add_count++] = script_keep(rule, &token)) == NULL ? -1 : 0;
}

static int
script_timed_action(struct script_play *play, const char *word, const char **p)
{
	if (strcmp(word, "late") == 0)
		return (play->late = script_number(p, -1)) < 0 ? -1 : 0;
	if (strcmp(word, "after") == 0) {
		long n = script_number(p, -1);

		play->after = n < 0 ? 0 : (uint64_t)n;
		return n < 0 ? -1 : 0;
	}
	if (strcmp(word, "drip") == 0) {
		play->drip = script_number(p, 1000);
	} else if (strcmp(word, "endless") == 0) {
		play->form = SCRIPT_ENDLESS;
		play->pause = script_number(p, 10);
	} else if (strcmp(word, "long") == 0) {
		play->form = SCRIPT_LONG;
		play->size = script_number(p, 1048576);
	} else {
		return 1;
	}
	play->speaks = true;
	return 0;
}

static int
script_action(struct rule *rule, const char *word, const char **p)
{
	static const struct { const char *word; enum script_end end; } ends[] = {
		{"close", SCRIPT_CLOSE}, {"reset", SCRIPT_RESET}, {"silence", SCRIPT_SILENCE}, {"refuse", SCRIPT_REFUSE},
	};
	int status;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(word, ends[i].word) == 0) {
			rule->play.end = ends[i].end;
			return 0;
		}
	if (strcmp(word, "then") == 0)
		return 0;
	if (strcmp(word, "lost") == 0) {
		rule->play.lost = true;
		return 0;
	}
	if (strcmp(word, "4xx") == 0 || strcmp(word, "5xx") == 0)
		return script_refusal(rule, word[0] == '5');
	if (strcmp(word, "garbage") == 0 || strcmp(word, "half") == 0) {
		rule->play.form = word[0] == 'g' ? SCRIPT_GARBAGE : SCRIPT_HALF;
		rule->play.speaks = true;
		if (word[0] == 'h')
			rule->play.end = SCRIPT_SILENCE;
		return 0;
	}
	status = script_text_action(rule, word, p);
	return status != 1 ? status : script_timed_action(&rule->play, word, p) == 0 ? 0 : -1;
}

static int
script_stage(struct rule *rule, const char *word, const char **p)
{
	const char *ahead;
	struct token token;

	for (int i = 0; i < SCRIPT_STAGE_MAX; i++)
		if (strcmp(word, script_stages[i]) == 0) {
			rule->stage = (enum script_stage)i;
			rule->has_stage = true;
		}
	if (!rule->has_stage)
		return -1;
	ahead = *p;
	if (rule->stage == SCRIPT_CERTIFICATE || rule->stage == SCRIPT_VERSIONS) {
		if (script_token(p, &token) != 1)
			return -1;
		rule->play.argument = script_keep(rule, &token);
		return rule->play.argument == NULL ? -1 : 0;
	}
	if (script_token(&ahead, &token) == 1 && token.quoted) {
		*p = ahead;
		rule->pattern = script_keep(rule, &token);
		return rule->pattern == NULL ? -1 : 0;
	}
	return 0;
}

/* 1 a rule, 0 an empty line, -1 a mistake */
static int
script_rule(struct rule *rule, const char *line)
{
	struct token token;
	int status, seen = 0;

	while ((status = script_token(&line, &token)) == 1) {
		int bad;

		seen = 1;
		if (strcmp(token.text, "port") == 0)
			bad = script_port(&line, &rule->port);
		else if (strcmp(token.text, "connection") == 0)
			bad = script_range(&line, &rule->connection);
		else if (strcmp(token.text, "message") == 0)
			bad = script_range(&line, &rule->message);
		else if (strcmp(token.text, "nth") == 0)
			bad = script_range(&line, &rule->nth);
		else if (!rule->has_stage)
			bad = script_stage(rule, token.text, &line);
		else
			bad = script_action(rule, token.text, &line);
		if (bad != 0)
			return -1;
	}
	return status < 0 || (seen && !rule->has_stage) ? -1 : seen;
}

static int
script_lines(struct script *script, FILE *file, const char *name)
{
	char *line = NULL;
	size_t size = 0;
	int number = 0, status = 0;

	while (status >= 0 && getline(&line, &size, file) > 0) {
		number++;
		if (script->count == SCRIPT_RULES) {
			status = -1;
			break;
		}
		status = script_rule(&script->rules[script->count], line);
		if (status == 1)
			script->count++;
	}
	if (status < 0)
		fprintf(stderr, "relay: %s:%d: this rule can't be understood\n", name, number);
	free(line);
	return status < 0 ? -1 : 0;
}

struct script *
script_read(const char *file)
{
	struct script *script = calloc(1, sizeof(*script));
	FILE *stream = NULL;

	if (script == NULL)
		return NULL;
	script->fitted = mmap(NULL, SCRIPT_RULES * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (script->fitted == MAP_FAILED)
		goto out;
	if (file == NULL)
		return script;
	stream = fopen(file, "re");
	if (stream == NULL) {
		fprintf(stderr, "relay: %s: %s\n", file, strerror(errno));
		goto out;
	}
	if (script_lines(script, stream, file) != 0)
		goto out;
	fclose(stream);
	return script;
out:
	if (stream != NULL)
		fclose(stream);
	script_free(script);
	return NULL;
}

void
script_free(struct script *script)
{
	if (script == NULL)
		return;
	for (size_t i = 0; i < SCRIPT_RULES; i++)
		for (size_t j = 0; j < script->rules[i].owned_count; j++)
			free(script->rules[i].owned[j]);
	if (script->fitted != MAP_FAILED)
		munmap(script->fitted, SCRIPT_RULES * sizeof(unsigned));
	free(script);
}

static bool
script_port_fits(const struct rule *rule, int port, bool implicit_tls)
{
	return rule->port == 0 || rule->port == port || rule->port == (implicit_tls ? -2 : -1);
}

static bool
script_in(const struct range *range, unsigned n)
{
	return range->last == 0 || (n >= range->first && n <= range->last);
}

static bool
script_fits(const struct rule *rule, const struct script_moment *moment)
{
	bool ehlo = moment->stage == SCRIPT_EHLO || moment->stage == SCRIPT_EHLO2;

	if (rule->stage != moment->stage && !(ehlo && rule->stage == SCRIPT_ANY_EHLO))
		return false;
	return script_port_fits(rule, moment->port, moment->implicit_tls) && script_in(&rule->message, moment->message) &&
	    script_in(&rule->connection, rule->port != 0 ? moment->connection_on_port : moment->connection) &&
	    (rule->pattern == NULL || fnmatch(rule->pattern, moment->subject, FNM_CASEFOLD) == 0);
}

/* For each property the first rule that has it wins. */
static void
script_merge(struct script_play *play, const struct script_play *rule)
{
	bool decided = play->speaks || play->end != SCRIPT_GO_ON;

	for (size_t i = 0; i < rule->drop_count && play->drop_count < SCRIPT_KEYWORDS; i++)
		play->drops[play->drop_count++] = rule->drops[i];
	for (size_t i = 0; i < rule->add_count && play->add_count < SCRIPT_KEYWORDS; i++)
		play->adds[play->add_count++] = rule->adds[i];
	if (play->late == 0)
		play->late = rule->late;
	if (play->argument == NULL)
		play->argument = rule->argument;
	play->lost = play->lost || rule->lost;
	if (decided)
		return;
	play->reply = rule->reply;
	play->reply_length = rule->reply_length;
	play->inject = rule->inject;
	play->inject_length = rule->inject_length;
	play->form = rule->form;
	play->end = rule->end;
	play->drip = rule->drip;
	play->pause = rule->pause;
	play->size = rule->size;
	play->after = rule->after;
	play->speaks = rule->speaks;
}

void
script_play(struct script *script, const struct script_moment *moment, struct script_play *play)
{
	memset(play, 0, sizeof(*play));
	for (size_t i = 0; i < script->count; i++) {
		const struct rule *rule = &script->rules[i];

		if (!script_fits(rule, moment))
			continue;
		if (script_in(&rule->nth, __atomic_add_fetch(&script->fitted[i], 1, __ATOMIC_SEQ_CST)))
			script_merge(play, &rule->play);
	}
}

enum script_end
script_listener(const struct script *script, int port, bool implicit_tls)
{
	for (size_t i = 0; i < script->count; i++) {
		const struct rule *rule = &script->rules[i];
		bool whole = rule->connection.last == 0 && rule->nth.last == 0 && !rule->play.speaks;

		if (rule->stage == SCRIPT_CONNECT && whole && script_port_fits(rule, port, implicit_tls) &&
		    (rule->play.end == SCRIPT_REFUSE || rule->play.end == SCRIPT_SILENCE))
			return rule->play.end;
	}
	return SCRIPT_GO_ON;
}
