# shellcheck shell=bash disable=SC2154
# OpenSMTPD as a relay: neither CHUNKING nor PIPELINING on offer.

opensmtpd_settings() {
	printf 'app %s\n' "$(openssl passwd -6 -stdin <<<"$secret")" >/etc/smtpd.secrets
	echo "@example.test vmail" >/etc/smtpd.boxes
	chgrp opensmtpd /etc/smtpd.secrets
	chmod 640 /etc/smtpd.secrets
	cat >/etc/smtpd.conf <<-END
		pki interop cert "/etc/ssl/interop/ca-relay.pem"
		pki interop key "/etc/ssl/interop/opensmtpd.key"
		table secrets file:/etc/smtpd.secrets
		table boxes file:/etc/smtpd.boxes
		smtp max-message-size 60M
		listen on lo port 587 hostname relay.interop.test tls-require pki interop auth <secrets>
		listen on lo port 465 hostname relay.interop.test smtps pki interop auth <secrets>
		action box maildir "$boxes/amount" virtual <boxes>
		match auth from any for any action box
	END
	# It insists on a key that nobody else can read.
	install -m 600 /etc/ssl/interop/ca-relay.key /etc/ssl/interop/opensmtpd.key
}

opensmtpd_start() {
	opensmtpd_settings
	mkdir -p /var/lib/opensmtpd/empty
	/usr/sbin/smtpd -d >/tmp/smtpd.log 2>&1 &
	echo $! >/run/opensmtpd.pid
	wait_for 10 port_open 587 || { cat /tmp/smtpd.log; return 1; }
}

opensmtpd_stop() {
	kill "$(cat /run/opensmtpd.pid)"
}
