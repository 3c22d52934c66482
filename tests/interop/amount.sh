# shellcheck shell=bash disable=SC2154
# Sourced by checks: large messages and many, each exactly once.

# A body of SIZE octets in lines of all kinds: dots, 8-bit, 998 octets.
amount_body() {
	{ printf '.\n..\n.x\nGr\303\274\303\237e\n%0998d\n' 7; yes 'Take on mail without stopping. .'; } |
		head -c "$(($1 - 1))"
	echo
}

# amount_one SUBJECT SIZE
amount_one() {
	box_empty amount
	amount_body "$2" >/tmp/body
	{ printf 'To: amount@example.test\nSubject: %s\n\n' "$1"; cat /tmp/body; } |
		as www-data sendmail -t -i || { echo "sendmail ended with $?"; return 1; }
	wait_for 20 box_has amount 1 || { echo "did not arrive"; return 1; }
	cmp /tmp/body <(mail_text "$boxes"/amount/new/*)
}

# amount_by_data SIZE: and Postfix says, when the connection ends, that it was DATA and not BDAT.
amount_by_data() {
	local mark
	wait_for 15 runner_gone || { echo "the runner does not leave"; return 1; }
	mark=$(log_mark)
	amount_one by-data "$1" || return 1
	wait_for 15 amount_ended "$mark" || { echo "the connection does not end"; return 1; }
	log_since "$mark" | grep -q 'disconnect from .* data=1 ' || { echo "not sent by DATA"; return 1; }
}

amount_ended() {
	log_since "$1" | grep -q 'submission/smtpd.*disconnect from'
}

# amount_send TOKEN
amount_send() {
	printf 'To: amount@example.test\nSubject: one of many\nX-Token: %s\n\nToken %s.\n' "$1" "$1" |
		as alice sendmail -t
}

amount_complete() {
	wait_for 60 box_has amount "$1"
	wait_for 20 queue_is 0 || { echo "$(queue_count) still in the spool"; return 1; }
	diff <(seq "$1") <(sed -n 's/^X-Token: //p' "$boxes"/amount/new/* | sort -n)
}

amount_row() {
	local token
	box_empty amount
	for token in $(seq "$1"); do
		amount_send "$token" || { echo "message $token: sendmail ended with $?"; return 1; }
	done
	amount_complete "$1"
}

amount_burst() {
	local token bad=0 pids=()
	box_empty amount
	for token in $(seq "$1"); do
		amount_send "$token" &
		pids+=($!)
	done
	for token in "${pids[@]}"; do
		wait "$token" || bad=$((bad + 1))
	done
	[ $bad -eq 0 ] || { echo "$bad calls did not end with 0"; return 1; }
	amount_complete "$1"
}

amounts() {
	settings 587
	check "1 MB" amount_one one-megabyte 1048576
	check "20 MB" amount_one twenty-megabytes 20971520
	check "200 in a row, each once" amount_row 200
	check "50 at once, each once" amount_burst 50
	settings 465
	check "50 at once over 465, each once" amount_burst 50
}
