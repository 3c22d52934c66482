/*
 * bare DIRECTORY < MESSAGE
 *
 * The least that makes a message safe: DIRECTORY/tmp/NAME written, synced, renamed to DIRECTORY/queue/NAME, and the directory synced; what a
 * sendmail that only queues is measured against. --rename: without the sync of the directory, so after a power cut the message may be gone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	static char text[1 << 20];
	char from[64], to[64];
	struct timespec now;
	size_t length = 0;
	int file, queue;
	ssize_t n;

	if (argc < 2 || chdir(argv[1]) != 0)
		return 64;
	while ((n = read(0, text + length, sizeof(text) - length)) > 0)
		length += (size_t)n;
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(from, sizeof(from), "tmp/%lld.%09ld.%d", (long long)now.tv_sec, now.tv_nsec, (int)getpid());
	snprintf(to, sizeof(to), "queue/%s", from + 4);
	file = open(from, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (file < 0 || write(file, text, length) != (ssize_t)length || fsync(file) != 0 || rename(from, to) != 0)
		return 1;
	if (argc > 2 && strcmp(argv[2], "--rename") == 0)
		return 0;
	queue = open("queue", O_RDONLY | O_DIRECTORY);
	return queue < 0 || fsync(queue) != 0;
}
