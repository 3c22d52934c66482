/*
 * base64: see the header. GnuTLS has it, too, but sendmail does not link it.
 */
#include "message/base64.h"

void
base64_four(char four[4], const char *octets, size_t count)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned long bits = 0;

	for (size_t i = 0; i < 3; i++)
		bits = bits << 8 | (i < count ? (unsigned char)octets[i] : 0);
	for (size_t i = 0; i < 4; i++)
		four[i] = i > count ? '=' : digits[bits >> (18 - 6 * i) & 63];
}
