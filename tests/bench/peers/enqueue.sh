# shellcheck shell=bash disable=SC2154
# Sourced by compare: how long the caller waits until its message of 2 KB is safe.

enqueue_count=${BENCH_ENQUEUE:-200}
enqueue_most=1.50	# of the bare write, fsync, rename and fsync of the directory

# The bare program writes the very bytes that mailcrane keeps of the message.
enqueue_bare() {
	mailcrane_queue /tmp/message || die "mailcrane queues nothing"
	cp "$(find /var/spool/mailcrane/queue -type f | head -n 1)" /tmp/kept
	chmod 644 /tmp/kept
	install -d -o www-data /var/spool/bare /var/spool/bare/tmp /var/spool/bare/queue
}

# $1: what dma is told, so that it sends nothing, or nothing
enqueue_plan() {
	local envelope="-f a@example.test -i -- b@example.test"
	cat <<-END
		rename /tmp/kept $tools/bare /var/spool/bare --rename
		bare /tmp/kept $tools/bare /var/spool/bare
		mailcrane /tmp/message /usr/sbin/sendmail $envelope
		nullmailer /tmp/message /usr/bin/nullmailer-sendmail $envelope
		dma /tmp/message /usr/sbin/dma $1 $envelope
		postfix /tmp/message /usr/bin/postfix-sendmail $envelope
	END
}

# TITLE COUNT PAUSE-MS DMA-OPTION
enqueue_measure() {
	enqueue_plan "$4" >/tmp/plan
	as_caller "$tools/inturn" 3 "$3" /tmp/plan >/dev/null 2>>/var/log/calls
	as_caller "$tools/inturn" "$2" "$3" /tmp/plan >/tmp/figures 2>>/var/log/calls
	enqueue_print "$1" "$2" "$4" </tmp/figures
}

enqueue_print() {	# reads lines of inturn
	awk -v title="$1" -v count="$2" -v option="$3" -v most=$enqueue_most '
		BEGIN {
			name["rename"] = "bare write, fsync, rename"
			name["bare"] = "  and fsync of the directory"
			name["dma"] = "dma " option
			printf "%-34s %9s %9s %9s %9s %8s\n", title ", " count " each", "median ms", "least ms", "90% ms", "CPU ms", "to bare"
		}
		{ order[NR] = $1; median[$1] = $2; line[$1] = sprintf("%9.2f %9.2f %9.2f %9.2f", $2, $3, $4, $5); failures[$1] = $6 }
		END {
			for (i = 1; i <= NR; i++) {
				who = order[i]
				mark = failures[who] ? "  " failures[who] " FAILED" : ""
				bad += failures[who]
				ratio = median[who] / median["bare"]
				if (who == "mailcrane" && ratio > most)
					mark = mark sprintf("  OVER %.2f", most)
				if (who ~ /nullmailer|dma|postfix/ && median[who] < median["mailcrane"])
					mark = mark "  AHEAD OF US"
				printf "%-34s %s %8.2f%s\n", who in name ? name[who] : who, line[who], ratio, mark
			}
			exit bad > 0
		}'
}

enqueue() {
	local result=0
	echo "Enqueueing: a message of 2 KB until sendmail returns and it is safe; spools on $(stat -f -c %T /var/spool), calls in turn."
	mailcrane_relay "$near"
	postfix_relay "$near"
	dma_relay "$near"
	enqueue_bare
	enqueue_measure "nobody sends meanwhile" "$enqueue_count" 0 -bq || result=1
	mailcrane_empty; nullmailer_empty; dma_empty; postfix_empty
	# With what sends running: 150 ms later each has mostly done its work, so that nobody pays for another's.
	mailcrane_relay "$near" "runner = auto"
	nullmailer_send
	postfix start >/dev/null 2>&1
	enqueue_measure "sent at once by the runner, daemon" $((enqueue_count / 4)) 150 "" || result=1
	nullmailer_stop; postfix_stop; mailcrane_stop; dma_stop
	mailcrane_empty; nullmailer_empty; dma_empty; postfix_empty
	return $result
}
