/*
 * load: which recipients are left, whom they are bound to, and what became of them, on the way between spool entry and transaction.
 */
#include "delivery/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/relay.h"
#include "delivery/journal.h"
#include "delivery/policy.h"
#include "message/address.h"

/* The relay that alone may be tried for a recipient, since it may have served them already. */
static size_t
load_bound(const struct config *config, const struct spool_entry *entry, const struct outcome *outcome)
{
	const char *at = spool_entry_at(entry);
	size_t number = LOAD_FREE;

	if (outcome->verdict == VERDICT_DEFERRED && (outcome->uncertain || outcome->bound))
		number = relay_find(config, outcome->relay);
	else if (at != NULL)
		number = relay_find(config, at);
	/* one that is in the settings no more can't be asked */
	return number < relay_count(config) ? number : LOAD_FREE;
}

void
load_take(struct load *load, const struct config *config, struct spool_entry *entry)
{
	struct load_part *part = &load->part;
	size_t total = spool_entry_count(entry);

	memset(load, 0, sizeof(*load));
	fitting_init(&part->fitting);
	part->addresses = memory_resize(NULL, total, sizeof(*part->addresses));
	part->wishes = memory_resize(NULL, total, sizeof(*part->wishes));
	part->members = memory_resize(NULL, total, sizeof(*part->members));
	part->outcomes = memory_alloc((total > 0 ? total : 1) * sizeof(*part->outcomes));
	load->indexes = memory_resize(NULL, total, sizeof(*load->indexes));
	load->outcomes = memory_alloc((total > 0 ? total : 1) * sizeof(*load->outcomes));
	load->bound = memory_resize(NULL, total, sizeof(*load->bound));
	load->is_open = memory_alloc(total + 1);
	load->is_told = memory_alloc(total + 1);
	load->lines = memory_alloc((total + 1) * sizeof(struct line *));
	for (size_t i = 0; i < total; i++) {
		const struct spool_recipient *recipient = spool_entry_recipient(entry, i);

		if (recipient->outcome.verdict != VERDICT_NONE && recipient->outcome.verdict != VERDICT_DEFERRED)
			continue;
		load->bound[load->count] = load_bound(config, entry, &recipient->outcome);
		load->is_open[load->count] = true;
		load->indexes[load->count++] = i;
	}
	(void)snprintf(load->id, sizeof(load->id), "%s", spool_entry_id(entry));
	load->attempt = spool_entry_attempts(entry) + 1;
	part->transaction.reverse_path = spool_entry_reverse_path(entry);
	part->transaction.recipients = part->addresses;
	part->transaction.wishes = part->wishes;
	part->transaction.ret = spool_entry_return(entry);
	part->transaction.envid = spool_entry_envid(entry);
	part->transaction.message_fd = spool_entry_reopen(entry);
	part->transaction.message_offset = spool_entry_message_offset(entry);
	part->transaction.message_length = spool_entry_message_length(entry);
	part->transaction.eight_bit = spool_entry_eight_bit(entry);
	part->transaction.smtputf8 = spool_entry_smtputf8(entry);
	journal_script(part->transaction.message_fd, part->transaction.message_offset, load->script, sizeof(load->script));
}

void
load_free(struct load *load)
{
	struct load_part *part = &load->part;

	if (part->transaction.message_fd >= 0)
		(void)close(part->transaction.message_fd);
	fitting_free(&part->fitting);
	free(part->addresses);
	free(part->wishes);
	free(part->members);
	free(part->outcomes);
	free(load->indexes);
	free(load->outcomes);
	free(load->bound);
	free(load->is_open);
	free(load->is_told);
	free(load->lines);
	free(load->tales);
}

bool
load_has(const struct load *load, size_t bound)
{
	for (size_t i = 0; i < load->count; i++)
		if (load->is_open[i] && load->bound[i] == bound)
			return true;
	return false;
}

void
load_part_take(struct load *load, struct spool_entry *entry, size_t bound)
{
	struct load_part *part = &load->part;

	part->count = 0;
	for (size_t i = 0; i < load->count; i++) {
		const struct spool_recipient *recipient = spool_entry_recipient(entry, load->indexes[i]);

		if (!load->is_open[i] || load->bound[i] != bound)
			continue;
		part->addresses[part->count] = recipient->address;
		part->wishes[part->count] = recipient->wish;
		part->members[part->count++] = i;
	}
	part->transaction.recipient_count = part->count;
}

static void
load_part_swap(struct load_part *part, size_t a, size_t b)
{
	const char *address = part->addresses[a];
	size_t member = part->members[a];
	struct dsn_wish wish = part->wishes[a];

	part->addresses[a] = part->addresses[b];
	part->addresses[b] = address;
	part->wishes[a] = part->wishes[b];
	part->wishes[b] = wish;
	part->members[a] = part->members[b];
	part->members[b] = member;
}

int
load_part_leave_out(struct load_part *part, const struct line *line)
{
	struct transaction *transaction = &part->transaction;
	struct outcome outcome;

	transaction->recipient_count = part->count;
	if (channel_capabilities(line->connection.channel)->smtputf8)
		return 0;
	if (address_is_international(transaction->reverse_path)) {
		splice_no_smtputf8(&outcome, STAGE_MAIL, transaction->reverse_path);
		load_part_all(part, &outcome);
		return -1;
	}
	for (size_t i = 0; i < transaction->recipient_count;) {
		if (!address_is_international(part->addresses[i])) {
			i++;
			continue;
		}
		load_part_swap(part, i, --transaction->recipient_count);
		splice_no_smtputf8(&part->outcomes[transaction->recipient_count], STAGE_RCPT,
		    part->addresses[transaction->recipient_count]);
	}
	return transaction->recipient_count > 0 ? 0 : -1;
}

void
load_part_all(struct load_part *part, const struct outcome *outcome)
{
	for (size_t i = 0; i < part->count; i++)
		part->outcomes[i] = *outcome;
}

void
load_all(struct load *load, struct spool_entry *entry, const struct outcome *outcome)
{
	const char *at = spool_entry_at(entry);

	for (size_t i = 0; i < load->count; i++) {
		const struct outcome *before = &spool_entry_recipient(entry, load->indexes[i])->outcome;
		bool was_bound = before->verdict == VERDICT_DEFERRED && (before->uncertain || before->bound);
		const char *relay = was_bound ? before->relay : at;

		load->outcomes[i] = *outcome;
		load->is_open[i] = false;
		if (outcome->verdict != VERDICT_DEFERRED || relay == NULL)
			continue;
		load->outcomes[i].bound = true;
		(void)snprintf(load->outcomes[i].relay, sizeof(load->outcomes[i].relay), "%s", strcmp(relay, "relay") == 0 ? "" : relay);
	}
}

size_t
load_judge(struct load *load, struct line *line, size_t most, bool has_next, struct outcome *why)
{
	struct load_part *part = &load->part;
	size_t going = 0;

	for (size_t j = 0; j < part->count; j++) {
		size_t i = part->members[j];
		struct outcome *outcome = &load->outcomes[i];
		bool is_own = policy_next_relay(&part->outcomes[j]);

		*outcome = part->outcomes[j];
		(void)snprintf(outcome->relay, sizeof(outcome->relay), "%s", line->relay->name);
		outcome->bound = load->bound[i] != LOAD_FREE && outcome->verdict == VERDICT_DEFERRED && !outcome->uncertain;
		load->lines[i] = line;
		if (is_own && most > 1)
			chain_add(&load->tales[i], relay_title(line->relay), most, outcome);
		load->is_open[i] = is_own && has_next;
		if (load->is_open[i] && going++ == 0)
			*why = *outcome;
		else if (!load->is_open[i] && is_own && most > 1)
			*outcome = load->tales[i].outcome;
	}
	return going;
}

int
load_record(const struct load *load, struct spool_entry *entry, struct outcome *error)
{
	struct outcome this;
	int result = 0;

	for (size_t i = 0; i < load->count; i++) {
		if (load->is_open[i])
			continue;
		if (spool_entry_settle(entry, load->indexes[i], &load->outcomes[i], &this) != 0) {
			*error = this;
			result = -1;
		}
	}
	if (result != 0)
		(void)spool_entry_sync(entry, &this);
	return result;
}
