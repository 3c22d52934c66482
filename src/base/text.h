/*
 * text: strict conversions and making foreign text safe to print. Nothing is guessed: "0587", "12x",
 * " 5" and "" are errors.
 */
#ifndef MAILCRANE_TEXT_H
#define MAILCRANE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All give 0 and set *value, or -1 and leave it alone. */
int text_to_number(const char *text, uint64_t low, uint64_t high, uint64_t *value);	/* decimal, no leading 0 */
int text_to_duration(const char *text, int64_t *ms);	/* digits and one of ms s m h d, required; at most 365d */
int text_to_size(const char *text, uint64_t *bytes);	/* digits and an optional K M G (1024) */
int text_to_boolean(const char *text, bool *value);	/* yes no true false on off 1 0, any case */

/* Copies to a buffer of `size` octets, always terminated: control characters and octets over 126 become
 * '?' (valid UTF-8 is kept when utf8), runs of CR, LF and TAB become one space, what does not fit is cut at a
 * character. Returns target. */
char *text_printable(char *target, size_t size, const char *source, size_t length, bool utf8);

/* A printable line from a format, with `ending` ("\n", "\r\n"), which is never cut: at most `size` - 1 octets, 1000 of them from the format.
 * Gives its length. `size` is at least that of the ending and 1. */
size_t text_line(char *target, size_t size, bool utf8, const char *ending, const char *format, va_list arguments)
    __attribute__((format(printf, 5, 0)));

/* The word of a NULL-terminated list that is nearest to `word` (edit distance, at most 3 and less than half
 * the word), or NULL. */
const char *text_nearest(const char *word, const char *const *words);

/* ASCII only, whatever the locale. */
int text_compare_nocase(const char *a, const char *b);
bool text_prefix_nocase(const char *text, const char *prefix);
void text_lower(char *text);

#endif
