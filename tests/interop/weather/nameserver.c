/*
 * nameserver ADDRESS FILE: a name server (UDP, port 53) for tests, which also does what name servers do on bad days. FILE is read anew for
 * each question, so that it may change. A line is a name (or *, for any) and what is said of it, the first line that fits counts:
 *
 *     relay.test 10.0.0.1 10.0.0.2 fd00::1     its addresses
 *     alias.test cname=relay.test              an alias; what the target's line says follows in the same answer
 *     gone.test nxdomain                       or servfail, refused, garbage (an answer that is none), silent
 *     half.test 10.0.0.1 silent-aaaa           no answer at all to questions for IPv6 addresses
 *     late.test 10.0.0.1 late=700              so many ms late
 *
 * No line: refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28 };
enum { RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5 };

struct answer {
	unsigned char data[1500];
	size_t        length;
	unsigned      count;	/* of records */
};

static void
put(struct answer *answer, const void *data, size_t length)
{
	if (length > sizeof(answer->data) - answer->length)
		exit(1);
	memcpy(answer->data + answer->length, data, length);
	answer->length += length;
}

static void
put_16(struct answer *answer, unsigned value)
{
	unsigned char octets[2] = {(unsigned char)(value >> 8), (unsigned char)value};

	put(answer, octets, sizeof(octets));
}

/* Labels without compression (RFC 1035 section 3.1). */
static void
put_name(struct answer *answer, const char *name)
{
	while (*name != '\0') {
		size_t length = strcspn(name, ".");
		unsigned char octet = (unsigned char)length;

		put(answer, &octet, 1);
		put(answer, name, length);
		name += length + (name[length] == '.');
	}
	put(answer, "", 1);
}

static void
put_record(struct answer *answer, const char *owner, unsigned type, const void *data, size_t length)
{
	put_name(answer, owner);
	put_16(answer, type);
	put_16(answer, 1);	/* IN */
	put_16(answer, 0);
	put_16(answer, 0);	/* kept by nobody */
	put_16(answer, (unsigned)length);
	put(answer, data, length);
	answer->count++;
}

/* The line for `name` without the name; false when there is none. */
static bool
find_line(const char *file, const char *name, char *line, size_t size)
{
	FILE *stream = fopen(file, "re");
	char word[256];
	bool found = false;

	while (stream != NULL && !found && fgets(line, (int)size, stream) != NULL) {
		int length = 0;

		if (sscanf(line, "%255s%n", word, &length) != 1 || (strcasecmp(word, name) != 0 && strcmp(word, "*") != 0))
			continue;
		memmove(line, line + length, strlen(line + length) + 1);
		found = true;
	}
	if (stream != NULL)
		fclose(stream);
	return found;
}

/* Puts what is said of `name`. The response code, or -1 for no answer. */
static int
put_all(struct answer *answer, const char *file, const char *name, unsigned type, int depth)
{
	char line[1024], *rest, owner[256];
	unsigned char address[16];

	if (depth > 8 || !find_line(file, name, line, sizeof(line)))
		return RCODE_REFUSED;
	snprintf(owner, sizeof(owner), "%s", name);
	for (char *word = strtok_r(line, " \t\n", &rest); word != NULL; word = strtok_r(NULL, " \t\n", &rest)) {
		if (strcmp(word, "nxdomain") == 0)
			return RCODE_NXDOMAIN;
		if (strcmp(word, "servfail") == 0)
			return RCODE_SERVFAIL;
		if (strcmp(word, "refused") == 0)
			return RCODE_REFUSED;
		if (strcmp(word, "silent") == 0 || (strcmp(word, "silent-aaaa") == 0 && type == TYPE_AAAA))
			return -1;
		if (strcmp(word, "garbage") == 0) {
			answer->length = 7;
			return 0;
		}
		if (strncmp(word, "late=", 5) == 0) {
			struct timespec pause = {atol(word + 5) / 1000, atol(word + 5) % 1000 * 1000000};

			nanosleep(&pause, NULL);
		} else if (strncmp(word, "cname=", 6) == 0) {
			struct answer target = {.length = 0};

			put_name(&target, word + 6);
			put_record(answer, owner, TYPE_CNAME, target.data, target.length);
			return put_all(answer, file, word + 6, type, depth + 1);
		} else if (type == TYPE_A && inet_pton(AF_INET, word, address) == 1)
			put_record(answer, owner, TYPE_A, address, 4);
		else if (type == TYPE_AAAA && inet_pton(AF_INET6, word, address) == 1)
			put_record(answer, owner, TYPE_AAAA, address, 16);
	}
	return 0;
}

/* The name and the type asked for; the length of the question, or 0. */
static size_t
read_question(const unsigned char *query, size_t length, char *name, size_t size, unsigned *type)
{
	size_t at = 12, used = 0;

	while (at < length && query[at] != 0) {
		size_t label = query[at++];

		if (label > 63 || at + label >= length || used + label + 2 > size)
			return 0;
		if (used > 0)
			name[used++] = '.';
		memcpy(name + used, query + at, label);
		used += label;
		at += label;
	}
	name[used] = '\0';
	if (at + 5 > length)
		return 0;
	*type = (unsigned)query[at + 1] << 8 | query[at + 2];
	return at + 5 - 12;
}

static bool
reply_to(const char *file, const unsigned char *query, size_t length, struct answer *answer)
{
	char name[256];
	unsigned type;
	size_t question = length > 12 ? read_question(query, length, name, sizeof(name), &type) : 0;
	int code;

	if (question == 0)
		return false;
	memset(answer, 0, sizeof(*answer));
	put(answer, query, 12 + question);
	code = put_all(answer, file, name, type, 0);
	fprintf(stderr, "%s %s: %d records, code %d\n", name, type == TYPE_A ? "A" : type == TYPE_AAAA ? "AAAA" : "?", (int)answer->count,
	    code);
	if (code < 0)
		return false;
	answer->data[2] = (unsigned char)(0x80 | (query[2] & 0x01));	/* a response */
	answer->data[3] = (unsigned char)(0x80 | code);			/* recursion available */
	memset(answer->data + 4, 0, 8);
	answer->data[5] = 1;
	answer->data[7] = (unsigned char)answer->count;
	return true;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
		fprintf(stderr, "usage: nameserver ADDRESS FILE\n");
		return 64;
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		fprintf(stderr, "nameserver: %s: %s\n", argv[1], strerror(errno));
		return 69;
	}
	for (;;) {
		unsigned char query[512];
		struct sockaddr_in from;
		socklen_t from_length = sizeof(from);
		struct answer answer;
		ssize_t length = recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_length);

		if (length > 0 && reply_to(argv[2], query, (size_t)length, &answer))
			(void)sendto(fd, answer.data, answer.length, 0, (struct sockaddr *)&from, from_length);
	}
}
