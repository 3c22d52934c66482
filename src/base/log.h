/*
 * log: one line per event to syslog, stderr or a file. A log that fails never fails the mail: errors are
 * swallowed, and every line is one write(). Only the mains, the runner and the courier log. The log is the one
 * piece of global state. Never logs bodies, subjects or secrets: callers see to that.
 */
#ifndef MAILCRANE_LOG_H
#define MAILCRANE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `target`: "syslog", "stderr", or an absolute path (opened for append, 0640, no links followed; when that fails
 * the log goes to syslog and says so). `program` names us, e.g. "mailcrane". Both are copied. Can be called again.
 * Before the first call everything goes nowhere. */
void log_open(const char *target, enum log_level level, const char *program);
void log_close(void);

/* The text is made printable and cut at 1,500 octets; errno is kept. A file's and stderr's lines start with the time
 * (RFC 3339, UTC, ms), program[pid]: level. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Who else hears each line, of whatever level: a person at this terminal, and the caller of the message under way. */
enum log_listener { LOG_LISTENER_PERSON, LOG_LISTENER_CALLER, LOG_LISTENERS };

/* From now on also to `fd`, which is borrowed, with `prefix` ("" for a person) and the time of day before it; -1: no longer. log_open and
 * log_close do not change it. A pipe that fills up loses lines: what else is to go through it has room. */
void log_copy(enum log_listener listener, int fd, const char *prefix);

/* false: a line of that level would be for nobody, and need not be made. */
bool log_wants(enum log_level level);

/* 0 or -1; names: error warning info debug */
int log_level_parse(const char *name, enum log_level *level);

#endif
