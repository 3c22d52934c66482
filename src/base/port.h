/*
 * port: the list of ports of a relay, in the order in which they are tried. Allocates nothing.
 */
#ifndef MAILCRANE_PORT_H
#define MAILCRANE_PORT_H

#include "base/buffer.h"
#include "base/config.h"

/* Numbers with blanks between them, `587`, `2465/tls`, `2587/starttls`. 0 and the relay's ports replaced, or -1
 * and what is wrong in `wrong`. Port 25 is refused. */
int port_parse(const char *text, struct relay *relay, char *wrong, size_t size);

/* Appends "ports = ..." and a newline. 0, or -1 with errno ERANGE. */
int port_print(const struct relay *relay, struct buffer *text);

#endif
