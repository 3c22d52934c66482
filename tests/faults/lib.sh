# shellcheck shell=bash disable=SC2154
# lib: what the cases made from faults.table say besides the words of tests/e2e.

each_exit() {	# code: of every caller
	local file
	for file in exit.*; do
		[ "$(cat "$file")" = "$1" ] || problem "caller ${file#exit.}: exit $(cat "$file") instead of $1, free after $(cat "free.${file#exit.}") ms"
	done
}

# Nothing lost: each message is at the relay, in the queue or in failed/.
account() {	# how many messages there are
	find relay/messages -name '*.eml' -exec cat {} + 2>/dev/null | grep -ah '^Subject: number ' | tr -d '\r' | sort -u >there
	find spool/queue spool/failed -type f -exec cat {} + 2>/dev/null | grep -ah '^Subject: number ' | tr -d '\r' | sort -u >>there
	want "messages that are somewhere" "$1" "$(sort -u there | wc -l)"
}

at_most() {	# copies of any message
	local worst
	worst=$(find relay/messages -name '*.eml' -exec grep -ahm1 '^Subject: number ' {} \; | sort | uniq -c | sort -rn | awk 'NR == 1 { print $1 }')
	[ "${worst:-0}" -le "$1" ] || problem "$worst copies of one message"
}

same_message_id() {
	want "different Message-IDs" 1 "$(find relay/messages -name '*.eml' -exec grep -aihm1 '^Message-ID:' {} \; | sort -u | wc -l)"
}

slowest() { sort -n free.* | tail -n 1; }

# What to put into the bench's table: ms, exit, copies, where it is now, what was said.
row() {
	local state said copies
	copies=$(count_of relay/messages envelope)
	state=delivered
	[ "$(files_in spool/queue)" = 0 ] || state=queued
	[ "$(files_in spool/failed)" = 0 ] || state=failed
	[ $state != delivered ] || state="delivered@$(sed -n 's/^mode //p' "$(first_envelope)")"
	! grep -qs 'status=deferred (uncertain)' log || state=uncertain
	said=$(grep -aoE 'stage=[a-z0-9]+, cause=[a-z-]+' log 2>/dev/null | grep -v 'cause=none' | sed 's/stage=//; s/, cause=/: /' | uniq | head -n 1)
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$(slowest)" "$(sort -u exit.* | xargs)" "$copies" "$state" "${said:--}" >"$FAULTS_ROWS/$name"
}
