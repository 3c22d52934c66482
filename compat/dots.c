/*
 * dots: the states of dots.h, an octet at a time. What is held back (a dot at the start of a line, perhaps with a CR) comes
 * out, without the dot, when it turns out not to be the end.
 */
#include "dots.h"

void
dots_init(struct dots *dots, bool lf_is_line_end)
{
	*dots = (struct dots){DOTS_LINE_START, lf_is_line_end};
}

/* Where an octet leaves us that goes out as it is. */
static enum dots_place
dots_behind(const struct dots *dots, char octet)
{
	if (octet == '\r')
		return DOTS_TEXT_CR;
	if (octet == '\n' && (dots->lf_is_line_end || dots->place == DOTS_TEXT_CR))
		return DOTS_LINE_START;
	return DOTS_TEXT;
}

/* Gives how many octets to write to `out`. */
static size_t
dots_step(struct dots *dots, char octet, char *out)
{
	size_t length = 0;

	if (dots->place == DOTS_LINE_START && octet == '.') {
		dots->place = DOTS_DOT;
		return 0;
	}
	if (dots->place == DOTS_DOT && octet == '\r') {
		dots->place = DOTS_DOT_CR;
		return 0;
	}
	if (octet == '\n' && (dots->place == DOTS_DOT_CR || (dots->place == DOTS_DOT && dots->lf_is_line_end))) {
		dots->place = DOTS_END;
		return 0;
	}
	if (dots->place == DOTS_DOT_CR)
		out[length++] = '\r';
	out[length++] = octet;
	dots->place = dots_behind(dots, octet);
	return length;
}

size_t
dots_take(struct dots *dots, const char *in, size_t *length, char *out, size_t room)
{
	size_t taken = 0, written = 0;

	while (taken < *length && dots->place != DOTS_END && room - written >= 2)
		written += dots_step(dots, in[taken++], out + written);
	*length = taken;
	return written;
}
