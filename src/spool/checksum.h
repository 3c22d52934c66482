/*
 * checksum: XXH3, 64 bit, over pieces. It finds torn and damaged files, not forged ones. xxhash.h is included by checksum.c only.
 */
#ifndef MAILCRANE_SPOOL_CHECKSUM_H
#define MAILCRANE_SPOOL_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

struct checksum;

struct checksum *checksum_new(void);
void checksum_add(struct checksum *checksum, const void *data, size_t length);
uint64_t checksum_value(const struct checksum *checksum);
void checksum_free(struct checksum *checksum);	/* NULL allowed */

#endif
