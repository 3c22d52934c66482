/*
 * buffer: bytes that grow up to a cap. Never grows beyond it; running out of memory ends the process
 * (memory_fail), running into the cap is an error that the caller sees.
 */
#ifndef MAILCRANE_BUFFER_H
#define MAILCRANE_BUFFER_H

#include <stddef.h>

struct buffer {
	char  *data;		/* always NUL-terminated behind length once allocated; NULL when empty and new */
	size_t length;
	size_t room;
	size_t limit;		/* most bytes it may hold */
};

void buffer_init(struct buffer *buffer, size_t limit);

/* Frees and makes it empty again, limit kept. NULL is allowed. */
void buffer_free(struct buffer *buffer);

/* As buffer_free, with the memory wiped first: for secrets. */
void buffer_wipe(struct buffer *buffer);

/* 0, or -1 with errno ERANGE when the cap would be exceeded (nothing is appended then). */
int buffer_append(struct buffer *buffer, const void *data, size_t length);
int buffer_append_text(struct buffer *buffer, const char *text);
int buffer_append_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first `length` bytes (at most what there is). */
void buffer_consume(struct buffer *buffer, size_t length);

/* Memory or death: these end the process with EXIT_REFUSED and one line on stderr when memory is out. */
void *memory_alloc(size_t size);			/* zeroed */
void *memory_room(size_t size);				/* not zeroed: for what is filled before it is read, and seldom to the end */
void *memory_resize(void *old, size_t count, size_t size);	/* count * size checked */
char *memory_copy_text(const char *text);
char *memory_copy(const void *data, size_t length);	/* NUL added */
void memory_fail(void) __attribute__((noreturn));

#endif
