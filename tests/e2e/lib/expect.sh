# shellcheck shell=bash disable=SC2154
# expect: what must be true when a case is over.

at=relay	# the relay that is looked at

count_of() { local all=("$1"/*."$2"); echo ${#all[@]}; }
first_message() { local all=("$at"/messages/*.eml); echo "${all[0]:-/dev/null}"; }
first_envelope() { local all=("$at"/messages/*.envelope); echo "${all[0]:-/dev/null}"; }
header_of() { sed -n '/^\r*$/q; s/\r$//; p' "$1"; }
body_of() { sed '1,/^\r*$/d' "$1"; }
files_in() { find "$1" -type f 2>/dev/null | wc -l; }

want() { [ "$2" = "$3" ] || problem "$1: want '$2', got '$(head -c 300 <<<"$3")'"; }
want_match() { grep -Eq -- "$3" "$2" || problem "$1 does not match $3: '$(tail -n 2 "$2" 2>/dev/null | head -c 500)'"; }
want_lack() { ! grep -Eqs -- "$3" "$2" || problem "$1 has $3: '$(grep -Em1 -- "$3" "$2" | head -c 300)'"; }

# The three shapes in which the password of the relay with that suffix goes over a wire.
password_shapes() {
	local whose=user${1:-} secret=password${1:-}
	printf '%s\n' "${!secret}"
	printf '%s' "${!secret}" | base64 -w 0; echo
	printf '\0%s\0%s' "${!whose}" "${!secret}" | base64 -w 0; echo
}

expect_unseen() {
	if [ "$1" = PASSWORD ]; then
		password_shapes "${at#relay}" >shapes
		! grep -qF -f shapes "$at/transcript" || problem "the relay saw the password"
	else
		want_lack "transcript" "$at/transcript" "C: $1"
	fi
}

expect_spool() {
	case "$*" in
	empty)
		want "messages in queue/" 0 "$(files_in spool/queue)"
		want "messages in failed/" 0 "$(files_in spool/failed)"
		want "FIFOs in verdict/" 0 "$(find spool/verdict -type p 2>/dev/null | wc -l)" ;;
	*deferred) want "messages in queue/" "$1" "$(files_in spool/queue)" ;;
	*failed) want "messages in failed/" "$1" "$(files_in spool/failed)" ;;
	esac
	want "files in tmp/" 0 "$(files_in spool/tmp)"
}

expect_each_once() {
	local all=("$at"/messages/*.eml)
	grep -hm1 '^Subject:' "${all[@]}" | sort | uniq -c >subjects
	want "different messages" "$1" "$(wc -l <subjects)"
	want "messages that came twice" 0 "$(awk '$1 != 1' subjects | wc -l)"
	want "copies" "$1" "$(count_of "$at/messages" envelope)"
}

expect_body() {
	generate <section/body >body.wanted
	body_of "$(first_message)" | sed 's/\r$//' >body.got
	cmp body.wanted body.got >cmp.out 2>&1 || problem "body differs: $(cat cmp.out)"
}

# Each reply line matches the line of [replies] in its place, from its beginning.
expect_replies() {
	local out want got line
	for out in out.*; do
		line=0
		while IFS= read -r want <&3; do
			line=$((line + 1))
			IFS= read -r got <&4 || { problem "$out ends before '$want'"; break; }
			grep -Eq -- "^($want)" <<<"${got%$'\r'}" || problem "$out line $line: want '$want', got '${got%$'\r'}'"
			[ "${got%$'\r'}" != "$got" ] || problem "$out line $line does not end in CRLF"
		done 3<section/replies 4<"$out"
		want "reply lines in $out" "$(wc -l <section/replies)" "$(wc -l <"$out")"
	done
}

expect_output() {
	local what=$1 which=$2
	shift 2
	case $1 in
	empty) [ ! -s "$which" ] || problem "$what is not empty: '$(head -c 300 "$which")'" ;;
	matches) shift; want_match "$what" "$which" "$*" ;;
	lacks) shift; want_lack "$what" "$which" "$*" ;;
	*) problem "unknown expectation of $what: $*" ;;
	esac
}

expect_line() {
	local word=${1%% *} rest=${1#* } words
	# patterns are not for the shell to expand
	read -ra words <<<"$rest"
	case $word in
	'') ;;
	relay2|relay3) at=$word; expect_line "$rest"; at=relay ;;
	exit) want "exit code" "$rest" "$(cat exit.1 2>/dev/null)" ;;
	command-exit) want "mailcrane's exit code" "$rest" "${command_exit:-}" ;;
	stderr) expect_output stderr err.1 "${words[@]}" ;;
	stdout) expect_output stdout out.1 "${words[@]}" ;;
	command-out) expect_output "mailcrane's stdout" command.out "${words[@]}" ;;
	command-err) expect_output "mailcrane's stderr" command.err "${words[@]}" ;;
	log) expect_output log log "${words[@]}" ;;
	transcript) expect_output transcript "$at/transcript" "${words[@]}" ;;
	message) expect_output message "$(first_message)" "${words[@]}" ;;
	copies) want "messages at the relay" "$rest" "$(count_of "$at/messages" envelope)" ;;
	refused) want "messages refused by the relay" "$rest" "$(count_of "$at/refused" envelope)" ;;
	connections) want "connections" "$rest" "$(grep -c -- '-- connected' "$at/transcript")" ;;
	recipients) want recipients "$(tr ' ' '\n' <<<"$rest" | sort | xargs)" \
		"$(sed -n 's/^rcpt TO:<\(.*\)>.*/\1/p' "$(first_envelope)" | sort | xargs)" ;;
	recipient-count) want "recipients" "$rest" "$(grep -c '^rcpt ' "$(first_envelope)")" ;;
	reverse-path) want reverse-path "$rest" "$(sed -n 's/^mail FROM:\(<.*>\).*/\1/p' "$(first_envelope)")" ;;
	mail-parameter) want_match "MAIL" "$(first_envelope)" "^mail .* $rest( |\$)" ;;
	envelope) expect_output envelope "$(first_envelope)" "${words[@]}" ;;
	header) header_of "$(first_message)" >headers; grep -Fxq -- "$rest" headers || problem "no header '$rest'" ;;
	header-count) header_of "$(first_message)" >headers
		want "${rest% *} headers" "${rest##* }" "$(grep -ic "^${rest% *}:" headers)" ;;
	no-header) header_of "$(first_message)" >headers; want_lack headers headers "^$rest:" ;;
	body) expect_body ;;
	spool) expect_spool "${words[@]}" ;;
	failed) expect_spool "$rest" failed ;;
	relay-never-saw) expect_unseen "$rest" ;;
	times) want "times '${rest% *}' in the transcript" "${rest##* }" "$(grep -Ec -- "${rest% *}" "$at/transcript")" ;;
	violations) violations=$rest ;;
	stderr-lines) stderr_lines=$rest ;;
	port) want "port" "$rest" "$(sed -n 's/^mode //p' "$(first_envelope)")" ;;
	by) want "sent by" "$rest" "$(sed -n 's/^by //p' "$(first_envelope)")" ;;
	each-once) expect_each_once "$rest" ;;
	within) ;;
	shell) eval "$rest" || problem "not true: $rest" ;;
	*) problem "unknown expectation: $1" ;;
	esac
}

# True for every case, whether it says so or not.
check_always() {
	local code all suffix other
	mapfile -t all < <(relays)
	: >shapes
	for suffix in "${all[@]}"; do
		[ "$violations" = any ] || [ ! -s "relay$suffix/violations" ] || problem "violation: $(head -n 1 "relay$suffix/violations")"
		password_shapes "$suffix" >>shapes
		# no relay ever sees another's
		password_shapes "$suffix" >shapes.other
		for other in "${all[@]}"; do
			[ "$other" = "$suffix" ] || ! grep -qsF -f shapes.other "relay$other/transcript" ||
				problem "relay $other saw the password of relay $suffix"
		done
	done
	! grep -rqF -f shapes log spool err.* out.* command.* 2>/dev/null ||
		problem "the password is in $(grep -rlF -f shapes log spool err.* out.* command.* 2>/dev/null | xargs)"
	for code in exit.*; do
		[ -e section/dialogue ] || [ ! -s "out.${code#exit.}" ] || problem "stdout is not empty"
		if [ "$(cat "$code")" = 0 ]; then
			[ ! -s "err.${code#exit.}" ] || problem "exit 0, and on stderr: $(head -n 1 "err.${code#exit.}")"
		elif [ "$(cat "$code")" -lt 124 ] && [ "$(wc -l <"err.${code#exit.}")" != "$stderr_lines" ]; then
			problem "want one line on stderr, got: '$(head -c 400 "err.${code#exit.}")'"
		fi
		! grep -qsE 'Sanitizer|runtime error' "err.${code#exit.}" log || problem "sanitizer: $(grep -hE 'Sanitizer|runtime error' "err.${code#exit.}" log | head -n 1)"
	done
}

check_expectations() {
	local line
	violations=none
	stderr_lines=1
	while IFS= read -r line; do
		expect_line "$line"
	done <section/expect
	[ ! -e section/replies ] || expect_replies
	check_always
}
