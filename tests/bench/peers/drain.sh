# shellcheck shell=bash disable=SC2154
# Sourced by compare: how long what is queued takes to the relay over the link, from the start of sending until the relay has the last one. Each
# that keeps anything has sent one message there before, as on a machine that is up for some time.

drain_few=${BENCH_DRAIN:-50}
drain_many=${BENCH_DRAIN_MANY:-200}
drain_patience=300	# s

# PROGRAM COUNT
drain_fill() {
	local i
	"${1}_empty"
	[ "$1" != postfix ] || postfix_hold
	for ((i = 0; i < $2; i++)); do
		"${1}_queue" /tmp/message || return 1
	done
	[ "$1" != postfix ] || { wait_for 60 postfix_deferred "$2" && postfix_release; }
}

drain_once() {
	local before
	before=$(relay_count)
	drain_fill "$1" 1 && "${1}_send" >/dev/null 2>&1 && wait_for 30 relay_has $((before + 1))
	"${1}_stop"
	"${1}_empty"
	relay_has $((before + 1))
}

# LABEL PROGRAM COUNT [SETTING...]: one row, "LABEL|seconds|connections|at once|arrived" into /tmp/rows
drain_one() {
	local label=$1 program=$2 count=$3 begun before lines
	shift 3
	"${program}_relay" "$far" "$@"
	drain_once "$program" || { echo "$label: sends nothing"; return 1; }
	drain_fill "$program" "$count" || { echo "$label: can't be filled"; return 1; }
	before=$(relay_count)
	lines=$(wc -l <"$relay/transcript")
	begun=$(date +%s.%N)
	"${program}_send" >/dev/null 2>&1
	wait_for $drain_patience relay_has $((before + count))
	drain_row "$label" "$begun" "$before" "$lines" >>/tmp/rows
	"${program}_stop"
	"${program}_empty"
}

# LABEL BEGUN BEFORE LINES: when the last message was there is what its file says.
drain_row() {
	local last
	last=$(find "$relay/messages" -name '*.envelope' -printf '%T@\n' | sort -n | tail -n 1)
	tail -n "+$(($4 + 1))" "$relay/transcript" | awk -v label="$1" -v took="$(awk -v a="$2" -v b="$last" 'BEGIN { print b - a }')" \
		-v arrived=$(($(relay_count) - $3)) '
		$4 == "--" && $5 == "connected" { all++; if (++open > most) most = open }
		$4 == "--" && $5 == "over" { open-- }
		END { printf "%s|%.3f|%d|%d|%d\n", label, took, all, most, arrived }'
}

# Like a queue of it: call after call.
drain_msmtp() {
	local count=$1 begun before lines i
	msmtp_relay "$far"
	before=$(relay_count)
	lines=$(wc -l <"$relay/transcript")
	begun=$(date +%s.%N)
	for ((i = 0; i < count; i++)); do
		msmtp -C /tmp/msmtprc -i -- b@example.test </tmp/message
	done
	drain_row "msmtp, call after call" "$begun" "$before" "$lines" >>/tmp/rows
}

# COUNT: the first row is ours. A row that starts with + is not what the package has by itself, so it sets no mark.
drain_print() {
	awk -F '|' -v count="$1" '
		BEGIN { printf "%-34s %8s %8s %11s %8s %10s %8s\n", count " messages", "s", "a second", "connections", "at once", "by each", "to ours" }
		NR == 1 { ours = $2; bad += $1 !~ /^mailcrane/ }
		{
			mark = $5 < count ? sprintf("  %d OF %d ARRIVED", $5, count) : ""
			bad += NR == 1 && $5 < count
			if ($1 !~ /^\+/ && NR > 1 && $5 == count && $2 < ours)
				mark = mark "  AHEAD OF US"
			each = $4 > 0 ? $5 / $2 / $4 : 0
			printf "%-34s %8.2f %8.1f %11d %8d %10.2f %8.2f%s\n", $1, $2, $5 / $2, $3, $4, each, $2 / ours, mark
		}
		END { exit bad > 0 }' /tmp/rows
	: >/tmp/rows
}

drain() {
	local result=0 two="smtp_destination_concurrency_limit = 2"
	echo "Draining: queued messages of 2 KB through a relay over a link of $rtt ms a round trip, STARTTLS and login; from the start of"
	echo "sending until the relay has the last one. a second: messages; by each: the same over each connection that was open at once."
	: >/tmp/rows
	drain_one "mailcrane, 3 connections at most" mailcrane "$drain_few"
	drain_one "nullmailer-send" nullmailer "$drain_few"
	drain_one "dma -q" dma "$drain_few"
	drain_one "Postfix" postfix "$drain_few"
	drain_msmtp "$drain_few"
	drain_one "+ Postfix, 2 connections" postfix "$drain_few" "$two" "initial_destination_concurrency = 2"
	drain_one "+ Postfix, 2, TLS reused" postfix "$drain_few" "$two" "initial_destination_concurrency = 2" \
		"smtp_tls_connection_reuse = yes"
	drain_one "+ mailcrane, 2 connections" mailcrane "$drain_few" "runner = service" "connections = 2"
	drain_one "+ mailcrane, 20 connections" mailcrane "$drain_few" "runner = service" "connections = 20"
	drain_print "$drain_few" || result=1
	# Those that send side by side
	drain_one "mailcrane, 3 connections at most" mailcrane "$drain_many"
	drain_one "dma -q" dma "$drain_many"
	drain_one "Postfix" postfix "$drain_many"
	drain_one "+ Postfix, TLS reused" postfix "$drain_many" "smtp_tls_connection_reuse = yes"
	drain_one "+ mailcrane, 2 connections" mailcrane "$drain_many" "runner = service" "connections = 2"
	drain_one "+ mailcrane, 20 connections" mailcrane "$drain_many" "runner = service" "connections = 20"
	drain_print "$drain_many" || result=1
	return $result
}
