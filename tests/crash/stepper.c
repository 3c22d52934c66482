/*
 * stepper: see the header. ptrace(2), PTRACE_GET_SYSCALL_INFO (Linux 5.3).
 */
#include "stepper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPPER_PROCESSES 64

/* Those that something here asks for by name. Numbers differ from machine to machine, and some have not all of them. */
static const struct stepper_number {
	long        number;
	const char *name;
} stepper_numbers[] = {
#define CALL(name) {SYS_##name, #name}
	CALL(read), CALL(write), CALL(pread64), CALL(pwrite64), CALL(writev), CALL(close), CALL(fsync), CALL(fdatasync), CALL(ftruncate),
	CALL(openat), CALL(unlinkat), CALL(mkdirat), CALL(mknodat), CALL(renameat2), CALL(linkat), CALL(fchmod), CALL(utimensat), CALL(flock),
	CALL(fcntl), CALL(clone), CALL(execve), CALL(exit_group), CALL(kill), CALL(socket), CALL(socketpair), CALL(connect), CALL(sendto),
	CALL(sendmsg), CALL(recvfrom), CALL(recvmsg), CALL(shutdown), CALL(pipe2), CALL(wait4), CALL(mmap), CALL(getdents64),
	CALL(ppoll), CALL(signalfd4), CALL(lseek), CALL(setsockopt), CALL(getsockopt), CALL(bind), CALL(getsockname),
	CALL(memfd_create), CALL(fchmodat), CALL(faccessat), CALL(prctl), CALL(dup3), CALL(getrandom),
#ifdef SYS_clone3
	CALL(clone3),
#endif
#ifdef SYS_vfork
	CALL(vfork),
#endif
#ifdef SYS_fork
	CALL(fork),
#endif
#ifdef SYS_renameat
	CALL(renameat),
#endif
#ifdef SYS_rename
	CALL(rename),
#endif
#ifdef SYS_unlink
	CALL(unlink),
#endif
#ifdef SYS_mkdir
	CALL(mkdir),
#endif
#ifdef SYS_open
	CALL(open),
#endif
#ifdef SYS_newfstatat
	CALL(newfstatat),
#endif
#ifdef SYS_fstat
	CALL(fstat),
#endif
#ifdef SYS_faccessat2
	CALL(faccessat2),
#endif
#ifdef SYS_poll
	CALL(poll),
#endif
#ifdef SYS_dup2
	CALL(dup2),
#endif
#undef CALL
};

struct stepper_process {
	pid_t    pid;		/* 0: the place is free */
	bool     was_started;	/* its first stop is over */
	bool     is_ours;	/* the program has begun its own work */
	bool     is_mailcrane;
	bool     fails;		/* the call that it is in */
	bool     fails_for_good;
	bool     dies;		/* when the call that it is in is over */
	unsigned depth;
	long     number;	/* of the call that it is in */
	size_t   call;		/* its index in the record */
};

struct stepper {
	const struct stepper_plan *plan;
	struct stepper_result     *result;
	struct stepper_process     processes[STEPPER_PROCESSES];
	size_t                     room;	/* in the record */
	pid_t                      first;
	bool                       is_over;	/* whoever still comes is killed, too */
};

const char *
stepper_name(long number)
{
	static char other[24];

	for (size_t i = 0; i < sizeof(stepper_numbers) / sizeof(stepper_numbers[0]); i++)
		if (stepper_numbers[i].number == number)
			return stepper_numbers[i].name;
	(void)snprintf(other, sizeof(other), "call %ld", number);
	return other;
}

long
stepper_number(const char *name)
{
	for (size_t i = 0; i < sizeof(stepper_numbers) / sizeof(stepper_numbers[0]); i++)
		if (strcmp(stepper_numbers[i].name, name) == 0)
			return stepper_numbers[i].number;
	return -1;
}

const char *
stepper_role(unsigned role)
{
	switch (role) {
	case ROLE_SENDMAIL: return "sendmail";
	case ROLE_SENDMAILS: return "sendmail's child";
	case ROLE_RUNNER: return "runner";
	case ROLE_COURIER: return "courier";
	case ROLE_NURSERY: return "nursery";
	case ROLE_DIALOGUE: return "dialogue";
	default: return "nobody";
	}
}

/* ---- registers ---- */

#ifdef __x86_64__

bool
stepper_can_fail(void)
{
	return true;
}

/* The kernel does nothing and gives ENOSYS, which stepper_set_result replaces. */
static void
stepper_skip_call(pid_t pid)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
		return;
	registers.orig_rax = (unsigned long long)-1;
	(void)ptrace(PTRACE_SETREGS, pid, NULL, &registers);
}

static void
stepper_set_result(pid_t pid, long result)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
		return;
	registers.rax = (unsigned long long)result;
	(void)ptrace(PTRACE_SETREGS, pid, NULL, &registers);
}

static void
stepper_shorten(pid_t pid)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
		return;
	if (registers.rdx > 1)
		registers.rdx = 1;
	(void)ptrace(PTRACE_SETREGS, pid, NULL, &registers);
}

#else

bool
stepper_can_fail(void)
{
	return false;
}

static void
stepper_skip_call(pid_t pid)
{
	(void)pid;
}

static void
stepper_set_result(pid_t pid, long result)
{
	(void)pid;
	(void)result;
}

static void
stepper_shorten(pid_t pid)
{
	(void)pid;
}

#endif

/* ---- what a call is about ---- */

static void
stepper_read_memory(pid_t pid, uint64_t address, char *target, size_t size)
{
	size_t got = 0;

	/* page by page: the next one may not be there */
	while (got < size) {
		size_t part = 4096 - ((address + got) & 4095);
		struct iovec ours, theirs;

		if (part > size - got)
			part = size - got;
		ours = (struct iovec){target + got, part};
		theirs = (struct iovec){(void *)(uintptr_t)(address + got), part};
		if (process_vm_readv(pid, &ours, 1, &theirs, 1, 0) != (ssize_t)part)
			break;
		got += part;
	}
	memset(target + got, 0, size - got);
}

static void
stepper_descriptor(pid_t pid, uint64_t fd, char path[160])
{
	char link[64];
	ssize_t length;

	if ((int)fd == AT_FDCWD)
		(void)snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	else
		(void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, (int)fd);
	length = readlink(link, path, 159);
	path[length > 0 ? length : 0] = '\0';
}

static void
stepper_path_at(pid_t pid, uint64_t directory, uint64_t name, char path[160])
{
	char text[128];
	size_t length;

	stepper_read_memory(pid, name, text, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	path[0] = '\0';
	if (text[0] != '/')
		stepper_descriptor(pid, directory, path);
	length = strlen(path);
	(void)snprintf(path + length, 160 - length, "%s%s", text[0] == '/' ? "" : "/", text);
}

static void
stepper_describe(struct stepper_call *call)
{
	const uint64_t *a = call->arguments;
	const char *name = stepper_name(call->number);
	bool writes = strcmp(name, "write") == 0 || strcmp(name, "pwrite64") == 0 || strcmp(name, "sendto") == 0;
	static const char *const of_descriptors[] = {"read", "write", "pread64", "pwrite64", "fsync", "fdatasync", "close", "flock", "sendto",
	    "fchmod", "ftruncate", "getdents64", "fstat", "fcntl", "writev", "recvfrom", "sendmsg", "recvmsg", NULL};
	static const char *const of_names[] = {"openat", "unlinkat", "mkdirat", "mknodat", "faccessat", "faccessat2", "newfstatat", NULL};

	for (size_t i = 0; of_descriptors[i] != NULL; i++)
		if (strcmp(name, of_descriptors[i]) == 0)
			stepper_descriptor(call->pid, a[0], call->path);
	for (size_t i = 0; of_names[i] != NULL; i++)
		if (strcmp(name, of_names[i]) == 0)
			stepper_path_at(call->pid, a[0], a[1], call->path);
	if (strncmp(name, "renameat", 8) == 0) {
		stepper_path_at(call->pid, a[0], a[1], call->path);
		stepper_path_at(call->pid, a[2], a[3], call->other);
	}
	if (strcmp(name, "utimensat") == 0)
		stepper_descriptor(call->pid, a[0], call->path);
	if (writes) {
		size_t length = a[2] < sizeof(call->data) - 1 ? (size_t)a[2] : sizeof(call->data) - 1;

		stepper_read_memory(call->pid, a[1], call->data, length);
		for (size_t i = 0; i < length; i++)
			if (call->data[i] < ' ' || call->data[i] == 0x7f)
				call->data[i] = '.';
		call->data[length] = '\0';
	}
}

/* ---- processes ---- */

static struct stepper_process *
stepper_find(struct stepper *stepper, pid_t pid)
{
	struct stepper_process *vacant = NULL;

	for (size_t i = 0; i < STEPPER_PROCESSES; i++) {
		if (stepper->processes[i].pid == pid)
			return &stepper->processes[i];
		if (stepper->processes[i].pid == 0 && vacant == NULL)
			vacant = &stepper->processes[i];
	}
	if (vacant == NULL) {
		fprintf(stderr, "stepper: too many processes\n");
		abort();
	}
	memset(vacant, 0, sizeof(*vacant));
	vacant->pid = pid;
	return vacant;
}

static void
stepper_kill_all(struct stepper *stepper)
{
	stepper->is_over = true;
	for (size_t i = 0; i < STEPPER_PROCESSES; i++)
		if (stepper->processes[i].pid != 0)
			(void)kill(stepper->processes[i].pid, SIGKILL);
}

static unsigned
stepper_role_of(const struct stepper_process *process)
{
	if (!process->is_mailcrane)
		return process->depth == 0 ? ROLE_SENDMAIL : ROLE_SENDMAILS;
	switch (process->depth) {
	case 0: return ROLE_RUNNER;
	case 1: return ROLE_COURIER;
	case 2: return ROLE_NURSERY;
	default: return ROLE_DIALOGUE;
	}
}

static bool
stepper_runs_mailcrane(pid_t pid)
{
	char link[64], path[256];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	return length >= 9 && strcmp(path + length - 9, "mailcrane") == 0;
}

static void
stepper_exec(struct stepper_process *process)
{
	process->is_mailcrane = stepper_runs_mailcrane(process->pid);
	process->depth = 0;
	process->is_ours = false;
}

/* Who made it, if it is one of ours. Not by the event of its fork, which may come later, or never when it is killed over it. */
static const struct stepper_process *
stepper_parent(const struct stepper *stepper, pid_t pid)
{
	char path[64], text[512], *end;
	int fd, parent = 0;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	if (end == NULL || sscanf(end, ") %*c %d", &parent) != 1)
		return NULL;
	for (size_t i = 0; i < STEPPER_PROCESSES; i++)
		if (stepper->processes[i].pid == parent)
			return &stepper->processes[i];
	return NULL;
}

static void
stepper_born(const struct stepper *stepper, struct stepper_process *child)
{
	const struct stepper_process *parent = stepper_parent(stepper, child->pid);

	child->was_started = true;
	child->is_ours = parent == NULL || parent->is_ours;
	child->is_mailcrane = parent != NULL ? parent->is_mailcrane : stepper_runs_mailcrane(child->pid);
	child->depth = parent != NULL ? parent->depth + 1 : 3;
}

/* ---- calls ---- */

static void
stepper_note_call(struct stepper *stepper, struct stepper_process *process, const struct __ptrace_syscall_info *info)
{
	struct stepper_result *result = stepper->result;
	struct stepper_call *call;

	if (result->count == stepper->room) {
		stepper->room = stepper->room == 0 ? 1024 : stepper->room * 2;
		result->calls = realloc(result->calls, stepper->room * sizeof(*result->calls));
		if (result->calls == NULL)
			abort();
	}
	process->call = result->count++;
	call = &result->calls[process->call];
	memset(call, 0, sizeof(*call));
	call->pid = process->pid;
	call->role = stepper_role_of(process);
	call->number = process->number;
	for (size_t i = 0; i < 6; i++)
		call->arguments[i] = info->entry.args[i];
	stepper_describe(call);
}

/* A call that the plan asks for by what it is about. FIFOs are no matter of the disk. */
static bool
stepper_is_under(const struct stepper_plan *plan, const struct stepper_call *call)
{
	size_t length = strlen(plan->under);
	bool only_reads = call->number == SYS_openat && (call->arguments[2] & (O_WRONLY | O_RDWR | O_CREAT)) == 0;

	return call->number >= 0 && call->number < STEPPER_CALLS && plan->errors[call->number] != 0 && !only_reads &&
	    strncmp(call->path, plan->under, length) == 0 && (call->number == SYS_mknodat ||
	    (strstr(call->path + length, "trigger") == NULL && strstr(call->path + length, "verdict/") == NULL));
}

/* Is this the one? */
static bool
stepper_is_it(struct stepper *stepper, const struct stepper_process *process, const struct stepper_call *call)
{
	const struct stepper_plan *plan = stepper->plan;
	struct stepper_result *result = stepper->result;

	if ((stepper_role_of(process) & plan->roles) == 0 || (plan->late && !process->is_ours))
		return false;
	if (process->number < 0 || process->number >= STEPPER_CALLS || (plan->under != NULL && !stepper_is_under(plan, call)))
		return false;
	if ((plan->wanted != NULL && !plan->wanted[process->number]) || (plan->errors != NULL && plan->errors[process->number] == 0))
		return false;
	result->counted++;
	if (plan->mode == STEPPER_COUNT || result->counted != plan->nth)
		return false;
	result->reached = true;
	result->role = stepper_role_of(process);
	result->number = process->number;
	return true;
}

static void
stepper_kill(struct stepper *stepper, const struct stepper_process *process)
{
	(void)kill(process->pid, SIGKILL);
	if (stepper->plan->everything)
		stepper_kill_all(stepper);
}

/* No socket is full like a disk. */
static int
stepper_error(const struct stepper_plan *plan, long number, const char *path)
{
	if (strncmp(path, "socket:", 7) == 0 && plan->errors[number] != EINTR && plan->errors[number] != STEPPER_SHORT) {
		if (number == SYS_write)
			return EPIPE;
		if (number == SYS_read)
			return ECONNRESET;
	}
	return plan->errors[number];
}

/* A disk that fails takes no voice: what goes to stdout and stderr does not fail with the rest. */
static bool
stepper_is_speech(struct stepper_call *call)
{
	stepper_describe(call);
	return strstr(call->path, "/err") != NULL || strstr(call->path, "/out") != NULL;
}

static void
stepper_enter(struct stepper *stepper, struct stepper_process *process, const struct __ptrace_syscall_info *info)
{
	const struct stepper_plan *plan = stepper->plan;
	struct stepper_call call = {.pid = process->pid, .number = (long)info->entry.nr};
	bool is_it;

	for (size_t i = 0; i < 6; i++)
		call.arguments[i] = info->entry.args[i];
	process->number = call.number;
	/* the first things that both programs do; under the address sanitizer only the second */
	if (process->number == SYS_prlimit64 && info->entry.args[1] == RLIMIT_CORE && info->entry.args[2] != 0)
		process->is_ours = true;
	if (process->number == SYS_prctl && info->entry.args[0] == PR_SET_DUMPABLE && info->entry.args[1] == 0) {
		process->is_ours = true;
		/* else nobody but root could look at what it does */
		if (plan->record && geteuid() != 0)
			stepper_skip_call(process->pid);
	}
	if (plan->record)
		stepper_note_call(stepper, process, info);
	if (plan->under != NULL)
		stepper_describe(&call);
	is_it = stepper_is_it(stepper, process, &call);
	if (is_it && plan->mode != STEPPER_COUNT) {
		stepper_describe(&call);
		memcpy(stepper->result->path, call.path, sizeof(call.path));
	}
	if (is_it && plan->mode == STEPPER_KILL_BEFORE)
		stepper_kill(stepper, process);
	process->dies = is_it && plan->mode == STEPPER_KILL_AFTER;
	if (plan->mode != STEPPER_FAIL)
		return;
	if (is_it)
		process->fails_for_good = plan->for_good;
	process->fails = is_it || (process->fails_for_good && process->number == stepper->result->number && !stepper_is_speech(&call)) ||
	    (plan->under != NULL && stepper->result->reached && stepper_is_under(plan, &call));
	if (is_it || (process->fails && plan->under != NULL))
		stepper->result->error = stepper_error(plan, process->number, call.path);
	if (process->fails && stepper->result->error == STEPPER_SHORT) {
		stepper_shorten(process->pid);
		process->fails = false;
	} else if (process->fails) {
		stepper_skip_call(process->pid);
	}
}

static void
stepper_leave(struct stepper *stepper, struct stepper_process *process, const struct __ptrace_syscall_info *info)
{
	struct stepper_result *result = stepper->result;

	if (process->fails)
		stepper_set_result(process->pid, -result->error);
	else if (stepper->plan->record && process->number == SYS_prctl && info->exit.rval == -ENOSYS)
		stepper_set_result(process->pid, 0);
	if (stepper->plan->record && process->call < result->count && result->calls[process->call].pid == process->pid)
		result->calls[process->call].result = process->fails ? -result->error : info->exit.rval;
	process->fails = false;
	if (process->dies)
		stepper_kill(stepper, process);
}

static void
stepper_step(struct stepper *stepper, struct stepper_process *process)
{
	struct __ptrace_syscall_info info;

	memset(&info, 0, sizeof(info));
	if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		stepper_enter(stepper, process, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		stepper_leave(stepper, process, &info);
}

static void
stepper_stopped(struct stepper *stepper, struct stepper_process *process, int status)
{
	int signal_number = WSTOPSIG(status), event = status >> 16;

	if (stepper->is_over)
		(void)kill(process->pid, SIGKILL);
	if (!process->was_started) {
		stepper_born(stepper, process);
		signal_number = 0;
	} else if (signal_number == (SIGTRAP | 0x80)) {
		stepper_step(stepper, process);
		signal_number = 0;
	} else if (event != 0) {
		if (event == PTRACE_EVENT_EXEC)
			stepper_exec(process);
		signal_number = 0;
	}
	(void)ptrace(PTRACE_SYSCALL, process->pid, NULL, (long)signal_number);
}

static void
stepper_tick(int number)
{
	(void)number;
}

/* waitpid() has no time-out; a signal ends it. */
static void
stepper_set_guard(int seconds)
{
	const struct sigaction action = {.sa_handler = stepper_tick};
	const struct itimerval guard = {{1, 0}, {seconds, 0}}, off = {{0, 0}, {0, 0}};

	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, seconds > 0 ? &guard : &off, NULL);
}

static void
stepper_follow(struct stepper *stepper)
{
	/* not until all that are known are gone: the last one may have made another that has not come up yet */
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == EINTR) {
			stepper->result->hung = true;
			stepper_kill_all(stepper);
		} else if (pid < 0) {
			break;
		} else if (WIFSTOPPED(status)) {
			stepper_stopped(stepper, stepper_find(stepper, pid), status);
		} else {
			if (pid == stepper->first)
				stepper->result->status = status;
			if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM) {
				stepper->result->crashed = WTERMSIG(status);
				stepper->result->crashed_role = stepper_role_of(stepper_find(stepper, pid));
			}
			stepper_find(stepper, pid)->pid = 0;
		}
	}
}

static void
stepper_redirect(const char *file, int flags, int fd)
{
	int new = open(file != NULL ? file : "/dev/null", flags, 0600);

	if (new < 0 || (new != fd && dup2(new, fd) < 0))
		_exit(126);
	if (new != fd)
		(void)close(new);
}

static pid_t
stepper_start(char *const argv[], char *const environment[], const struct stepper_plan *plan)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	stepper_redirect(plan->in, O_RDONLY, STDIN_FILENO);
	stepper_redirect(plan->out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
	stepper_redirect(plan->err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
		_exit(126);
	(void)execve(argv[0], argv, environment);
	_exit(127);
}

int
stepper_run(char *const argv[], char *const environment[], const struct stepper_plan *plan, struct stepper_result *result)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
	    PTRACE_O_EXITKILL;
	struct stepper stepper = {.plan = plan, .result = result};
	struct stepper_process *process;
	int status;

	memset(result, 0, sizeof(*result));
	stepper.first = stepper_start(argv, environment, plan);
	if (stepper.first < 0 || waitpid(stepper.first, &status, 0) != stepper.first || !WIFSTOPPED(status))
		return -1;
	process = stepper_find(&stepper, stepper.first);
	process->was_started = true;
	if (ptrace(PTRACE_SETOPTIONS, stepper.first, NULL, options) != 0 || ptrace(PTRACE_SYSCALL, stepper.first, NULL, 0) != 0) {
		(void)kill(stepper.first, SIGKILL);
		(void)waitpid(stepper.first, &status, 0);
		return -1;
	}
	stepper_set_guard(plan->guard);
	stepper_follow(&stepper);
	stepper_set_guard(0);
	return 0;
}
