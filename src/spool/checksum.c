/*
 * checksum: XXH3 through the header alone, so that program sendmail loads no further library.
 */
#include "spool/checksum.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buffer.h"

struct checksum {
	XXH3_state_t state;
};

struct checksum *
checksum_new(void)
{
	/* the state asks for more alignment than malloc gives; its size is a multiple of it */
	struct checksum *checksum = aligned_alloc(_Alignof(struct checksum), sizeof(*checksum));

	if (checksum == NULL)
		memory_fail();
	XXH3_INITSTATE(&checksum->state);
	(void)XXH3_64bits_reset(&checksum->state);
	return checksum;
}

void
checksum_add(struct checksum *checksum, const void *data, size_t length)
{
	/* fails for a NULL pointer only */
	(void)XXH3_64bits_update(&checksum->state, data, length);
}

uint64_t
checksum_value(const struct checksum *checksum)
{
	return XXH3_64bits_digest(&checksum->state);
}

void
checksum_free(struct checksum *checksum)
{
	free(checksum);
}
