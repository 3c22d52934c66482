/*
 * line: see the header.
 */
#include "delivery/line.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "delivery/journal.h"
#include "delivery/policy.h"

#define LINE_RETRY 60	/* s */

static int64_t
line_changed(const char *file)
{
	struct stat status;

	if (file == NULL || stat(file, &status) != 0)
		return 0;
	return (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
}

/* true when they changed since they were looked at last: before they are read, so that a change in between is seen the next time. */
static bool
line_look(struct line *line)
{
	const struct relay *relay = line->relay;
	int64_t password = line_changed(relay->secret_source == SECRET_FILE ? relay->secret : NULL);
	int64_t authorities = line_changed(relay->tls_ca_file);

	if (password == line->password && authorities == line->authorities)
		return false;
	line->password = password;
	line->authorities = authorities;
	return true;
}

struct line *
line_new(const struct config *config, const struct relay *relay, struct nursery *nursery, struct spool *spool)
{
	struct line *line = memory_alloc(sizeof(*line));

	line->relay = relay;
	gate_init(&line->gate, config, relay, spool);
	connection_init(&line->connection, nursery);
	(void)line_look(line);
	line->tried = time(NULL);
	if (connection_begin(&line->connection, config, relay, &line->broken) == 0)
		memset(&line->broken, 0, sizeof(line->broken));
	else
		log_line(LOG_LEVEL_ERROR, "nothing can be sent to %s: %s", relay->host, line->broken.text);
	return line;
}

void
line_free(struct line *line)
{
	if (line == NULL)
		return;
	connection_end(&line->connection);
	free(line);
}

/* Who mends the password file or the authorities need not restart a service. The nursery is there already and learns nothing. */
void
line_begin(struct line *line)
{
	time_t now = time(NULL);

	line->was_opened = line->has_failed = false;
	line->gate.is_shut = false;
	line->gate.again = 0;
	if (!line_look(line) && (line->broken.verdict == VERDICT_NONE || now - line->tried < LINE_RETRY))
		return;
	line->tried = now;
	gate_forget(&line->gate);
	if (connection_renew(&line->connection, &line->broken) == 0)
		memset(&line->broken, 0, sizeof(line->broken));
}

int
line_reach(struct line *line, const struct courier_job *job, struct deadline deadline, struct outcome *outcome)
{
	struct connection *connection = &line->connection;
	bool is_open = connection_is_alive(connection);
	struct ladder_hint hint, way;

	connection->step_count = 0;
	if (!gate_ask(&line->gate, job, is_open, outcome))
		return -1;
	if (is_open)
		return 0;
	hint = route_hint(&line->gate.route, time(NULL));
	if (connection_open(connection, &hint, deadline, outcome) != 0) {
		journal_ladder(job->id, connection);
		gate_failed(&line->gate, job, outcome);
		line->has_failed = policy_login_hold(outcome) == 0;
		return -1;
	}
	journal_ladder(job->id, connection);
	way = connection_way(connection);
	gate_opened(&line->gate, &way, channel_expires(connection->channel));
	line->was_opened = true;
	return 0;
}
