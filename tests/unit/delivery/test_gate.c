/*
 * When the relay is left alone, for how long, and who learns of it.
 */
#include "../spool/support.h"

#include "delivery/gate.h"

struct scene {
	struct gate   one, other;	/* two couriers */
	struct config config;
	char          host[16], file[8];
};

static void
scene_init(struct scene *scene, const struct support *support)
{
	memset(scene, 0, sizeof(*scene));
	(void)snprintf(scene->host, sizeof(scene->host), "relay.example");
	(void)snprintf(scene->file, sizeof(scene->file), "/none");
	scene->config.relay.host = scene->host;
	scene->config.file = scene->file;	/* is not there: as if it had changed at 0 */
	gate_init(&scene->one, &scene->config, &scene->config.relay, support->spool);
	gate_init(&scene->other, &scene->config, &scene->config.relay, support->spool);
}

static struct outcome
answer(int reply, enum stage stage)
{
	struct outcome outcome;

	outcome_set(&outcome, reply < 400 ? VERDICT_DELIVERED : VERDICT_DEFERRED, stage, CAUSE_NONE, "as it is");
	outcome.reply = reply;
	return outcome;
}

static void
relay_that_asks_us_to_slow_down_is_left_alone_by_all(void **state)
{
	struct outcome soft = answer(451, STAGE_FINAL), hard = answer(421, STAGE_MAIL), outcome;
	const struct courier_job job = {.pass = 1}, flush = {.pass = 1, .flush = true};
	time_t now = time(NULL);
	struct scene scene;

	scene_init(&scene, *state);
	assert_true(gate_ask(&scene.one, &job, true, &outcome));
	gate_heard(&scene.one, "A", &soft, 1);
	/* the first time without a pause */
	assert_true(gate_is_slowed(&scene.one));
	assert_int_equal(scene.one.again, 0);
	assert_true(gate_ask(&scene.other, &job, true, &outcome));
	assert_true(gate_is_slowed(&scene.other));
	gate_heard(&scene.other, "B", &hard, 1);
	assert_true(scene.other.is_shut);
	assert_in_range(scene.other.again, now + 15, now + 20);
	/* an open connection is no way around it, a flush is */
	assert_false(gate_ask(&scene.one, &job, true, &outcome));
	assert_int_equal(outcome.verdict, VERDICT_DEFERRED);
	assert_int_equal(outcome.cause, CAUSE_THROTTLED);
	assert_int_equal(scene.one.again, scene.other.again);
	assert_true(scene.one.is_shut);
	assert_true(gate_ask(&scene.one, &flush, true, &outcome));
	assert_false(scene.one.is_shut);
}

static void
one_connection_is_enough_until_ten_were_taken(void **state)
{
	struct outcome soft = answer(451, STAGE_FINAL), good = answer(250, STAGE_FINAL);
	struct scene scene;

	scene_init(&scene, *state);
	for (int i = 0; i < 3; i++)
		gate_heard(&scene.one, "A", &soft, 1);
	assert_int_equal(scene.one.route.throttles, 3);
	gate_heard(&scene.one, "B", &good, 1);
	assert_int_equal(scene.one.route.throttles, 1);
	for (int i = 0; i < 8; i++)
		gate_heard(&scene.one, "B", &good, 1);
	assert_true(gate_is_slowed(&scene.one));
	gate_heard(&scene.one, "B", &good, 1);
	assert_false(gate_is_slowed(&scene.one));
}

static void
what_one_courier_was_told_the_other_does_not_forget(void **state)
{
	struct outcome soft = answer(451, STAGE_FINAL), good = answer(250, STAGE_FINAL), outcome;
	const struct courier_job job = {.pass = 1};
	struct scene scene;

	scene_init(&scene, *state);
	/* under way while the other is told */
	assert_true(gate_ask(&scene.other, &job, true, &outcome));
	gate_heard(&scene.one, "A", &soft, 1);
	gate_heard(&scene.other, "B", &good, 1);
	assert_true(gate_is_slowed(&scene.other));
}

static void
answer_about_a_mailbox_slows_nothing(void **state)
{
	struct outcome greylisted = answer(450, STAGE_RCPT);
	struct scene scene;

	scene_init(&scene, *state);
	gate_heard(&scene.one, "A", &greylisted, 1);
	assert_false(gate_is_slowed(&scene.one));
	assert_false(scene.one.is_shut);
}

/* A message is due again with the relay: never later than five minutes. */
static void
relay_that_is_down_says_when_it_is_tried_again(void **state)
{
	struct outcome refused, outcome;
	struct courier_job job = {.pass = 1};
	const struct ladder_hint way = {587, 2, 10};
	struct scene scene;

	scene_init(&scene, *state);
	outcome_set(&refused, VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_CONNECT_REFUSED, "refused");
	for (int i = 0; i < 8; i++) {
		time_t now = time(NULL);

		gate_failed(&scene.one, &job, &refused);
		assert_true(scene.one.is_shut);
		assert_in_range(scene.one.again, now + 10, now + 301);
	}
	/* known within the pass, and to others from the memory */
	assert_false(gate_ask(&scene.one, &job, false, &outcome));
	assert_string_equal(outcome.text, "refused");
	assert_false(gate_ask(&scene.other, &job, false, &outcome));
	assert_non_null(strstr(outcome.text, "could not be reached 8 times in a row"));
	gate_opened(&scene.other, &way, 0);
	/* with a fallback the pass may go on for days */
	scene.one.down_until = time(NULL) - 1;
	scene.one.route.down_until = 0;
	route_save(scene.one.spool, &scene.config, &scene.config.relay, &scene.one.route);
	assert_true(gate_ask(&scene.one, &job, false, &outcome));
	job.pass = 2;
	assert_true(gate_ask(&scene.one, &job, false, &outcome));
	/* a refused login is held back, by whomever */
	outcome_set(&refused, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_REFUSED, "wrong");
	gate_failed(&scene.one, &job, &refused);
	assert_false(gate_ask(&scene.other, &job, false, &outcome));
	assert_int_equal(outcome.cause, CAUSE_AUTH_HELD);
	assert_true(gate_ask(&scene.other, &job, true, &outcome));
}

/* Three couriers that set out together and meet the same are one failure, not three. */
static void
failure_that_two_meet_side_by_side_counts_once(void **state)
{
	struct outcome refused, outcome;
	const struct courier_job job = {.pass = 1}, next = {.pass = 2, .flush = true};
	time_t now = time(NULL);
	struct scene scene;

	scene_init(&scene, *state);
	outcome_set(&refused, VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_CONNECT_REFUSED, "refused");
	assert_true(gate_ask(&scene.one, &job, false, &outcome));
	assert_true(gate_ask(&scene.other, &job, false, &outcome));
	gate_failed(&scene.one, &job, &refused);
	gate_failed(&scene.other, &job, &refused);
	assert_int_equal(scene.other.route.failures, 1);
	assert_true(scene.other.is_shut);
	assert_in_range(scene.other.again, now + 10, now + 15);
	/* the next time is another one */
	assert_true(gate_ask(&scene.other, &next, false, &outcome));
	gate_failed(&scene.other, &next, &refused);
	assert_int_equal(scene.other.route.failures, 2);
}

/* What couriers expect of a login. */
static void
login_is_expected_to_be_taken_where_it_was(void **state)
{
	static const struct {
		enum secret_source source;
		bool               is_expected;
	} rows[] = {
		{SECRET_INLINE, true}, {SECRET_FILE, true}, {SECRET_COMMAND, false}, {SECRET_ENVIRONMENT, false}, {SECRET_NONE, false},
	};
	const struct ladder_hint way = {587, 2, 10};
	struct outcome soft = answer(451, STAGE_FINAL), refused;
	const struct courier_job job = {.pass = 1};
	struct scene scene;

	scene_init(&scene, *state);
	scene.config.relay.secret = scene.file;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scene.config.relay.secret_source = rows[i].source;
		gate_opened(&scene.one, &way, 0);
		assert_int_equal(gate_is_proven(&scene.other), rows[i].is_expected);
	}
	scene.config.relay.secret_source = SECRET_INLINE;
	outcome_set(&refused, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_REFUSED, "wrong");
	gate_failed(&scene.one, &job, &refused);
	assert_false(gate_is_proven(&scene.other));
	gate_opened(&scene.one, &way, 0);
	assert_true(gate_is_proven(&scene.other));
	gate_heard(&scene.one, "A", &soft, 1);
	assert_false(gate_is_proven(&scene.other));
}

/* A courier that works with what was in the settings, or the password file, before. */
static void
nothing_is_learnt_with_settings_of_before(void **state)
{
	const struct ladder_hint way = {587, 2, 10};
	const struct courier_job job = {.pass = 1};
	struct outcome refused, outcome;
	struct scene scene;

	scene_init(&scene, *state);
	scene.config.relay.secret_source = SECRET_FILE;
	scene.config.relay.secret = scene.host;	/* is not there */
	outcome_set(&refused, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_REFUSED, "wrong");
	for (int i = 0; i < 2; i++) {
		struct gate *gate = i == 0 ? &scene.one : &scene.other;

		if (i == 0) {
			scene.config.changed = 1;
			gate_init(gate, &scene.config, &scene.config.relay, gate->spool);
			scene.config.changed = 0;
		} else {
			gate->stamp.secret = 1;
		}
		gate_opened(gate, &way, 0);
		assert_false(gate_is_proven(gate));
		gate_failed(gate, &job, &refused);
		/* it keeps to that itself */
		assert_false(gate_ask(gate, &job, false, &outcome));
	}
	gate_init(&scene.one, &scene.config, &scene.config.relay, scene.one.spool);
	assert_true(gate_ask(&scene.one, &job, false, &outcome));
	/* the password file is read again */
	gate_forget(&scene.other);
	gate_opened(&scene.other, &way, 0);
	assert_true(gate_is_proven(&scene.one));
}

/* Who mends the settings ends what was known of failures. */
static void
relay_is_tried_at_once_with_other_settings(void **state)
{
	struct support *support = *state;
	struct outcome refused, outcome;
	struct courier_job job = {.pass = 1};
	const struct ladder_hint way = {587, 2, 10};
	struct scene scene;

	scene_init(&scene, support);
	gate_opened(&scene.one, &way, 0);
	outcome_set(&refused, VERDICT_DEFERRED, STAGE_TLS, CAUSE_CERT_ISSUER, "stranger");
	gate_failed(&scene.one, &job, &refused);
	(void)snprintf(scene.file, sizeof(scene.file), "/proc");
	job.pass = 2;
	assert_true(gate_ask(&scene.one, &job, false, &outcome));
	assert_int_equal(scene.one.route.failures, 0);
}

/* Two relays, one of them perhaps another account with the same host: what is known of one says nothing of the other. */
static void
relay_is_not_held_back_for_what_another_did(void **state)
{
	static char name[] = "backup", host[] = "relay.example";
	const struct relay backup = {.name = name, .host = host};
	struct support *support = *state;
	struct outcome refused, outcome;
	const struct courier_job job = {.pass = 1};
	struct gate gate;
	struct scene scene;

	scene_init(&scene, support);
	gate_init(&gate, &scene.config, &backup, support->spool);
	outcome_set(&refused, VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_CONNECT_REFUSED, "refused");
	gate_failed(&scene.one, &job, &refused);
	assert_false(gate_ask(&scene.other, &job, false, &outcome));
	assert_true(gate_ask(&gate, &job, false, &outcome));
	gate_failed(&gate, &job, &refused);
	outcome_set(&refused, VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_REFUSED, "wrong");
	gate_failed(&gate, &job, &refused);
	assert_false(gate_ask(&scene.other, &job, false, &outcome));
	assert_int_equal(outcome.cause, CAUSE_CONNECT_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(relay_that_asks_us_to_slow_down_is_left_alone_by_all),
		SUPPORT_TEST(one_connection_is_enough_until_ten_were_taken),
		SUPPORT_TEST(what_one_courier_was_told_the_other_does_not_forget),
		SUPPORT_TEST(answer_about_a_mailbox_slows_nothing),
		SUPPORT_TEST(relay_is_tried_at_once_with_other_settings),
		SUPPORT_TEST(relay_is_not_held_back_for_what_another_did),
		SUPPORT_TEST(login_is_expected_to_be_taken_where_it_was),
		SUPPORT_TEST(nothing_is_learnt_with_settings_of_before),
		SUPPORT_TEST(failure_that_two_meet_side_by_side_counts_once),
		SUPPORT_TEST(relay_that_is_down_says_when_it_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
