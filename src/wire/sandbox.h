/*
 * sandbox: takes from a process, for good, all system calls but those that read, write and wait on the descriptors it has,
 * get memory, tell the time and exit (seccomp(2)). seccomp.h is included by sandbox.c only.
 */
#ifndef MAILCRANE_SANDBOX_H
#define MAILCRANE_SANDBOX_H

/* After it every other call fails with ENOSYS. 0, or -1 where the kernel, or what we run in, has no such filter. Under valgrind
 * and with the address and thread sanitizers, which need more, it does nothing: -1. */
int sandbox_enter(void);

#endif
