/*
 * fitting: the spool keeps a message as it came, since only now it is known what the relay takes. That its lines are short is looked at
 * here, too: a scan costs nothing beside the checksum, and what the spool says may be from another version.
 */
#include "delivery/fitting.h"

#include <unistd.h>

#include "message/convert.h"

void
fitting_init(struct fitting *fitting)
{
	*fitting = (struct fitting){.fd = -1};
}

void
fitting_free(struct fitting *fitting)
{
	if (fitting->fd >= 0)
		(void)close(fitting->fd);
	fitting_init(fitting);
}

static int
fitting_convert(struct fitting *fitting, const struct transaction *whole, bool seven_bit, struct spool *spool,
    struct outcome *outcome)
{
	fitting->fd = spool_scratch(spool);
	if (fitting->fd < 0) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_SPOOL, CAUSE_LOCAL, "no room to convert the message: %m");
		return -1;
	}
	if (convert_message(whole->message_fd, whole->message_offset, whole->message_length, seven_bit, fitting->fd,
	    &fitting->transaction.message_length, outcome) != 0)
		return -1;
	fitting->transaction.message_fd = fitting->fd;
	fitting->transaction.message_offset = 0;
	if (seven_bit)
		fitting->transaction.eight_bit = false;
	return 0;
}

int
fitting_make(struct fitting *fitting, const struct transaction *whole, const struct capabilities *relay, struct spool *spool,
    struct outcome *outcome)
{
	struct convert_needs found;
	bool seven_bit;

	fitting_free(fitting);
	fitting->transaction = *whole;
	if (convert_look(whole->message_fd, whole->message_offset, whole->message_length, &found) != 0) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_SPOOL, CAUSE_LOCAL, "the message can't be read: %m");
		return -1;
	}
	seven_bit = found.eight_bit && !relay->eight_bit_mime;
	if (!seven_bit && !found.long_lines)
		return 0;
	return fitting_convert(fitting, whole, seven_bit, spool, outcome);
}
