/*
 * port: submission on 587 with STARTTLS (RFC 6409), on 465 with TLS from the first octet (RFC 8314), on 2525
 * and others as providers offer them.
 */
#include "base/port.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool
port_is_implicit(uint64_t number)
{
	return number == 465 || number == 2465;
}

static int
port_wrong(char *wrong, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int
port_wrong(char *wrong, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(wrong, size, format, arguments) < 0)
		wrong[0] = '\0';
	va_end(arguments);
	return -1;
}

static int
port_parse_one(char *word, struct relay *relay, char *wrong, size_t size)
{
	char *mode = strchr(word, '/');
	bool implicit;
	uint64_t number;

	if (mode != NULL)
		*mode++ = '\0';
	if (text_to_number(word, 1, 65535, &number) != 0)
		return port_wrong(wrong, size, "\"%.32s\" is not a port: write numbers with blanks between them, "
		    "as in 587 465 2525", word);
	if (number == 25)
		return port_wrong(wrong, size, "port 25 is for mail between servers; programs hand in mail on "
		    "587, 465 or 2525");
	implicit = port_is_implicit(number);
	if (mode != NULL) {
		implicit = strcmp(mode, "tls") == 0;
		if (!implicit && strcmp(mode, "starttls") != 0)
			return port_wrong(wrong, size, "behind %" PRIu64 "/ stands tls or starttls", number);
	}
	for (size_t i = 0; i < relay->port_count; i++)
		if (relay->ports[i].number == number)
			return port_wrong(wrong, size, "port %" PRIu64 " is there twice", number);
	if (relay->port_count == CONFIG_PORTS_MAX)
		return port_wrong(wrong, size, "there are more than %d ports", CONFIG_PORTS_MAX);
	relay->ports[relay->port_count++] = (struct relay_port){(uint16_t)number, implicit};
	return 0;
}

int
port_parse(const char *text, struct relay *relay, char *wrong, size_t size)
{
	struct relay found = {.port_count = 0};
	char *copy = memory_copy_text(text), *rest = NULL;
	int result = 0;

	for (char *word = strtok_r(copy, " \t", &rest); word != NULL && result == 0;
	    word = strtok_r(NULL, " \t", &rest))
		result = port_parse_one(word, &found, wrong, size);
	free(copy);
	if (result == 0 && found.port_count == 0)
		result = port_wrong(wrong, size, "there is no port");
	if (result != 0)
		return -1;
	memcpy(relay->ports, found.ports, sizeof(found.ports));
	relay->port_count = found.port_count;
	return 0;
}

int
port_print(const struct relay *relay, struct buffer *text)
{
	if (buffer_append_text(text, "ports =") != 0)
		return -1;
	for (size_t i = 0; i < relay->port_count; i++) {
		const struct relay_port *port = &relay->ports[i];
		const char *mode = port->implicit_tls ? "/tls" : "/starttls";

		if (port->implicit_tls == port_is_implicit(port->number))
			mode = "";
		if (buffer_append_format(text, " %u%s", (unsigned)port->number, mode) != 0)
			return -1;
	}
	return buffer_append_text(text, "\n");
}
