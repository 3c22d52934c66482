/*
 * buffer: capped growth, and the one place where running out of memory is dealt with.
 */
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/exitcode.h"

void
memory_fail(void)
{
	static const char line[] = "mailcrane: out of memory\n";

	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(EXIT_REFUSED);
	_exit(EXIT_REFUSED);
}

void *
memory_alloc(size_t size)
{
	void *memory = calloc(1, size > 0 ? size : 1);

	if (memory == NULL)
		memory_fail();
	return memory;
}

void *
memory_room(size_t size)
{
	void *memory = malloc(size > 0 ? size : 1);

	if (memory == NULL)
		memory_fail();
	return memory;
}

void *
memory_resize(void *old, size_t count, size_t size)
{
	void *memory = reallocarray(old, count > 0 ? count : 1, size > 0 ? size : 1);

	if (memory == NULL)
		memory_fail();
	return memory;
}

char *
memory_copy(const void *data, size_t length)
{
	char *copy;

	if (length == SIZE_MAX)
		memory_fail();
	copy = memory_alloc(length + 1);
	if (length > 0)
		memcpy(copy, data, length);
	return copy;
}

char *
memory_copy_text(const char *text)
{
	return memory_copy(text, strlen(text));
}

void
buffer_init(struct buffer *buffer, size_t limit)
{
	*buffer = (struct buffer){.limit = limit};
}

void
buffer_free(struct buffer *buffer)
{
	if (buffer == NULL)
		return;
	free(buffer->data);
	buffer_init(buffer, buffer->limit);
}

void
buffer_wipe(struct buffer *buffer)
{
	if (buffer == NULL)
		return;
	if (buffer->data != NULL)
		explicit_bzero(buffer->data, buffer->room);
	buffer_free(buffer);
}

/* Room for `length` more and the NUL. A buffer that grows leaves no copy of its old content behind, since it may be
 * a secret. */
static int
buffer_grow(struct buffer *buffer, size_t length)
{
	size_t need, room;
	char *data;

	if (length > buffer->limit - buffer->length || buffer->limit >= SIZE_MAX / 2) {
		errno = ERANGE;
		return -1;
	}
	need = buffer->length + length + 1;
	if (need <= buffer->room)
		return 0;
	room = buffer->room > 0 ? buffer->room : 64;
	while (room < need)
		room *= 2;
	if (room > buffer->limit + 1)
		room = buffer->limit + 1;
	data = memory_alloc(room);
	if (buffer->data != NULL) {
		memcpy(data, buffer->data, buffer->length);
		explicit_bzero(buffer->data, buffer->length);
		free(buffer->data);
	}
	buffer->data = data;
	buffer->room = room;
	return 0;
}

int
buffer_append(struct buffer *buffer, const void *data, size_t length)
{
	if (buffer_grow(buffer, length) != 0)
		return -1;
	if (length > 0)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
	return 0;
}

int
buffer_append_text(struct buffer *buffer, const char *text)
{
	return buffer_append(buffer, text, strlen(text));
}

int
buffer_append_format(struct buffer *buffer, const char *format, ...)
{
	va_list arguments, again;
	int length;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || buffer_grow(buffer, (size_t)length) != 0) {
		va_end(again);
		errno = ERANGE;
		return -1;
	}
	(void)vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
	va_end(again);
	buffer->length += (size_t)length;
	return 0;
}

void
buffer_consume(struct buffer *buffer, size_t length)
{
	if (length >= buffer->length)
		length = buffer->length;
	if (length == 0)
		return;
	memmove(buffer->data, buffer->data + length, buffer->length - length);
	buffer->length -= length;
	buffer->data[buffer->length] = '\0';
}
