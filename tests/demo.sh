#!/bin/bash
# make demo: a message with an awkward body goes through build/sendmail to a relay of our own, and what came out is shown.
# Leaves nothing running and nothing behind. Exit status 1 when the mail did not arrive as it was meant.
set -u
cd "$(dirname "$0")/.." || exit 2
build=$(cd "${BUILD:-build}" && pwd) || exit 2
dir=$(mktemp -d "${TMPDIR:-/tmp}/mailcrane-demo.XXXXXX") || exit 2
relay=

finish() {
	if [ -n "$relay" ]; then
		exec 8>&-
		wait "$relay"
	fi
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

title() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }
indent() { sed 's/^/    /'; }
die() { echo "demo: $*" >&2; exit 1; }

mkfifo "$dir/control"
"$build/relay" --directory "$dir/relay" --listen 127.0.0.1:0/starttls --listen 127.0.0.1:0/tls --delay 20 \
	--user app@example.com --password demo-password --until-eof <"$dir/control" &
relay=$!
exec 8>"$dir/control"
for _ in $(seq 250); do
	[ -e "$dir/relay/ports" ] && break
	sleep 0.02
done
[ -e "$dir/relay/ports" ] || die "the relay did not start"
port1=$(sed -n 1p "$dir/relay/ports")
port2=$(sed -n 2p "$dir/relay/ports")

(umask 077 && echo demo-password >"$dir/password" && mkdir "$dir/spool" && cat >"$dir/mailcrane.ini") <<END
[relay]
host = 127.0.0.1
user = app@example.com
password_file = $dir/password
ports = $port1/starttls $port2/tls
tls_ca_file = $dir/relay/ca.pem
[queue]
directory = $dir/spool
linger = 100ms
[log]
to = $dir/log
END

{
	printf 'From: Web Shop <shop@example.com>\r\nTo: "Bób, the customer" <bob@example.com>\r\nBcc: archive@example.com\r\n'
	printf 'Subject: Grüße, your order №7 has left\r\n\r\n'
	printf 'Lines from a web form end in CRLF,\r\nthose of the script in LF.\nA dot alone:\n.\nis text, as is\n..two and\n.one at the start.\n'
	printf 'A line of 3000 octets: %s\n' "$(head -c 2977 /dev/zero | tr '\0' 'x')"
	printf 'Größe: 8 bit, undeclared. No newline at the end'
} >"$dir/message"

title "The settings: four lines do, the rest is because this relay is our own"
indent <"$dir/mailcrane.ini"
title "The message, as a PHP script pipes it in (cut at 70 octets a line)"
cut -b 1-70 "$dir/message" | tr -d '\r' | indent
title "\$ build/sendmail -t -i -f shop@example.com <message"
begin=$(date +%s%N)
MAILCRANE_CONFIG=$dir/mailcrane.ini timeout 30 "$build/sendmail" -t -i -f shop@example.com <"$dir/message" 8>&-
code=$?
end=$(date +%s%N)
echo "    exit code $code after $(((end - begin) / 1000000)) ms (the relay plays a round trip of 20 ms)"

for _ in $(seq 250); do
	[ -e "$dir/relay/messages/0001.envelope" ] && break
	sleep 0.02
done
if [ ! -e "$dir/relay/messages/0001.envelope" ]; then
	[ -s "$dir/log" ] && { title "The log"; indent <"$dir/log"; }
	die "the mail did not arrive"
fi

title "What the relay received (cut at 70 octets a line)"
cut -b 1-70 "$dir/relay/messages/0001.eml" | tr -d '\r' | indent
title "How it was sent: what the relay saw"
grep -E '^(mail|rcpt|port|mode|tls|cipher|mechanism|by|size|reply|ms) ' "$dir/relay/messages/0001.envelope" | indent
title "How it was sent: mailcrane's own log line"
grep 'status=' "$dir/log" | fold -s -w 100 | indent

# The runner lingers for a moment in case more comes: wait until it has left.
for _ in $(seq 100); do
	inode=$(stat -c %i "$dir/spool/lock" 2>/dev/null) || break
	grep -q ":$inode " /proc/locks || break
	sleep 0.1
done
# shellcheck disable=SC2034
x_count=$(sed '1,/^\r*$/d' "$dir/relay/messages/0001.eml" | tr -cd x | wc -c)
title "Checked"
good=0
check() {
	if eval "$2"; then echo "    yes  $1"; else echo "    NO   $1"; good=1; fi
}
check "exit code 0, nothing on the way printed" '[ "$code" = 0 ]'
check "exactly one copy arrived" '[ "$(ls "$dir"/relay/messages/*.eml | wc -l)" = 1 ]'
check "both recipients, and no Bcc line" \
	'[ "$(grep -c "^rcpt" "$dir/relay/messages/0001.envelope")" = 2 ] && ! grep -qi "^Bcc:" "$dir/relay/messages/0001.eml"'
check "the lone dot and the leading dots are text" \
	'tr -d "\r" <"$dir/relay/messages/0001.eml" | grep -A 3 "^A dot alone:" | sed 1d | tr "\n" "|" | grep -qF ".|is text, as is|..two and|"'
check "every line at most 998 octets, and all of the long one is there" \
	'! grep -qE "^.{999}" <(tr -d "\r" <"$dir/relay/messages/0001.eml") && [ "$x_count" -ge 2977 ]'
check "the relay has nothing to complain about" '[ ! -s "$dir/relay/violations" ]'
check "the queue is empty" '[ -z "$(find "$dir/spool/queue" "$dir/spool/failed" -type f)" ]'
exit "$good"
