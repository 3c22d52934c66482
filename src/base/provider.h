/*
 * provider: the presets of conf/providers, which the Makefile turns into a table. Host and ports, nothing secret.
 */
#ifndef MAILCRANE_PROVIDER_H
#define MAILCRANE_PROVIDER_H

#include <stddef.h>

#define PROVIDER_TEXT_MAX 128	/* octets of a name or host with its region put in, the NUL included */

struct provider {
	const char *name;	/* REGION in it stands for a word of letters, digits and hyphens */
	const char *host;
	const char *ports;	/* as in the settings */
	const char *note;	/* what to log in with */
};

/* All of them, in the order of the file. */
const struct provider *provider_table(size_t *count);

/* The one of that name, or NULL, also when its region is too long for PROVIDER_TEXT_MAX. `host` gets its host, the
 * region put in where there is one. */
const struct provider *provider_find(const char *name, char *host, size_t size);

/* For an unknown name: the nearest valid one in `nearest`, with REGION where that is to be filled in. Gives `nearest`,
 * or NULL when none is near. */
const char *provider_nearest_name(const char *name, char *nearest, size_t size);

/* The one whose host this is, or NULL. */
const struct provider *provider_of_host(const char *host);

/* For a host name that does not exist: the host of a provider that is nearest (text_nearest), in `nearest`. Gives
 * `nearest`, or NULL when none is near or `host` is one itself. */
const char *provider_nearest_host(const char *host, char *nearest, size_t size);

#endif
