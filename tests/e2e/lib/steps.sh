# shellcheck shell=bash disable=SC2154,SC2034
# steps: what a case does, and waiting until nothing of it runs any more.

in_place() { env MAILCRANE_CONFIG="$dir/mailcrane.ini" "$@"; }

# Its processes: by the settings file in their environment, or by their program.
left_overs() {
	local process
	for process in $(grep -lzsF "MAILCRANE_CONFIG=$dir/" /proc/[0-9]*/environ); do
		process=${process#/proc/}
		process=${process%/environ}
		[ "$process" != $$ ] && [ "$process" != "$BASHPID" ] && echo "$process"
	done
	# programs that hide their environment still show: the runner by its lock, the others as its descendants
	if [ -e spool/lock ] && [ "$(id -u)" != 0 ]; then
		process=$(lock_holder)
		while [ -n "$process" ]; do
			echo "$process"
			process=$(pgrep -P "$(xargs <<<"$process" | tr ' ' ,)")
		done
	fi
}

end_left_overs() {
	local process
	for process in $(left_overs); do
		kill -9 "$process" 2>/dev/null
	done
}

# The runner lingers for a second; under a sanitizer or on a busy machine all takes longer.
wait_idle() {
	local left nap=0.1 until=$((SECONDS + 30))
	while [ "$SECONDS" -lt "$until" ]; do
		left=$(left_overs)
		[ -z "$left" ] && return
		sleep $nap
		nap=0.2
	done
	problem "still running 30 s after the last step: $(for p in $left; do tr '\0' ' ' <"/proc/$p/cmdline"; done)"
}

# send_one N: one call with stdin, @N@ replaced when it is there. free.N: ms until the caller was free
send_one() {
	local words input=stdin began
	eval "words=($(cat section/argv 2>/dev/null || echo -t -i))"
	if grep -qs '@N@' section/stdin; then
		input=stdin.$1
		sed "s/@N@/$1/g" stdin >"$input"
	fi
	began=${EPOCHREALTIME/./}
	# shellcheck disable=SC2154
	in_place timeout -k 2 "${guard:-40}" "$dir/bin/sendmail" "${words[@]}" <"$input" >"out.$1" 2>"err.$1" 8>&-
	echo $? >"exit.$1"
	echo $(((${EPOCHREALTIME/./} - began) / 1000)) >"free.$1"
}

send_many() {
	local i
	for i in $(seq "$1"); do
		if [ "${2:-}" = at-once ]; then
			send_one "$i" &
			senders+=($!)
		else
			send_one "$i"
		fi
	done
	[ -z "${senders[*]:-}" ] || wait "${senders[@]}"
}

# converse lock-step|at-once|all-first N: [dialogue] with sendmail -bs
converse() {
	local words
	eval "words=($(cat section/argv 2>/dev/null || echo -bs))"
	in_place timeout -k 2 "${guard:-60}" "$here/lib/converse" "$1" section/dialogue \
		"$dir/bin/sendmail" "${words[@]}" >"out.$2" 2>"err.$2" 8>&-
	echo $? >"exit.$2"
}

# A caller that is killed with its sendmail in the middle of the message.
send_killed() {
	local words
	eval "words=($(cat section/argv 2>/dev/null || echo -t -i))"
	mkfifo slow
	# no function here: its process is the one to be killed
	MAILCRANE_CONFIG=$dir/mailcrane.ini "$dir/bin/sendmail" "${words[@]}" <slow >out.1 2>err.1 8>&- &
	local sender=$!
	exec 7>slow
	cat stdin >&7
	sleep 0.3
	kill -9 "$sender"
	wait "$sender" 2>/dev/null
	echo $? >exit.1
	exec 7>&-
}

# The process that nobody of the case descends from any more: runner, courier, nursery, then the dialogue.
kill_dialogue() {
	local all p parent depth best=0 victim=
	for _ in $(seq 200); do
		grep -qsE 'C: (DATA|BDAT)' relay/transcript && break
		sleep 0.05
	done
	all=" $(left_overs | tr '\n' ' ') "
	for p in $all; do
		depth=0
		parent=$p
		while [ "$parent" -gt 1 ] && [ "${all#* "$parent" }" != "$all" ]; do
			parent=$(awk '{ sub(/.*\) /, ""); print $2 }' "/proc/$parent/stat" 2>/dev/null || echo 0)
			depth=$((depth + 1))
		done
		if [ "$depth" -gt "$best" ]; then
			best=$depth
			victim=$p
		fi
	done
	if [ "$best" -lt 3 ]; then
		problem "no dialogue process found"
	else
		kill -9 "$victim"
	fi
}

command_step() {
	local began=${EPOCHREALTIME/[.,]/}
	in_place timeout -k 2 60 "$dir/bin/mailcrane" "$@" >command.out 2>command.err 8>&- </dev/null
	command_exit=$?
	# all that was ever said is searched for the password in the end
	cat command.out command.err >>command.all
	[ "$1" != check ] || [ $((${EPOCHREALTIME/[.,]/} - began)) -lt 15000000 ] || problem "check took more than 15 s"
}

run_step() {
	local words
	read -ra words <<<"$1"
	case ${words[0]:-} in
	'') ;;
	send) send_many "${words[1]:-1}" "${words[2]:-}" ;;
	talk) converse lock-step "${words[1]:-1}" ;;
	talk-all-first) converse all-first "${words[1]:-1}" ;;
	talk-at-once) converse at-once "${words[1]:-1}" ;;
	send-in-background) send_one 1 & background=$! ;;
	wait-send) wait "$background" ;;
	send-killed) send_killed ;;
	kill-dialogue) kill_dialogue ;;
	secret-in-courier-only) secret_in_courier_only ;;
	wait-idle) wait_idle ;;
	relay-stop) relay_stop_at "${words[1]:-}" ;;
	relay-start)
		[ "${words[1]:-}" != script ] || words=(relay-start '' script)
		relay_start_at "${words[1]:-}" "$([ "${words[2]:-}" = script ] && echo "section/script${words[1]}")" ;;
	shell) eval "${1#shell }" || problem "step ended with $?: ${1#shell }" ;;
	flush|run|queue|show|retry|drop|hold|release|test|config|check|explain|status|--help|--version) command_step "${words[@]}" ;;
	expect) expect_line "${1#expect }" ;;
	*) problem "unknown step: $1" ;;
	esac
}

# How many of the case's processes lie above this one.
# Who holds the runner's lock, if anybody.
lock_holder() {
	[ -e spool/lock ] || return 0
	awk -v inode=":$(stat -c %i spool/lock)" '$2 == "FLOCK" && $5 > 0 && index($6, inode) { print $5; exit }' /proc/locks
}

# The runner is at depth 1, the courier at 2, the nursery at 3, the dialogue at 4. Waits for it.
mailcrane_at() {	# depth
	local process depth children child
	for _ in $(seq 200); do
		process=$(lock_holder)
		for ((depth = 1; depth < $1 && ${process:-0} > 0; depth++)); do
			children=
			read -r children <"/proc/$process/task/$process/children" || :
			process=
			for child in $children; do
				grep -qsx mailcrane "/proc/$child/comm" && process=$child && break
			done
		done 2>/dev/null
		if [ -n "$process" ]; then
			echo "$process"
			return
		fi
		sleep 0.02
	done
	problem "no mailcrane at depth $1"
	echo none	# 0 would be all of our process group
}
runner() { mailcrane_at 1; }
courier() { mailcrane_at 2; }

# Until the relay has seen this from the client.
wait_command() {	# regular expression
	for _ in $(seq 200); do
		grep -qsE "C: $1" relay/transcript && return
		sleep 0.05
	done
	problem "the relay never saw $1"
}

holds_password() {	# pid
	perl -e 'my ($pid, $secret) = @ARGV; my ($found, $from, $to) = (0);
		open(my $maps, "<", "/proc/$pid/smaps") or exit 2;
		open(my $memory, "<:raw", "/proc/$pid/mem") or exit 2;
		while (<$maps>) {
			($from, $to) = (hex $1, hex $2) if /^([0-9a-f]+)-([0-9a-f]+) /;
			# what was never touched holds nothing: a sanitizer maps terabytes of that
			next unless /^(?:Rss|Swap): +[1-9]/ && $to - $from <= 1 << 28;
			sysseek($memory, $from, 0) or next;
			my $block = ""; my $left = $to - $from;
			while ($left > 0 && (my $n = sysread($memory, $block, $left, length $block))) { $left -= $n }
			$found = 1 if index($block, $secret) >= 0;
		}
		exit($found ? 0 : 1)' "$1" "$password"
}

# Needs root, since these processes are nobody else's to look into: without it there is nothing to see.
secret_in_courier_only() {
	local all p seen=0
	[ "$(id -u)" = 0 ] || return 0
	for _ in $(seq 100); do
		grep -qs 'S: 220' relay/transcript && break
		sleep 0.05
	done
	all=" $(left_overs | tr '\n' ' ') "
	for p in $all; do
		case $(readlink "/proc/$p/exe") in */mailcrane) ;; *) continue ;; esac
		if holds_password "$p"; then
			seen=$((seen + 1))
			[ "$(ps -o ppid= -p "$p" | tr -d ' ')" = "$(lock_holder)" ] || problem "the password is in a process that is no courier"
		fi
	done
	[ $seen = 1 ] || problem "the password is in $seen processes, not in the courier alone"
}

run_steps() {
	local step
	[ -e section/steps ] || { [ -e section/dialogue ] && echo talk || echo send; } >section/steps
	while IFS= read -r step <&6; do
		run_step "$step"
	done 6<section/steps
}
