/*
 * file: whole reads and writes, and the descriptors a process has.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/deadline.h"

#define FILE_GUESSED 65536	/* highest descriptor where nothing tells, and one */

int
file_write(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = EIO;
			return -1;
		}
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

int
file_pwrite(int fd, const void *data, size_t length, off_t offset)
{
	const char *at = data;

	while (length > 0) {
		ssize_t n = pwrite(fd, at, length, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = EIO;
			return -1;
		}
		at += n;
		offset += n;
		length -= (size_t)n;
	}
	return 0;
}

ssize_t
file_read(int fd, void *data, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = read(fd, (char *)data + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t
file_pread(int fd, void *data, size_t length, off_t offset)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = pread(fd, (char *)data + done, length - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

char *
file_slurp(int fd, size_t limit, size_t *length)
{
	struct buffer buffer;
	char block[4096];
	ssize_t n;

	buffer_init(&buffer, limit);
	while ((n = file_read(fd, block, sizeof(block))) > 0) {
		if (buffer_append(&buffer, block, (size_t)n) != 0) {
			explicit_bzero(block, sizeof(block));
			buffer_wipe(&buffer);
			errno = EFBIG;
			return NULL;
		}
	}
	/* the file may be a password's */
	explicit_bzero(block, sizeof(block));
	if (n < 0 || buffer_append(&buffer, "", 0) != 0) {
		buffer_wipe(&buffer);
		return NULL;
	}
	if (length != NULL)
		*length = buffer.length;
	return buffer.data;
}

bool
file_wait_writable(int fd, int64_t ms)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
	struct deadline deadline = deadline_in(ms);
	int n;

	while ((n = poll(&pollfd, 1, deadline_poll(deadline))) < 0 && errno == EINTR)
		;
	return n > 0 && (pollfd.revents & POLLOUT) != 0;
}

/* 0, or -1 when they can't be listed. */
static int
file_close_listed(int lowest)
{
	DIR *list = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (list == NULL)
		return -1;
	while ((entry = readdir(list)) != NULL) {
		long fd = strtol(entry->d_name, NULL, 10);

		if (fd >= lowest && fd != dirfd(list))
			(void)close((int)fd);
	}
	(void)closedir(list);
	return 0;
}

void
file_close_from(int lowest)
{
	/* fails on kernels before 5.9 and in sandboxes that do not know it. Not all up to the limit: that can be a thousand
	 * millions, and lower than what is open. */
	if (close_range((unsigned)lowest, ~0U, 0) == 0 || file_close_listed(lowest) == 0)
		return;
	for (int fd = FILE_GUESSED; --fd >= lowest;)
		(void)close(fd);
}

int
file_ensure_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	(void)close(fd);
	return 0;
}

int
file_set_nonblocking(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -1 : 0;
}

int
file_set_cloexec(int fd, int on)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0)
		return -1;
	flags = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
	return fcntl(fd, F_SETFD, flags) < 0 ? -1 : 0;
}
