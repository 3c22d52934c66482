/*
 * What is remembered about a refused login, and what ends it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "delivery/route.h"

struct place {
	char          directory[64], spool_path[96], settings[96], password[96];
	struct spool *spool;
	struct config config;
};

static void
place_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, text, strlen(text)), 0);
	assert_int_equal(close(fd), 0);
}

/* Another time of change, without waiting for one. */
static void
place_touch(const char *path)
{
	const struct timespec times[2] = {{1000000000, 5}, {1000000000, 5}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int
place_set_up(void **state)
{
	struct place *place = memory_alloc(sizeof(*place));
	struct outcome outcome;

	(void)snprintf(place->directory, sizeof(place->directory), "/tmp/route-test-XXXXXX");
	if (mkdtemp(place->directory) == NULL)
		return -1;
	(void)snprintf(place->spool_path, sizeof(place->spool_path), "%s/spool", place->directory);
	(void)snprintf(place->settings, sizeof(place->settings), "%s/settings", place->directory);
	(void)snprintf(place->password, sizeof(place->password), "%s/password", place->directory);
	place_write(place->settings, "a");
	place_write(place->password, "a");
	place->config.file = place->settings;
	place->config.relay.secret_source = SECRET_FILE;
	place->config.relay.secret = place->password;
	*state = place;
	return spool_open(place->spool_path, true, &place->spool, &outcome);
}

static int
place_tear_down(void **state)
{
	struct place *place = *state;
	char command[96];

	spool_close(place->spool);
	(void)snprintf(command, sizeof(command), "rm -rf %s", place->directory);
	free(place);
	return system(command) == 0 ? 0 : -1;
}

#define PLACE_TEST(function) cmocka_unit_test_setup_teardown(function, place_set_up, place_tear_down)

static void
nothing_is_held_at_first(void **state)
{
	const struct place *place = *state;

	assert_int_equal(route_login_held(place->spool, &place->config), 0);
}

static void
hold_lasts_until_it_is_over_or_forgotten(void **state)
{
	const struct place *place = *state;
	time_t until = time(NULL) + 300;

	route_hold_login(place->spool, &place->config, until);
	assert_int_equal(route_login_held(place->spool, &place->config), until);
	route_hold_login(place->spool, &place->config, time(NULL) - 1);
	assert_int_equal(route_login_held(place->spool, &place->config), 0);
	route_hold_login(place->spool, &place->config, until);
	route_hold_login(place->spool, &place->config, 0);
	assert_int_equal(route_login_held(place->spool, &place->config), 0);
}

static void
hold_ends_when_settings_or_password_change(void **state)
{
	const struct place *place = *state;
	const char *const changed[] = {place->settings, place->password};

	for (size_t i = 0; i < 2; i++) {
		route_hold_login(place->spool, &place->config, time(NULL) + 300);
		assert_int_not_equal(route_login_held(place->spool, &place->config), 0);
		place_touch(changed[i]);
		assert_int_equal(route_login_held(place->spool, &place->config), 0);
	}
	route_hold_login(place->spool, &place->config, time(NULL) + 300);
	assert_int_equal(unlink(place->password), 0);
	assert_int_equal(route_login_held(place->spool, &place->config), 0);
}

static void
hold_that_a_wrong_clock_or_a_damage_made_endless_is_none(void **state)
{
	static const char *const rows[] = {"", "held", "held 99999999999", "held x y z\n", "held -1 0 0\n", "\n\n",
	    "held 99999999999999999999999999 0 0\n"};
	const struct place *place = *state;
	char path[128];

	route_hold_login(place->spool, &place->config, time(NULL) + 100000);
	assert_int_equal(route_login_held(place->spool, &place->config), 0);
	(void)snprintf(path, sizeof(path), "%s/route", place->spool_path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		place_write(path, rows[i]);
		assert_int_equal(route_login_held(place->spool, &place->config), 0);
	}
}

static void
memory_is_not_read_through_a_link(void **state)
{
	const struct place *place = *state;
	char path[128], aside[128];

	route_hold_login(place->spool, &place->config, time(NULL) + 300);
	(void)snprintf(path, sizeof(path), "%s/route", place->spool_path);
	(void)snprintf(aside, sizeof(aside), "%s/aside", place->directory);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(aside, path), 0);
	assert_int_equal(route_login_held(place->spool, &place->config), 0);
	/* and a new one replaces the link, not what it points at */
	assert_int_equal(truncate(aside, 0), 0);
	route_hold_login(place->spool, &place->config, time(NULL) + 300);
	assert_int_not_equal(route_login_held(place->spool, &place->config), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(nothing_is_held_at_first),
		PLACE_TEST(hold_lasts_until_it_is_over_or_forgotten),
		PLACE_TEST(hold_ends_when_settings_or_password_change),
		PLACE_TEST(hold_that_a_wrong_clock_or_a_damage_made_endless_is_none),
		PLACE_TEST(memory_is_not_read_through_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
