/*
 * By which name relays know a message: replies as the providers give them, ids made up.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "command/receipt.h"

static void
relays_name_it_in_their_own_ways(void **state)
{
	static const struct {
		const char *text, *id;
	} rows[] = {
		{"Ok: queued as 4F3A21B0C5", "4F3A21B0C5"}, {"OK id=1pXyZa-0003Ab-2C", "1pXyZa-0003Ab-2C"},
		{"37ABCDEF012345 Message accepted for delivery", "37ABCDEF012345"},
		{"OK  1700000000 a1-20020a170902b58100b001c5sm1234567plr.12 - gsmtp", "a1-20020a170902b58100b001c5sm1234567plr.12"},
		{"Ok 0102018bd0a1b2c3-11111111-2222-3333-4444-555555555555-000000", "0102018bd0a1b2c3-11111111-2222-3333-4444-555555555555-000000"},
		{"OK <DB7PR04MB4567@DB7PR04MB4567.eurprd04.prod.outlook.com> [Hostname=DB7PR04MB4567.eurprd04.prod.outlook.com]",
		    "DB7PR04MB4567@DB7PR04MB4567.eurprd04.prod.outlook.com"},
		{"Ok: queued as aB3dE5gH7iJ.", "aB3dE5gH7iJ"}, {"Requested mail action okay, completed: id=1MAgkN-1hXyZz2abc-00ABCD", "1MAgkN-1hXyZz2abc-00ABCD"},
		{"Great success", NULL}, {"Ok: kept", NULL}, {"", NULL}, {"took 12 ms", NULL}, {" : : ", NULL}, {"Ok: queued as ", NULL}, {"id=", NULL},
	};
	char id[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool found = receipt_id(rows[i].text, id, sizeof(id));

		if (found != (rows[i].id != NULL) || (found && strcmp(id, rows[i].id) != 0))
			fail_msg("'%s': %s", rows[i].text, found ? id : "nothing");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relays_name_it_in_their_own_ways),
	};

	return cmocka_run_group_tests_name("receipt", tests, NULL, NULL);
}
