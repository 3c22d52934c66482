# shellcheck shell=bash disable=SC2154
# OpenSMTPD as a relay: TLS by OpenSSL, login by a table of its own; no PIPELINING, no CHUNKING.

opensmtpd_settings() {
	printf 'app\t%s\n' "$(printf '%s\n' "$secret" | /usr/libexec/opensmtpd/encrypt)" >/etc/opensmtpd.users
	chgrp opensmtpd /etc/opensmtpd.users
	chmod 640 /etc/opensmtpd.users
	cat >/etc/smtpd.conf <<-END
		pki relay.interop.test cert "/etc/ssl/interop/ca-relay.pem"
		pki relay.interop.test key "/etc/ssl/interop/ca-relay.key"
		table users file:/etc/opensmtpd.users
		table boxes { "@" = "vmail" }
		smtp max-message-size 60M
		listen on lo port 587 hostname relay.interop.test tls-require pki relay.interop.test auth <users>
		listen on lo port 465 hostname relay.interop.test smtps pki relay.interop.test auth <users>
		action box maildir "$boxes/amount" virtual <boxes>
		match auth from any for any action box
	END
	install -d -m 711 /var/spool/smtpd
}

opensmtpd_start() {
	opensmtpd_settings
	gcc -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o /usr/lib/opensmtpd-interop.so "$here/relays/opensmtpd.c" || return 1
	LD_PRELOAD=/usr/lib/opensmtpd-interop.so smtpd -F >/tmp/opensmtpd.log 2>&1 &
	echo $! >/run/opensmtpd.pid
	wait_for 10 port_open 587 || { cat /tmp/opensmtpd.log; return 1; }
}

opensmtpd_stop() {
	kill "$(cat /run/opensmtpd.pid)"
}
