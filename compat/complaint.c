/*
 * complaint: one line on stderr. Never on stdout: PHP shows that in its pages, and Emacs takes it for a
 * failure.
 */
#include "complaint.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define COMPLAINT_WAIT_MS 500	/* a caller that reads at all has made room by then */

void
complaint_line(const char *format, ...)
{
	char line[1000] = "sendmail: ";
	size_t length = strlen(line);
	va_list arguments;

	va_start(arguments, format);
	length += text_line(line + length, sizeof(line) - length, true, "\n", format, arguments);
	va_end(arguments);
	if (file_wait_writable(STDERR_FILENO, COMPLAINT_WAIT_MS))
		(void)file_write(STDERR_FILENO, line, length);
}

void
complaint_drain(void)
{
	struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
	char block[16384];
	ssize_t n;

	if (isatty(STDIN_FILENO))
		return;
	while ((n = read(STDIN_FILENO, block, sizeof(block))) != 0) {
		if (n > 0 || errno == EINTR)
			continue;
		/* somebody made it non-blocking */
		if (errno != EAGAIN || (poll(&ready, 1, -1) < 0 && errno != EINTR))
			return;
	}
}
