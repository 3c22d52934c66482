/*
 * idn: by libidn2, which GnuTLS brings along. It is loaded when the first such domain is seen: linked, it would add 0.13 ms
 * to each start of sendmail (0.53 to 0.66 ms for a program that does nothing, measured) and 2 MB of tables to a program that
 * may be set-gid, for the sake of few messages; loading it takes those few 0.25 ms.
 */
#include "message/idn.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <idn2.h>

#include "base/buffer.h"

#define IDN_LIBRARY "libidn2.so.0"
#define IDN_INPUT_MAX 1000	/* what is longer can't be a domain, and would take long to find out */

typedef int idn_function(const char *input, char **output, int flags);

/* The library stays once it is loaded; it is found in the system's places only when set-gid (ld.so(8)). */
static idn_function *
idn_load(void)
{
	void *library = dlopen(IDN_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE), *symbol;
	idn_function *function = NULL;

	if (library == NULL)
		return NULL;
	symbol = dlsym(library, "idn2_to_ascii_8z");
	if (symbol != NULL)
		memcpy(&function, &symbol, sizeof(function));
	(void)dlclose(library);
	return function;
}

char *
idn_to_ascii(const char *domain, const char **why)
{
	idn_function *convert;
	char *ascii = NULL, *copy;

	if (strlen(domain) > IDN_INPUT_MAX) {
		*why = "longer than 254 octets";
		return NULL;
	}
	convert = idn_load();
	if (convert == NULL) {
		*why = "a domain outside US-ASCII, and " IDN_LIBRARY " is not installed";
		return NULL;
	}
	if (convert(domain, &ascii, IDN2_NONTRANSITIONAL) != IDN2_OK || ascii == NULL) {
		*why = "a domain outside US-ASCII that can't be one";
		return NULL;
	}
	copy = memory_copy_text(ascii);
	free(ascii);
	return copy;
}
