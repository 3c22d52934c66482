/*
 * What is remembered about a relay, and what ends it.
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
	char          directory[64], spool_path[96], settings[96], password[96], host[64];
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
	place->config.relay.host = place->host;
	(void)snprintf(place->host, sizeof(place->host), "relay.example");
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
place_load(const struct place *place, struct route *route)
{
	route_load(place->spool, &place->config, &place->config.relay, route);
}

static void
place_save(const struct place *place, const struct route *route)
{
	route_save(place->spool, &place->config, &place->config.relay, route);
}

static void
check_nothing_known(const struct place *place)
{
	struct route none = {0}, route;

	memset(&route, 7, sizeof(route));
	place_load(place, &route);
	assert_memory_equal(&route, &none, sizeof(route));
}

static struct route
route_full(void)
{
	struct route route = {.way = {465, AF_INET6, 12}, .since = time(NULL) - 5, .failures = 3, .down_until = time(NULL) + 60,
	    .login_until = time(NULL) + 300, .throttles = 2, .throttle_until = time(NULL) + 15,
	    .certificate = 1900000000, .is_proven = true};

	outcome_set(&route.down, VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_CONNECT_TIMEOUT, "no answer\nat all");
	return route;
}

static void
nothing_is_known_at_first(void **state)
{
	check_nothing_known(*state);
}

static void
all_is_there_again(void **state)
{
	const struct place *place = *state;
	struct route saved = route_full(), route;

	place_save(place, &saved);
	place_load(place, &route);
	assert_int_equal(route.way.port, 465);
	assert_int_equal(route.way.family, AF_INET6);
	assert_int_equal(route.way.round_trip, 12);
	assert_int_equal(route.since, saved.since);
	assert_int_equal(route.failures, 3);
	assert_int_equal(route.down_until, saved.down_until);
	assert_int_equal(route.login_until, saved.login_until);
	assert_int_equal(route.throttles, 2);
	assert_int_equal(route.throttle_until, saved.throttle_until);
	assert_int_equal(route.certificate, 1900000000);
	assert_int_equal(route.down.stage, STAGE_CONNECT);
	assert_int_equal(route.down.cause, CAUSE_CONNECT_TIMEOUT);
	assert_string_equal(route.down.text, "no answer at all");
}

static void
holds_end_with_their_time(void **state)
{
	const struct place *place = *state;
	struct route saved = route_full(), route;

	saved.login_until = saved.down_until = time(NULL) - 1;
	place_save(place, &saved);
	place_load(place, &route);
	assert_int_equal(route.login_until, 0);
	assert_int_equal(route.down_until, 0);
	/* it was down, which the next one should know */
	assert_int_equal(route.failures, 3);
}

static void
holds_end_when_settings_or_password_change(void **state)
{
	const struct place *place = *state;
	const char *const changed[] = {place->settings, place->password};
	struct route saved = route_full(), route;

	for (size_t i = 0; i < 3; i++) {
		place_save(place, &saved);
		place_load(place, &route);
		assert_int_equal(route.failures, 3);
		if (i < 2)
			place_touch(changed[i]);
		else
			assert_int_equal(unlink(place->password), 0);
		place_load(place, &route);
		assert_int_equal(route.failures, 0);
		assert_int_equal(route.down_until, 0);
		assert_int_equal(route.login_until, 0);
		assert_int_equal(route.throttles, 0);
		/* the way and the certificate have nothing to do with it */
		assert_int_equal(route.certificate, 1900000000);
		assert_int_equal(route.way.port, 465);
	}
}

static void
holds_that_a_wrong_clock_made_endless_are_none(void **state)
{
	const struct place *place = *state;
	struct route saved = route_full(), route;

	saved.down_until = saved.login_until = saved.throttle_until = time(NULL) + 100000;
	place_save(place, &saved);
	place_load(place, &route);
	assert_int_equal(route.down_until, 0);
	assert_int_equal(route.login_until, 0);
}

static void
a_damaged_memory_is_none(void **state)
{
	static const char *const rows[] = {"", "\n\n", "relay.example", "relay.example \n", "relay.example 1 2 3",
	    "relay.example x y z 1 2 3 4 5 6 tls tls x\n", "relay.example 0 0 99999 2 1 1 1 1 1 0 0 tls tls x\n",
	    "relay.example 0 0 465 2 1 1 1 1 1 tls tls x\n",
	    "relay.example 0 0 465 2 99999999999999999999999 1 1 1 1 0 0 tls tls x\n", "held 1 0 0\n", "relay.example2 0 0 465 2 1 1 1 1 1 a b c\n"};
	const struct place *place = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/route", place->spool_path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		place_write(path, rows[i]);
		check_nothing_known(place);
	}
}

static void
relays_do_not_forget_each_other(void **state)
{
	struct place *place = *state;
	struct route saved = route_full(), route;

	place_save(place, &saved);
	(void)snprintf(place->host, sizeof(place->host), "relay.example.org");
	check_nothing_known(place);
	saved.way.port = 2525;
	place_save(place, &saved);
	place_save(place, &saved);
	place_load(place, &route);
	assert_int_equal(route.way.port, 2525);
	(void)snprintf(place->host, sizeof(place->host), "relay.example");
	place_load(place, &route);
	assert_int_equal(route.way.port, 465);
}

/* Two accounts with one provider. */
static void
relays_of_one_host_do_not_take_each_other_s_place(void **state)
{
	static char name[] = "news";
	const struct place *place = *state;
	const struct relay news = {.name = name, .host = place->config.relay.host};
	struct route saved = route_full(), route;

	place_save(place, &saved);
	route_load(place->spool, &place->config, &news, &route);
	assert_int_equal(route.failures, 0);
	saved.failures = 7;
	route_save(place->spool, &place->config, &news, &saved);
	place_load(place, &route);
	assert_int_equal(route.failures, 3);
	route_load(place->spool, &place->config, &news, &route);
	assert_int_equal(route.failures, 7);
}

static void
memory_is_not_read_through_a_link(void **state)
{
	const struct place *place = *state;
	struct route saved = route_full(), route;
	char path[128], aside[128];

	place_save(place, &saved);
	(void)snprintf(path, sizeof(path), "%s/route", place->spool_path);
	(void)snprintf(aside, sizeof(aside), "%s/aside", place->directory);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(aside, path), 0);
	check_nothing_known(place);
	/* and a new one replaces the link, not what it points at */
	assert_int_equal(truncate(aside, 0), 0);
	place_save(place, &saved);
	place_load(place, &route);
	assert_int_equal(route.failures, 3);
}

static void
failures_open_the_breaker_and_success_closes_it(void **state)
{
	const struct ladder_hint way = {587, AF_INET, 10};
	struct outcome why = {.verdict = VERDICT_DEFERRED, .stage = STAGE_DNS, .cause = CAUSE_RESOLVER};
	struct route route = {0};

	(void)state;
	route_failed(&route, &why, 1000);
	assert_int_equal(route.failures, 1);
	assert_int_equal(route.down_until, 1010);
	route_failed(&route, &why, 2000);
	assert_int_equal(route.down_until, 2030);
	assert_int_equal(route.down.cause, CAUSE_RESOLVER);
	assert_true(route_worked(&route, &way, 7, 3000));
	assert_int_equal(route.failures, 0);
	assert_int_equal(route.down_until, 0);
	assert_int_equal(route.way.port, 587);
	assert_int_equal(route.since, 3000);
}

static void
a_relay_that_was_throttled_is_calm_after_an_hour(void **state)
{
	const struct place *place = *state;
	struct route saved = route_full(), route;

	saved.throttle_until = time(NULL) - 3500;
	place_save(place, &saved);
	place_load(place, &route);
	assert_int_equal(route.throttles, 2);
	saved.throttle_until = time(NULL) - 3600;
	place_save(place, &saved);
	place_load(place, &route);
	assert_int_equal(route.throttles, 0);
	assert_int_equal(route.throttle_until, 0);
}

static void
throttles_count_until_the_relay_takes_mail(void **state)
{
	struct route route = {0};

	(void)state;
	route_throttled(&route, 0, 1000);
	route_throttled(&route, 5, 1000);
	route_throttled(&route, 15, 2000);
	assert_int_equal(route.throttles, 3);
	assert_int_equal(route.throttle_until, 2015);
	assert_true(route_eased(&route, false));
	assert_int_equal(route.throttles, 1);
	assert_false(route_eased(&route, false));
	assert_true(route_eased(&route, true));
	assert_int_equal(route.throttles, 0);
	assert_false(route_eased(&route, true));
}

static void
the_same_way_again_is_no_news_until_a_day_is_over(void **state)
{
	const struct ladder_hint way = {465, AF_INET, 10}, slower = {465, AF_INET, 25}, other = {587, AF_INET, 10};
	struct route route = {0};

	(void)state;
	assert_true(route_worked(&route, &way, 7, 1000000));
	assert_false(route_worked(&route, &way, 7, 1000100));
	assert_true(route_worked(&route, &way, 8, 1000100));
	assert_int_equal(route.certificate, 8);
	assert_true(route_worked(&route, &way, 7, 1000100));
	assert_true(route_worked(&route, &slower, 7, 1000200));
	assert_int_equal(route.since, 1000000);
	assert_int_equal(route_hint(&route, 1000000 + 86399).port, 465);
	/* then the order of the settings has its turn, with what is known of the distance */
	assert_int_equal(route_hint(&route, 1000000 + 86400).port, 0);
	assert_int_equal(route_hint(&route, 1000000 + 86400).round_trip, 25);
	assert_int_equal(route_hint(&route, 999999).port, 0);
	assert_true(route_worked(&route, &slower, 7, 1000000 + 86400));
	assert_int_equal(route_hint(&route, 1000000 + 86401).port, 465);
	assert_true(route_worked(&route, &other, 7, 1000000 + 86402));
	assert_int_equal(route.since, 1000000 + 86402);
}

/* What a login of now may expect: taken as the last one was. */
static void
a_relay_is_proven_until_something_changes(void **state)
{
	static const struct {
		const char *label;
		bool        was_proven;
		int         since;	/* s from now */
		bool        is_touched, is_proven;
	} rows[] = {
		{.label = "just used", .was_proven = true, .since = -5, .is_proven = true},
		{.label = "not", .since = -5},
		{.label = "a day ago", .was_proven = true, .since = -86400},
		{.label = "clock set back", .was_proven = true, .since = 100},
		{.label = "other settings", .was_proven = true, .since = -5, .is_touched = true},
	};
	const struct place *place = *state;
	const struct ladder_hint way = {465, AF_INET6, 12};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct route saved = {.way = way, .is_proven = rows[i].was_proven, .certificate = 7}, route;
		time_t now = time(NULL);

		saved.since = now + rows[i].since;
		place_save(place, &saved);
		if (rows[i].is_touched)
			place_touch(place->settings);
		place_load(place, &route);
		if (route.is_proven != rows[i].is_proven)
			fail_msg("%s: is_proven %d", rows[i].label, route.is_proven);
		/* the login that is taken ends it */
		assert_int_equal(route_worked(&route, &way, 7, now), !rows[i].is_proven);
		assert_true(route.is_proven);
	}
}

/* Whatever is saved in between, and however long ago it was: a login that is taken ends it, nothing else. */
static void
a_failure_is_no_proof_until_a_login_is_taken(void **state)
{
	const struct place *place = *state;
	const struct ladder_hint way = {465, AF_INET6, 12};
	struct outcome why = {.verdict = VERDICT_DEFERRED, .stage = STAGE_DNS, .cause = CAUSE_RESOLVER};
	struct route route = {0};

	for (int i = 0; i < 2; i++) {
		assert_true(route_worked(&route, &way, 7, time(NULL)));
		assert_true(route.is_proven);
		if (i == 0)
			route_refused(&route, time(NULL) - 1);
		else
			route_failed(&route, &why, time(NULL) - 1000);
		place_save(place, &route);
		place_load(place, &route);
		assert_int_equal(route.login_until, 0);
		route_throttled(&route, 0, time(NULL));
		place_save(place, &route);
		place_load(place, &route);
		assert_true(route_eased(&route, true));
		place_save(place, &route);
		place_load(place, &route);
		assert_false(route.is_proven);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(nothing_is_known_at_first),
		PLACE_TEST(all_is_there_again),
		PLACE_TEST(holds_end_with_their_time),
		PLACE_TEST(holds_end_when_settings_or_password_change),
		PLACE_TEST(holds_that_a_wrong_clock_made_endless_are_none),
		PLACE_TEST(a_damaged_memory_is_none),
		PLACE_TEST(relays_do_not_forget_each_other),
		PLACE_TEST(relays_of_one_host_do_not_take_each_other_s_place),
		PLACE_TEST(a_relay_is_proven_until_something_changes),
		PLACE_TEST(a_failure_is_no_proof_until_a_login_is_taken),
		PLACE_TEST(memory_is_not_read_through_a_link),
		PLACE_TEST(a_relay_that_was_throttled_is_calm_after_an_hour),
		cmocka_unit_test(throttles_count_until_the_relay_takes_mail),
		cmocka_unit_test(failures_open_the_breaker_and_success_closes_it),
		cmocka_unit_test(the_same_way_again_is_no_news_until_a_day_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
