/*
 * Who gets a message: a courier of its lane, and no lane is left without one because another has many. The couriers here are numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "delivery/team.c"

struct crew {
	int given;
};

static int hired, freed;

struct crew *
crew_new(const char *config_file, bool secure, struct spool *spool, struct spool_watch *watch)
{
	(void)config_file;
	(void)secure;
	(void)spool;
	(void)watch;
	hired++;
	return memory_alloc(sizeof(struct crew));
}

void
crew_dismiss(struct crew *crew)
{
	(void)crew;
}

void
crew_free(struct crew *crew)
{
	freed += crew != NULL ? 1 : 0;
	free(crew);
}

int
crew_fd(const struct crew *crew)
{
	(void)crew;
	return -1;
}

int
crew_give(struct crew *crew, const struct courier_job *job)
{
	(void)job;
	crew->given++;
	return 0;
}

int
crew_answer(struct crew *crew, struct courier_answer *answer)
{
	(void)crew;
	(void)answer;
	return -1;
}

static bool
give(struct team *team, size_t lane)
{
	const struct courier_job job = {.lane = lane};

	return team_give(team, &job, true);
}

static struct team *
team_of(size_t lanes, size_t size)
{
	struct team *team = team_new("", false, NULL, NULL);

	team_set(team, lanes, 60000);
	for (size_t i = 0; i < lanes; i++)
		team_limit(team, i, size);
	hired = freed = 0;
	return team;
}

static void
idle_courier_of_the_lane_goes_first(void **state)
{
	struct team *team = team_of(2, 2);

	(void)state;
	assert_true(give(team, 0));
	assert_true(give(team, 1));
	assert_int_equal(hired, 2);
	/* its connection is the other relay's */
	team->members[0].is_busy = false;
	assert_true(team_has_idle(team, 0));
	assert_false(team_has_idle(team, 1));
	assert_true(give(team, 1));
	assert_int_equal(hired, 3);
	assert_false(give(team, 1));
	assert_int_equal(team_free_places(team, 1), 0);
	assert_int_equal(team_free_places(team, 0), 2);
	assert_true(give(team, 0));
	assert_int_equal(hired, 3);
	assert_int_equal(team_busy(team), 3);
	team_free(team);
}

static void
each_lane_gets_a_courier_however_many_another_has(void **state)
{
	struct team *team = team_of(CONFIG_RELAYS_MAX, CONFIG_CONNECTIONS_MAX);

	(void)state;
	for (size_t i = 0; i < CONFIG_CONNECTIONS_MAX; i++)
		assert_true(give(team, 0));
	assert_false(give(team, 0));
	/* two hungry ones, all busy */
	while (give(team, 1))
		continue;
	for (size_t lane = 2; lane < CONFIG_RELAYS_MAX; lane++)
		assert_true(give(team, lane));
	assert_int_equal(team_busy(team), TEAM_MAX);
	team_free(team);
}

static void
idle_courier_leaves_its_place_to_another_lane(void **state)
{
	struct team *team = team_of(2, CONFIG_CONNECTIONS_MAX);

	(void)state;
	for (size_t i = 0; i < CONFIG_CONNECTIONS_MAX; i++)
		assert_true(give(team, 0));
	for (size_t i = 0; i < TEAM_MAX; i++)
		team->members[i].is_busy = false;
	for (size_t i = 0; i < CONFIG_CONNECTIONS_MAX; i++)
		assert_true(give(team, 1));
	assert_int_equal(team_count(team, 1), CONFIG_CONNECTIONS_MAX);
	assert_int_equal(team_count(team, 0), TEAM_MAX - CONFIG_CONNECTIONS_MAX);
	assert_int_equal(freed, 2 * CONFIG_CONNECTIONS_MAX - TEAM_MAX);
	team_free(team);
}

static void
limits_and_renewals_are_of_one_lane(void **state)
{
	struct team *team = team_of(2, 3);

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_true(give(team, i % 2));
	for (size_t i = 0; i < TEAM_MAX; i++)
		team->members[i].is_busy = false;
	team_limit(team, 0, 1);
	assert_int_equal(team_count(team, 0), 1);
	assert_int_equal(team_count(team, 1), 3);
	team_renew(team, 1);
	assert_int_equal(team_count(team, 0), 1);
	assert_int_equal(team_count(team, 1), 0);
	team_free(team);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_courier_of_the_lane_goes_first),
		cmocka_unit_test(each_lane_gets_a_courier_however_many_another_has),
		cmocka_unit_test(idle_courier_leaves_its_place_to_another_lane),
		cmocka_unit_test(limits_and_renewals_are_of_one_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
