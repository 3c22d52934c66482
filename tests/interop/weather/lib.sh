# shellcheck shell=bash disable=SC2154
# Sourced by inside: a situation's directory, what it measures, what it wants.

racing=${RACING:-yes}
passed=0
failed=0

ms() {
	local now=$EPOCHREALTIME
	echo $((${now/[.,]/} / 1000))
}

# shellcheck disable=SC2120 # none are passed here
# filter RULE...: what the other side's packet filter does with what comes in; without a rule it lets all pass.
filter() {
	local rules
	printf -v rules '%s\n' "$@"
	nsenter --net=/run/netns/other nft -f - <<-END || problem "nft can't set $*"
		flush ruleset
		table inet weather {
			chain come {
				type filter hook input priority 0;
				$rules
			}
			chain go {
				type filter hook output priority 0;
				tcp sport { 587, 465, 2525 } counter
			}
		}
	END
}

# settings LINE...: lines of [relay], and of other sections as "section.key = value". Each situation starts anew.
settings() {
	local line timeouts=
	for line in "$@"; do
		case $line in timeouts.*) timeouts+="${line#timeouts.}"$'\n' ;; esac
	done
	{
		echo "[relay]"
		printf '%s\n' "$@" | grep -v '^timeouts\.'
		printf '%s\n' "user = app" "password_file = $place/password" "tls_ca_file = $place/relay/ca.pem"
		printf '%s\n' "[sender]" "domain = example.com" "[timeouts]" "$timeouts"
		printf '%s\n' "[queue]" "directory = $dir/spool" "linger = 200ms" "[log]" "to = $dir/log"
	} >"$dir/ini"
	chmod 600 "$dir/ini"
}

resolver() {	# lines of the zone; "-": no name server is named
	printf '%s\n' "$@" >$place/zone
	echo "nameserver 10.87.0.53" >/etc/resolv.conf
	printf '%s\n' "127.0.0.1 localhost" "::1 localhost" >/etc/hosts
	printf '%s\n' "passwd: files" "group: files" "hosts: files dns" >/etc/nsswitch.conf
}

problem() { problems+=("$*"); }
say() { said+="${said:+, }$*"; }

runners() {
	local file
	for file in /proc/[0-9]*/comm; do
		[ "$(cat "$file" 2>/dev/null)" != mailcrane ] || basename "$(dirname "$file")"
	done
}

runner_gone() {	# seconds
	local end=$((SECONDS + $1))
	while [ -n "$(runners)" ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# What still runs is of this situation: processes of this namespace, named by their ids.
runner_end() {
	local process
	for process in $(runners); do kill -9 "$process" 2>/dev/null; done
	runner_gone 5
}

relay_copies() { find $place/relay/messages -name '*.envelope' 2>/dev/null | wc -l; }
queued() { find "$dir/spool/queue" -type f 2>/dev/null | wc -l; }
copies() { echo $(($(relay_copies) - copies_before)); }
last_port() { sed -n 's/^port //p' "$(find $place/relay/messages -name '*.envelope' | sort | tail -n 1)"; }

# send: one message, which must be taken without a word; `took`: ms until the caller is free.
send() {
	local began code
	began=$(ms)
	printf 'Subject: weather\n\ntext\n' |
		MAILCRANE_CONFIG=$dir/ini timeout -k 1 60 "$BUILD/sendmail" bob@example.com >"$dir/said$1" 2>&1
	code=$?
	took=$(($(ms) - began))
	[ $code = 0 ] && [ ! -s "$dir/said$1" ] || problem "exit $code, printed: $(head -n 1 "$dir/said$1")"
}

# crowd N: so many at once; `took`: the slowest.
crowd() {
	local i callers=()
	for i in $(seq "$1"); do
		(
			problems=()
			send "$i"
			echo "$took ${problems[*]}" >"$dir/caller$i"
		) &
		callers+=($!)
	done
	wait "${callers[@]}"
	took=$(sort -n "$dir"/caller* | tail -n 1)
	took=${took%% *}
	for i in "$dir"/caller*; do
		read -r _ text <"$i"
		[ -z "$text" ] || problem "$text"
	done
}

mail() { MAILCRANE_CONFIG=$dir/ini timeout -k 1 60 "$BUILD/mailcrane" "$@" >"$dir/out" 2>"$dir/err"; }

# Wants. at_most WHAT VALUE LIMIT
at_most() { [ "$2" -le "$3" ] || problem "$1: $2 ms, not $3 at most"; }

# raced WHAT VALUE PROMISED GUARD: over what is promised is a remark, since a busy machine is slow; over the guard a failure, but
# with RACING=no a remark too.
raced() {
	[ "$2" -gt "$3" ] || return 0
	if [ "$2" -gt "$4" ] && [ "$racing" = yes ]; then
		problem "$1: $2 ms, promised $3, and $4 is the most"
	elif [ "$2" -gt "$4" ]; then
		remarks+="; waits for racing: $1 $2 ms, promised $3"
	else
		remarks+="; $1 $2 ms, promised $3"
	fi
}

is() { [ "$2" = "$3" ] || problem "$1: $2, not $3"; }
logged() { grep -Eq -- "$1" "$dir/log" || problem "log does not say $1"; }
not_logged() { ! grep -Eq -- "$1" "$dir/log" || problem "log says $1"; }

# The stage and cause of the last failure in the log, and its words.
told() {
	grep -E 'cause=' "$dir/log" | grep -v 'cause=none' | tail -n 1 |
		sed -E 's/.*stage=([a-z]+), cause=([a-z-]+), .*(reason|reply)="([^"]*)".*/\1 \2 "\4"/'
}

# situation NAME: its directory, a fair day, and the function of that name. One line.
situation() {
	local name=$1 dir=$place/$1 problems=() said='' remarks='' took=0 copies_before
	mkdir -p "$dir/spool"
	chmod 700 "$dir/spool"
	# a timer has just called
	: >"$dir/spool/timer"
	: >"$dir/log"
	: >$place/questions
	copies_before=$(relay_copies)
	filter
	resolver "relay.example.test 10.87.0.2"
	settings "host = relay.example.test"
	"$name"
	runner_end || problem "a runner can't be ended"
	if [ ${#problems[@]} -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $name: $said$remarks"
		return
	fi
	failed=$((failed + 1))
	echo "FAILED $name: $(printf '%s; ' "${problems[@]}")$said$remarks"
	tail -n 20 "$dir/log" | cut -c 1-400 | sed 's/^/    | /'
}

main() {
	local name
	echo "$secret" >$place/password
	chmod 600 $place/password
	[ $# -gt 0 ] || eval "set -- $(sed -n 's/^\([a-z0-9_]*\)() {.*# situation$/\1/p' "$here/situations" | tr '\n' ' ')"
	for name in "$@"; do situation "$name"; done
	echo "weather: $passed passed, $failed failed"
	[ $failed -eq 0 ]
}
