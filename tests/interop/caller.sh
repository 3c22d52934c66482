# shellcheck shell=bash disable=SC2154
# Sourced by checks. A case is a directory of cases/:
#
#   user      who calls: root, www-data, alice
#   send      what it runs, in the directory of the case; must end with 0 and print nothing
#   crontab   instead of send: what cron runs, as that user
#   envelope  "from ADDRESS" and a "to ADDRESS" for each recipient; the mailbox is named after the case
#   head      the head that must arrive, octet for octet; Date and Message-ID as "@" when they are new each time
#   body      the body that must arrive, octet for octet (in a mailbox lines end in LF); text: as people read it, where we must encode it

caller_sends() {
	local case=/cases/$1 user output mark
	user=$(cat "$case/user")
	mark=$(log_mark)
	box_empty "$1"
	output=$(cd "$case" && as "$user" ./send 2>&1) || { echo "$user's call ended with $?: $output"; return 1; }
	[ -z "$output" ] || { echo "printed: $output"; return 1; }
	caller_arrived "$1" 15 && caller_secured "$2" "$mark"
}

# caller_arrived CASE SECONDS
caller_arrived() {
	local case=/cases/$1 file want
	want=$(grep -c '^to ' "$case/envelope")
	wait_for "$2" box_has "$1" "$want" || { echo "$(box_count "$1") of $want arrived"; return 1; }
	for file in "$boxes/$1"/new/*; do
		diff <(grep '^from ' "$case/envelope") <(mail_from "$file") || { echo "wrong sender"; return 1; }
		diff -a "$case/head" <(mail_head "$file") || { echo "head differs"; return 1; }
		if [ -e "$case/text" ]; then
			cmp "$case/text" <(mail_text "$file") || return 1
		else
			cmp "$case/body" <(mail_body "$file") || { diff -a "$case/body" <(mail_body "$file") | head -n 20; return 1; }
		fi
	done
	diff <(grep '^to ' "$case/envelope" | sort) <(for file in "$boxes/$1"/new/*; do mail_to "$file"; done | sort) ||
		{ echo "wrong recipients"; return 1; }
}

# caller_secured PORT MARK: Postfix says that it came on this port, from someone who had logged in.
caller_secured() {
	local service=submission
	[ "$1" = 587 ] || service=smtps
	log_since "$2" | grep -q "postfix/$service/smtpd.*client=.*sasl_username=app" ||
		{ echo "not logged in on port $1"; return 1; }
}

caller_cron_start() {
	local name
	for name in $(selected cases); do
		[ -e "/cases/$name/crontab" ] || continue
		install -D -m 600 "/cases/$name/crontab" "/var/spool/cron/crontabs/$(cat "/cases/$name/user")"
	done
	[ -d /var/spool/cron/crontabs ] || return 0
	chown root:crontab /var/spool/cron/crontabs
	chmod 1730 /var/spool/cron/crontabs
	cron_mark=$(log_mark)
	cron -f &
	cron_pid=$!
}

# The job is due each minute, so it may have run twice: what arrived first counts.
caller_cron() {
	wait_for 75 box_has "$1" 1 || { echo "nothing within 75 s"; return 1; }
	find "$boxes/$1/new" -type f | sort | tail -n +2 | xargs -r rm -f
	caller_arrived "$1" 1 && caller_secured "$2" "$cron_mark"
}

# A job that is under way ends with its mail sent, so what comes next sees an empty mailbox.
caller_cron_stop() {
	local name
	[ -n "$cron_pid" ] || return 0
	kill "$cron_pid"
	wait "$cron_pid" 2>/dev/null
	sleep 1
	for name in $(selected cases); do
		[ ! -e "/cases/$name/crontab" ] || box_empty "$name"
	done
	rm -rf /var/spool/cron/crontabs
}
