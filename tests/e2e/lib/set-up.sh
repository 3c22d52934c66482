# shellcheck shell=bash disable=SC2154,SC2034
# set-up: the directory of a case: sections, settings, input, relay.

user=app@example.com
password='Sesam-0pen/You+7'

split_sections() {
	mkdir section
	awk '
		/^\[(script|settings|argv|stdin|relay|steps|set-up|expect|body|dialogue|replies)\]$/ { out = "section/" substr($0, 2, length($0) - 2); printf "" > out; next }
		out == "" || (/^#/ && out !~ /(stdin|body|dialogue)$/) { next }
		{ print > out }' "$file"
}

# Octets from a section: printf escapes in each line (\c at the end: no newline), and generators.
generate() {
	local line word count text
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		'@repeat '*)	# @repeat 5000 x: that many octets, no newline
			read -r word count text <<<"$line"
			head -c "$(numfmt --from=iec "$count")" /dev/zero | tr '\0' "$text" ;;
		'@lines '*)	# @lines 1000 text: that many lines
			read -r word count text <<<"$line"
			yes "$text" | head -n "$count" ;;
		'@bulk '*)	# @bulk 50M: lines of 72 octets
			read -r word count <<<"$line"
			yes 'All work and no play makes Jack a dull boy, and the mail a heavy bag ...' |
				head -c "$(numfmt --from=iec "$count")" ;;
		'@file '*)
			cat "${line#@file }" ;;
		*)
			# shellcheck disable=SC2059
			printf '%b\n' "$line" ;;
		esac
	done
}

write_settings() {
	declare -A value=(
		[relay.host]=127.0.0.1
		[relay.ports]="$port1/starttls $port2/tls"
		[relay.tls_ca_file]=$dir/relay/ca.pem
		[relay.user]=$user
		[relay.password_file]=$dir/password
		[sender.domain]=example.com
		[timeouts.wait]=10s
		[timeouts.race]=2s
		[queue.directory]=$dir/spool
		[queue.linger]=1s
		[log.to]=$dir/log
		[log.level]=debug
	)
	local line key section keys raw_section
	: >raw
	if [ -e section/settings ]; then
		while IFS= read -r line; do
			line=${line//@DIR@/$dir}
			line=${line//@PORT1@/$port1}
			line=${line//@PORT2@/$port2}
			line=${line//@PASSWORD@/$password}
			case $line in
			'') ;;
			none) no_settings=1 ;;
			-*) unset "value[${line#-}]" ;;
			+*) printf '%s\n' "${line#+}" >>raw ;;
			*) key=${line%%=*}; key=${key%% *}; value[$key]=${line#*= } ;;
			esac
		done <section/settings
	fi
	[ -z "${no_settings:-}" ] || return 0
	raw_section=$(head -n 1 raw | sed -n 's/^\[\(.*\)\]$/\1/p')
	for section in relay sender aliases timeouts queue log; do
		keys=$(printf '%s\n' "${!value[@]}" | grep "^$section\." | sort)
		[ -n "$keys" ] || [ "$section" = "$raw_section" ] && echo "[$section]"
		for key in $keys; do
			echo "${key#*.} = ${value[$key]}"
		done
		[ "$section" = "$raw_section" ] && sed 1d raw
	done >mailcrane.ini
	head -n 1 raw | grep -Eq '^\[(relay|sender|aliases|timeouts|queue|log)\]$' || cat raw >>mailcrane.ini
	chmod 600 mailcrane.ini
}

# 0 when the relay is ready.
relay_try() {
	local options=()
	[ -s section/relay ] && eval "options=($(grep -v '^down$' section/relay | tr '\n' ' '))"
	rm -f relay/ports
	[ -p control ] || mkfifo control
	"$BUILD/relay" --directory "$dir/relay" --listen "127.0.0.1:${port1:-0}/starttls" --listen "127.0.0.1:${port2:-0}/tls" \
		--user "$user" --password "$password" --guard 120000 --until-eof ${1:+--script "$1"} "${options[@]}" \
		<control 2>relay.stderr &
	relay_pid=$!
	exec 8>control
	for _ in $(seq 500); do
		[ -e relay/ports ] && return 0
		kill -0 "$relay_pid" 2>/dev/null || return 1
		sleep 0.02
	done
	return 1
}

# relay_start SCRIPT: on the ports of an earlier start, when there was one; who took one of them meanwhile gets time to go.
relay_start() {
	for _ in $(seq 40); do
		if relay_try "$@"; then
			port1=$(sed -n 1p relay/ports)
			port2=$(sed -n 2p relay/ports)
			return
		fi
		grep -qs 'Address already in use' relay.stderr || break
		relay_stop
		sleep 0.5
	done
	problem "the relay did not start: $(head -n 1 relay.stderr)"
}

relay_stop() {
	[ -n "${relay_pid:-}" ] || return 0
	exec 8>&-
	wait "$relay_pid"
	relay_pid=
}

set_up() {
	split_sections
	guard=$(sed -n 's/^within \([0-9]*\)s$/\1/p' section/expect)
	mkdir bin
	for program in sendmail mailcrane; do
		ln "$BUILD/$program" bin/ 2>/dev/null || cp "$BUILD/$program" bin/
	done
	mkdir -m 700 spool
	printf '%s\n' "$password" >password
	chmod 600 password
	[ -e section/stdin ] || printf 'To: bob@example.com\nSubject: hello\n\ntext\n' >section/stdin
	generate <section/stdin >stdin
	relay_start "$([ -s section/script ] && echo section/script)"
	if grep -qx down section/relay 2>/dev/null; then
		relay_stop
	fi
	write_settings
	[ -s section/set-up ] && . ./section/set-up
}
