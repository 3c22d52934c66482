# shellcheck shell=bash disable=SC2154
# Sourced by checks: what must not be accepted, and that nothing is lost by it.

# refused_send [BOX]
refused_send() {
	printf 'To: %s@example.test\nSubject: refused\n\nNot to be sent yet.\n' "${1:-refused}" |
		as alice sendmail -t || { echo "sendmail ended with $?"; return 1; }
	[ "$(queue_count)" -eq 1 ] || { echo "$(queue_count) messages in the spool"; return 1; }
	[ "$(box_count "${1:-refused}")" -eq 0 ] || { echo "arrived"; return 1; }
}

refused_password() {
	local mark
	mark=$(log_mark)
	settings "$1" /etc/mailcrane.wrong
	refused_send || return 1
	log_since "$mark" | grep -q 'mailcrane.*auth-refused' || { echo "log does not say auth-refused"; return 1; }
	log_since "$mark" | grep -q 'postfix/.*client=' && { echo "Postfix took a message"; return 1; }
	log_since "$mark" | grep -q 'SASL .* authentication failed' || { echo "Postfix saw no login"; return 1; }
}

refused_issuer() {
	local mark
	mark=$(log_mark)
	settings "$1" /etc/mailcrane.password /etc/ssl/interop/stranger.pem
	refused_send || return 1
	log_since "$mark" | grep -q 'mailcrane.*cert-issuer' || { echo "log does not say cert-issuer"; return 1; }
	log_since "$mark" | grep -qi 'postfix/.*connect from' || { echo "Postfix saw no connection"; return 1; }
	log_since "$mark" | grep -qi 'sasl\|auth:' && { echo "a login was tried"; return 1; }
	return 0
}

# refused_mended PORT [BOX]: with the settings put right, what was kept goes out, once.
refused_mended() {
	local box=${2:-refused}
	settings "$1"
	timeout 60 mailcrane flush >/dev/null || { echo "flush ended with $?"; return 1; }
	wait_for 15 box_has "$box" 1 || { echo "did not arrive after flush"; return 1; }
	wait_for 15 queue_is 0 || { echo "still in the spool"; return 1; }
	[ "$(box_count "$box")" -eq 1 ] || { echo "arrived $(box_count "$box") times"; return 1; }
	box_empty "$box"
}

refused() {
	local port
	for port in 587 465; do
		check "wrong password over $port: kept, not accepted" refused_password "$port"
		check "right password over $port: arrives once" refused_mended "$port"
		check "wrong CA over $port: no password sent" refused_issuer "$port"
		check "right CA over $port: arrives once" refused_mended "$port"
	done
}
