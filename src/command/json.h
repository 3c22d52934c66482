/*
 * json: writes JSON (RFC 8259) into a buffer. Commas are put where they belong; a name of NULL is for the elements of an array. Octets
 * that are no UTF-8 become U+FFFD.
 */
#ifndef MAILCRANE_JSON_H
#define MAILCRANE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

void json_open(struct buffer *json, const char *name, char bracket);	/* '{' or '[' */
void json_close(struct buffer *json, char bracket);
void json_text(struct buffer *json, const char *name, const char *text);
void json_number(struct buffer *json, const char *name, int64_t number);
void json_boolean(struct buffer *json, const char *name, bool value);

#endif
