# shellcheck shell=bash disable=SC2154,SC2034
# set-up: the directory of a case: sections, settings, input, relay.

user=app@example.com
password='Sesam-0pen/You+7'
# Of the second and third relay, [relay.backup] and [relay.third], where a case has them.
user2=backup@example.com
password2='Zweites-W0rt+8'
user3=third@example.com
password3='Tr0isieme/Mot+9'
declare -A port=() relay_pid=()	# by number: both ports, process

split_sections() {
	mkdir section
	awk '
		/^\[(script[23]?|settings|argv|stdin|relay[23]?|steps|set-up|expect|body|dialogue|replies)\]$/ { out = "section/" substr($0, 2, length($0) - 2); printf "" > out; next }
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

# The suffixes of all relays of this case: "", then 2 and 3.
relays() {
	echo ""
	for suffix in 2 3; do
		[ ! -e "section/relay$suffix" ] && [ ! -e "section/script$suffix" ] || echo "$suffix"
	done
}

# The relay with that suffix as section NAME of the settings.
relay_values() {	# suffix, name
	local whose=user$1 ports
	read -ra ports <<<"${port["${1:-1}"]}"
	value[$2.host]=127.0.0.1
	value[$2.ports]="${ports[0]}/starttls ${ports[1]}/tls"
	value[$2.tls_ca_file]=$dir/relay$1/ca.pem
	value[$2.user]=${!whose}
	value[$2.password_file]=$dir/password$1
}

write_settings() {
	declare -A value=(
		[sender.domain]=example.com
		[timeouts.wait]=10s
		[timeouts.race]=2s
		[queue.directory]=$dir/spool
		[queue.linger]=1s
		[log.to]=$dir/log
		[log.level]=debug
	)
	local line key section keys raw_section suffix
	local -A names=([1]=relay [2]=backup [3]=third) sections=([backup]=relay.backup [third]=relay.third)
	for suffix in $(relays | sed 's/^$/1/'); do
		relay_values "${suffix#1}" "${names[$suffix]}"
	done
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
	for section in relay backup third sender aliases timeouts queue log; do
		keys=$(printf '%s\n' "${!value[@]}" | grep "^$section\." | sort)
		[ -n "$keys" ] || [ "$section" = "$raw_section" ] && echo "[${sections[$section]:-$section}]"
		for key in $keys; do
			echo "${key#*.} = ${value[$key]}"
		done
		[ "$section" = "$raw_section" ] && sed 1d raw
	done >mailcrane.ini
	head -n 1 raw | grep -Eq '^\[(relay|sender|aliases|timeouts|queue|log)\]$' || cat raw >>mailcrane.ini
	chmod 600 mailcrane.ini
}

# 0 when the relay is ready. The first one ends with fd 8, the others read the same and are told to.
relay_try() {	# suffix, script
	local options=() whose=user$1 secret=password$1 ports
	read -ra ports <<<"${port["${1:-1}"]:-0 0}"
	[ -s "section/relay$1" ] && eval "options=($(grep -v '^down$' "section/relay$1" | tr '\n' ' '))"
	rm -f "relay$1/ports"
	[ -p control ] || mkfifo control
	"$BUILD/relay" --directory "$dir/relay$1" --listen "127.0.0.1:${ports[0]}/starttls" --listen "127.0.0.1:${ports[1]}/tls" \
		--user "${!whose}" --password "${!secret}" --guard 120000 --until-eof ${2:+--script "$2"} "${options[@]}" \
		<control 2>"relay$1.stderr" 8>&- &
	relay_pid["${1:-1}"]=$!
	{ true >&8; } 2>/dev/null || exec 8>control
	for _ in $(seq 500); do
		[ -e "relay$1/ports" ] && return 0
		kill -0 "${relay_pid["${1:-1}"]}" 2>/dev/null || return 1
		sleep 0.02
	done
	return 1
}

# relay_start_at SUFFIX SCRIPT: on the ports of an earlier start, when there was one; who took one of them meanwhile gets time to go.
relay_start_at() {
	for _ in $(seq 40); do
		if relay_try "$@"; then
			port["${1:-1}"]=$(xargs <"relay$1/ports")
			read -r port1 port2 <<<"${port[1]:-}"
			return
		fi
		grep -qs 'Address already in use' "relay$1.stderr" || break
		relay_stop_at "$1"
		sleep 0.5
	done
	problem "the relay did not start: $(head -n 1 "relay$1.stderr")"
}

relay_stop_at() {	# suffix
	local pid=${relay_pid["${1:-1}"]:-}
	[ -n "$pid" ] || return 0
	if [ "${#relay_pid[@]}" -gt 1 ]; then
		kill "$pid" 2>/dev/null
	else
		exec 8>&-
	fi
	wait "$pid"
	unset "relay_pid[${1:-1}]"
}

# The first one.
relay_start() { relay_start_at "" "$@"; }
relay_stop() { relay_stop_at ""; }

set_up() {
	split_sections
	guard=$(sed -n 's/^within \([0-9]*\)s$/\1/p' section/expect)
	mkdir bin
	for program in sendmail mailcrane; do
		ln "$BUILD/$program" bin/ 2>/dev/null || cp "$BUILD/$program" bin/
	done
	mkdir -m 700 spool
	[ -e section/stdin ] || printf 'To: bob@example.com\nSubject: hello\n\ntext\n' >section/stdin
	generate <section/stdin >stdin
	local suffix secret all
	mapfile -t all < <(relays)
	for suffix in "${all[@]}"; do
		secret=password$suffix
		printf '%s\n' "${!secret}" >"$secret"
		chmod 600 "$secret"
		relay_start_at "$suffix" "$([ -s "section/script$suffix" ] && echo "section/script$suffix")"
	done
	for suffix in "${all[@]}"; do
		! grep -qx down "section/relay$suffix" 2>/dev/null || relay_stop_at "$suffix"
	done
	write_settings
	[ -s section/set-up ] && . ./section/set-up
}
