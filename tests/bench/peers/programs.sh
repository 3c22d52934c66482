# shellcheck shell=bash disable=SC2154
# Sourced by compare: what each program needs to queue a message and to send what is queued through the relay at PORT, which wants STARTTLS and
# a login; certificates are checked by those that can (dma can't). Where a program has a choice it is as its package has it.
#
#   NAME_install           once
#   NAME_relay PORT        settings: where mail goes from now on
#   NAME_queue FILE        the message is queued, nothing is sent meanwhile
#   NAME_send              all that is queued is sent; comes back when it has begun or is done
#   NAME_stop              nothing of it runs any more
#   NAME_empty             nothing is queued any more

# ---- mailcrane ----

mailcrane_install() {
	make -s -C /mailcrane BUILD=build/bench/programs PREFIX=/usr install || return 1
	printf '%s' "$secret" >/etc/mailcrane.password
	chgrp mailcrane /etc/mailcrane.password
	chmod 640 /etc/mailcrane.password
	mailcrane_relay "$near"
}

# mailcrane_relay PORT [SETTING...]: of [queue]; a call starts no runner unless it says so.
mailcrane_relay() {
	local port=$1
	shift
	cat >/etc/mailcrane.ini <<-END
		[relay]
		host = relay.example.test
		ports = $port/starttls
		user = bench
		password_file = /etc/mailcrane.password
		tls_ca_file = $relay/ca.pem
		[queue]
		delivery = background
	END
	printf '%s\n' "${@:-runner = service}" >>/etc/mailcrane.ini
	chgrp mailcrane /etc/mailcrane.ini
	chmod 640 /etc/mailcrane.ini
}

mailcrane_queue() {
	as_caller /usr/sbin/sendmail -f a@example.test -i -- b@example.test <"$1"
}

mailcrane_send() {
	mailcrane run
}

mailcrane_stop() {
	# a runner that has nothing to do leaves after `linger`
	wait_for 20 mailcrane_is_gone
}

mailcrane_is_gone() {
	! grep -qsx mailcrane /proc/[0-9]*/comm
}

mailcrane_empty() {
	rm -f /var/spool/mailcrane/{queue,failed,verdict}/*
}

# ---- nullmailer ----

nullmailer_install() {
	rm -f /etc/nullmailer/me
	echo app.example.test >/etc/mailname
	echo example.test >/etc/nullmailer/defaultdomain
	install -d -o mail -g root -m 755 /var/spool/nullmailer /var/spool/nullmailer/failed
	install -d -o mail -g root -m 750 /var/spool/nullmailer/queue /var/spool/nullmailer/tmp
	mkfifo /var/spool/nullmailer/trigger
	chown mail:root /var/spool/nullmailer/trigger
	chmod 622 /var/spool/nullmailer/trigger
	nullmailer_relay "$near"
}

nullmailer_relay() {
	echo "relay.example.test smtp --port=$1 --starttls --user=bench --pass=$secret --x509cafile=$relay/ca.pem" >/etc/nullmailer/remotes
	chown mail:mail /etc/nullmailer/remotes
	chmod 600 /etc/nullmailer/remotes
}

nullmailer_queue() {
	as_caller /usr/bin/nullmailer-sendmail -f a@example.test -i -- b@example.test <"$1"
}

nullmailer_send() {
	(cd /var/spool/nullmailer && exec setpriv --reuid mail --regid mail --clear-groups /usr/sbin/nullmailer-send) \
		>>/var/log/nullmailer 2>&1 </dev/null &
	nullmailer_pid=$!
}

nullmailer_stop() {
	[ -z "${nullmailer_pid:-}" ] || kill "$nullmailer_pid"
	nullmailer_pid=
}

nullmailer_empty() {
	rm -f /var/spool/nullmailer/{queue,tmp,failed}/*
}

# ---- dma ----

dma_install() {
	install -d -o root -g mail -m 2775 /var/spool/dma
	dma_relay "$near"
	echo "bench|relay.example.test:$secret" >/etc/dma/auth.conf
	chgrp mail /etc/dma/auth.conf
	chmod 640 /etc/dma/auth.conf
}

dma_relay() {
	cat >/etc/dma/dma.conf <<-END
		SMARTHOST relay.example.test
		PORT $1
		AUTHPATH /etc/dma/auth.conf
		SECURETRANSFER
		STARTTLS
		MAILNAME app.example.test
	END
}

dma_queue() {
	as_caller /usr/sbin/dma -bq -f a@example.test -i -- b@example.test <"$1"
}

dma_send() {
	/usr/sbin/dma -q
}

dma_stop() {
	wait_for 60 dma_is_gone
}

dma_is_gone() {
	! grep -qsx dma /proc/[0-9]*/comm
}

dma_empty() {
	rm -f /var/spool/dma/*
}

# ---- Postfix ----

postfix_install() {
	mkdir -p /var/spool/postfix
	chown postfix /var/lib/postfix
	chgrp postdrop /usr/sbin/postdrop /usr/sbin/postqueue
	chmod 2555 /usr/sbin/postdrop /usr/sbin/postqueue
	sed '/^smtp[ ]*inet/d' /usr/share/postfix/master.cf.dist |
		awk '/^#/ { next } /^[a-z]/ { $5 = "n" } { print }' >/etc/postfix/master.cf
	# for those who let it keep TLS connections
	grep -q ^tlsproxy /etc/postfix/master.cf || echo "tlsproxy unix - - n - 0 tlsproxy" >>/etc/postfix/master.cf
	: >/etc/postfix/dynamicmaps.cf
	postfix_relay "$near"
	# makes its directories
	postfix start && postfix stop
}

# postfix_relay PORT [SETTING...]
postfix_relay() {
	local port=$1
	shift
	echo "[relay.example.test]:$port bench:$secret" >/etc/postfix/password
	cat >/etc/postfix/main.cf <<-END
		compatibility_level = 3.6
		maillog_file =
		myhostname = app.example.test
		myorigin = example.test
		mydestination =
		inet_interfaces = loopback-only
		inet_protocols = ipv4
		alias_maps =
		alias_database =
		relayhost = [relay.example.test]:$port
		smtp_host_lookup = native
		smtp_tls_security_level = secure
		smtp_tls_secure_cert_match = nexthop
		smtp_tls_CAfile = $relay/ca.pem
		smtp_sasl_auth_enable = yes
		smtp_sasl_password_maps = texthash:/etc/postfix/password
		smtp_sasl_security_options = noanonymous
	END
	printf '%s\n' "$@" >>/etc/postfix/main.cf
}

postfix_queue() {
	as_caller /usr/bin/postfix-sendmail -f a@example.test -i -- b@example.test <"$1"
}

# Queued is what qmgr holds back, as after a relay that was down: what maildrop holds has to be picked up yet.
postfix_hold() {
	postconf -e defer_transports=smtp && postfix start >/dev/null 2>&1
}

postfix_deferred() {
	[ "$(find /var/spool/postfix/deferred -type f | wc -l)" -eq "$1" ]
}

postfix_release() {
	postconf -e defer_transports= && postfix reload >/dev/null 2>&1
	sleep 2
}

postfix_send() {
	postqueue -f
}

postfix_stop() {
	postfix stop >/dev/null 2>&1
}

postfix_empty() {
	find /var/spool/postfix/{maildrop,incoming,active,deferred,defer} -type f -delete
}

# ---- msmtp, which queues nothing: one call after the other ----

msmtp_install() {
	msmtp_relay "$near"
}

msmtp_relay() {
	cat >/tmp/msmtprc <<-END
		account default
		host relay.example.test
		port $1
		tls on
		tls_starttls on
		tls_trust_file $relay/ca.pem
		auth plain
		user bench
		password $secret
		from a@example.test
	END
	chmod 600 /tmp/msmtprc
}
