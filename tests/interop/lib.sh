# shellcheck shell=bash
# Sourced by checks: counting, waiting, settings, and reading mailboxes back.

log=/var/log/syslog
boxes=/var/vmail
spool=/var/spool/mailcrane
passed=0
failed=0

# check NAME COMMAND...: what the command prints when it fails is the reason.
check() {
	local name=$1 reason mark
	shift
	mark=$(log_mark)
	if reason=$("$@" 2>&1 </dev/null); then
		echo "ok $name"
		passed=$((passed + 1))
		return 0
	fi
	echo "FAILED $name: ${reason:-no reason given}"
	echo "    the log since then:"
	log_since "$mark" | tail -n 40 | cut -c 1-400 | sed 's/^/    | /'
	failed=$((failed + 1))
	return 1
}

log_mark() {
	wc -l <"$log"
}

log_since() {
	tail -n "+$(($1 + 1))" "$log"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# settings PORTS [PASSWORD_FILE [CA_FILE]]
settings() {
	cat >/etc/mailcrane.new <<-END
		[relay]
		host = relay.interop.test
		ports = $1
		user = app
		password_file = ${2:-/etc/mailcrane.password}
		tls_ca_file = ${3:-/etc/ssl/interop/ca.pem}

		[sender]
		domain = example.test
	END
	chgrp mailcrane /etc/mailcrane.new
	chmod 640 /etc/mailcrane.new
	mv /etc/mailcrane.new /etc/mailcrane.ini
}

# as USER COMMAND...: with next to no environment, as daemons call, and never longer than 60 s.
as() {
	local user=$1
	shift
	setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 timeout --kill-after=5 60 "$@"
}

box_count() {
	find "$boxes/$1/new" -type f 2>/dev/null | wc -l
}

box_has() {
	[ "$(box_count "$1")" -ge "$2" ]
}

box_empty() {
	rm -rf "${boxes:?}/$1"
}

# A runner keeps its connection for a while, and with it what the relay offered.
runner_gone() {
	! grep -qsx mailcrane /proc/[0-9]*/comm
}

queue_count() {
	find "$spool/queue" -type f 2>/dev/null | wc -l
}

queue_is() {
	[ "$(queue_count)" -eq "$1" ]
}

# The message as it was handed to the relay: less what the relay put on top, up to and with its own Received.
mail_sent() {
	awk 'past { print; next } seen && !/^[ \t]/ { past = 1; print; next } /^Received:/ { seen = 1 }' "$1"
}

# Head and body; in the head, what is new each time gives way to a sign when it is well formed.
mail_head() {
	mail_sent "$1" | sed -E '/^$/,$d
		s/^Date: [A-Z][a-z]{2}, [ 0-9]?[0-9] [A-Z][a-z]{2} 20[0-9]{2} ([0-9]{2}:){2}[0-9]{2} [-+][0-9]{4}$/Date: @/
		s/^Message-ID: <[A-Za-z0-9.!#$%&*+=?^_`{|}~-]+@[A-Za-z0-9.-]+>$/Message-ID: @/'
}

mail_body() {
	mail_sent "$1" | sed '1,/^$/d'
}

# The body as people read it: quoted-printable undone, where we had to put it into that.
mail_text() {
	if mail_sent "$1" | sed '/^$/q' | grep -qix 'content-transfer-encoding: quoted-printable'; then
		mail_body "$1" | perl -0777 -pe 's/=\n//g; s/=([0-9A-F]{2})/chr hex $1/ge'
	else
		mail_body "$1"
	fi
}

# The envelope as the relay notes it on top: "from ADDRESS", then "to ADDRESS".
mail_from() {
	sed -n 's/^Return-Path: <\(.*\)>$/from \1/p;/^Received:/q' "$1"
}

mail_to() {
	sed -n 's/^Delivered-To: /to /p;/^Received:/q' "$1"
}
