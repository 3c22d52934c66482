/*
 * remark: lines in a buffer.
 */
#include "message/remark.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void
remark_add(struct buffer *remarks, const char *format, ...)
{
	char text[600], line[600];
	va_list arguments;

	if (remarks == NULL)
		return;
	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	(void)text_printable(line, sizeof(line) - 1, text, strlen(text), true);
	(void)memcpy(line + strlen(line), "\n", sizeof("\n"));
	(void)buffer_append_text(remarks, line);
}

char *
remark_next(char **rest)
{
	char *line = *rest;

	if (line == NULL || *line == '\0')
		return NULL;
	*rest = line + strcspn(line, "\n");
	if (**rest != '\0')
		*(*rest)++ = '\0';
	return line;
}
