/*
 * Debian 12's OpenSMTPD 6.8.0p2 was written for OpenSSL 1.1 and can't do TLS as a server with OpenSSL 3 (its issue 1171): the process that
 * speaks with the network has no private key, only a key of its own kind with a name in an attribute, by which another process
 * signs; OpenSSL 3 signs with a copy of the key, and copies no attributes ("missing private key"). Loaded before the library,
 * this gives a copy the name that was set last. There is one key here.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define KEY_NAME 0	/* the attribute */

typedef struct rsa_st RSA;
typedef int set_attribute(RSA *, int, void *);
typedef void *get_attribute(const RSA *, int);

int RSA_set_ex_data(RSA *key, int which, void *value);
void *RSA_get_ex_data(const RSA *key, int which);

static void *name;

int
RSA_set_ex_data(RSA *key, int which, void *value)
{
	void *found = dlsym(RTLD_NEXT, "RSA_set_ex_data");
	set_attribute *set;

	memcpy(&set, &found, sizeof(set));
	if (which == KEY_NAME)
		name = value;
	return set(key, which, value);
}

void *
RSA_get_ex_data(const RSA *key, int which)
{
	void *found = dlsym(RTLD_NEXT, "RSA_get_ex_data"), *value;
	get_attribute *get;

	memcpy(&get, &found, sizeof(get));
	value = get(key, which);
	return value == NULL && which == KEY_NAME ? name : value;
}
