/*
 * providers: lists the presets.
 */
#include <stdio.h>

#include "base/provider.h"
#include "command/command.h"

enum exitcode
command_providers(const struct command_place *place, int argc, char **argv)
{
	const struct provider *providers;
	size_t count;

	(void)place;
	(void)argv;
	if (argc > 1)
		return command_misused("providers takes no words");
	providers = provider_table(&count);
	printf("%-19s  %-31s  %-29s  %s\n", "PROVIDER", "HOST", "PORTS", "USER; PASSWORD");
	for (size_t i = 0; i < count; i++)
		printf("%-19s  %-31s  %-29s  %s\n", providers[i].name, providers[i].host, providers[i].ports, providers[i].note);
	printf("REGION stands for the provider's own word, as in ses-eu-west-1.\n");
	return EXIT_OK;
}
