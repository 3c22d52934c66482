/*
 * utf8: RFC 3629 section 4.
 */
#include "message/utf8.h"

static void
utf8_begin(struct utf8 *utf8, unsigned char c)
{
	utf8->low = 0x80;
	utf8->high = 0xBF;
	if (c < 0x80)
		return;
	if (c >= 0xC2 && c < 0xE0)
		utf8->need = 1;
	else if (c >= 0xE0 && c < 0xF0)
		utf8->need = 2;
	else if (c >= 0xF0 && c < 0xF5)
		utf8->need = 3;
	else
		utf8->is_bad = true;
	if (c == 0xE0)
		utf8->low = 0xA0;
	else if (c == 0xED)
		utf8->high = 0x9F;
	else if (c == 0xF0)
		utf8->low = 0x90;
	else if (c == 0xF4)
		utf8->high = 0x8F;
}

void
utf8_take(struct utf8 *utf8, const char *text, size_t length)
{
	for (size_t i = 0; i < length && !utf8->is_bad; i++) {
		unsigned char c = (unsigned char)text[i];

		if (utf8->need == 0) {
			utf8_begin(utf8, c);
		} else if (c < utf8->low || c > utf8->high) {
			utf8->is_bad = true;
		} else {
			utf8->need--;
			utf8->low = 0x80;
			utf8->high = 0xBF;
		}
	}
}

bool
utf8_is_valid(const struct utf8 *utf8)
{
	return !utf8->is_bad && utf8->need == 0;
}
