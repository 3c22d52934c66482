/*
 * file: read and write whole things, EINTR and short counts handled, and what a process inherits.
 * All return 0 (or a count) on success, -1 with errno on failure.
 */
#ifndef MAILCRANE_FILE_H
#define MAILCRANE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int file_write(int fd, const void *data, size_t length);
int file_pwrite(int fd, const void *data, size_t length, off_t offset);

/* Reads until `length` bytes or end of file; gives the count. */
ssize_t file_read(int fd, void *data, size_t length);
ssize_t file_pread(int fd, void *data, size_t length, off_t offset);

/* Whole file into memory, NUL added, length to *length when not NULL; at most `limit` bytes, else EFBIG.
 * The caller frees. NULL with errno on failure. */
char *file_slurp(int fd, size_t limit, size_t *length);

/* Waits at most `ms` for room, so that a write of up to PIPE_BUF octets does not hang on a pipe or terminal that nobody reads. */
bool file_wait_writable(int fd, int64_t ms);

/* Closes every descriptor from `lowest` on. */
void file_close_from(int lowest);

/* Descriptors 0, 1 and 2 exist afterwards: a missing one is opened on /dev/null. */
int file_ensure_standard(void);

/* Sets or clears O_NONBLOCK / FD_CLOEXEC. */
int file_set_nonblocking(int fd, int on);
int file_set_cloexec(int fd, int on);

#endif
