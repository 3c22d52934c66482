# shellcheck shell=bash disable=SC2154
# Postfix takes mail on 587 (STARTTLS) and 465 (TLS from the start), from those who log in only; Dovecot checks
# the passwords. Every address that a case names is a mailbox. It mends nothing: a Bcc that we let through would be seen.

postfix_settings() {
	local service
	cat >/etc/postfix/main.cf <<-END
		compatibility_level = 3.6
		maillog_file =
		myhostname = relay.interop.test
		mydestination =
		inet_interfaces = loopback-only
		local_header_rewrite_clients =
		message_drop_headers =
		alias_maps =
		alias_database =
		virtual_mailbox_domains = example.test
		virtual_mailbox_base = $boxes
		virtual_mailbox_maps = texthash:/etc/postfix/boxes
		virtual_minimum_uid = 100
		virtual_uid_maps = static:$(id -u vmail)
		virtual_gid_maps = static:$(id -g vmail)
		smtpd_tls_cert_file = /etc/ssl/interop/ca-relay.pem
		smtpd_tls_key_file = /etc/ssl/interop/ca-relay.key
		smtpd_tls_auth_only = yes
		smtpd_tls_loglevel = 1
		smtpd_sasl_auth_enable = yes
		smtpd_sasl_type = dovecot
		smtpd_sasl_path = private/auth
		smtpd_relay_restrictions = permit_sasl_authenticated, reject
		smtpd_client_restrictions = permit_sasl_authenticated, reject
		message_size_limit = 60000000
		virtual_mailbox_limit = 0
	END
	sed '/^smtp[ ]*inet/d' /usr/share/postfix/master.cf.dist |
		awk '/^#/ { next } /^[a-z]/ { $5 = "n" } { print }' >/etc/postfix/master.cf
	for service in "587 submission -o smtpd_tls_security_level=encrypt" "465 smtps -o smtpd_tls_wrappermode=yes"; do
		# shellcheck disable=SC2086 # words
		set -- $service
		echo "$1 inet n - n - - smtpd -o syslog_name=postfix/$2 $3 $4" >>/etc/postfix/master.cf
	done
	: >/etc/postfix/dynamicmaps.cf
	awk '$1 == "to" { n = split(FILENAME, part, "/"); print $2, part[n - 1] "/" }' \
		"$here"/cases/*/envelope | sort -u >/etc/postfix/boxes
	for service in "$here"/callers/*/mailbox; do
		program_addresses "$service" | sort -u | sed "s#\$# $(basename "${service%/mailbox}")/#"
	done >>/etc/postfix/boxes
	for service in refused amount; do
		echo "$service@example.test $service/"
	done >>/etc/postfix/boxes
}

postfix_dovecot() {
	printf 'app:{PLAIN}%s\n' "$secret" >/etc/dovecot/users
	chgrp dovecot /etc/dovecot/users
	chmod 640 /etc/dovecot/users
	cat >/etc/dovecot/dovecot.conf <<-END
		protocols =
		ssl = no
		auth_mechanisms = plain login
		auth_verbose = yes
		auth_failure_delay = 0
		passdb {
		  driver = passwd-file
		  args = /etc/dovecot/users
		}
		service auth {
		  unix_listener /var/spool/postfix/private/auth {
		    user = postfix
		    mode = 0600
		  }
		}
	END
	dovecot -F >/tmp/dovecot.log 2>&1 &
}

postfix_start() {
	local port
	mkdir -p /var/spool/postfix
	chown postfix /var/lib/postfix
	chgrp postdrop /usr/sbin/postdrop /usr/sbin/postqueue
	chmod 2555 /usr/sbin/postdrop /usr/sbin/postqueue
	postfix_settings
	postfix start || { echo "postfix start ended with $?"; return 1; }
	postfix_dovecot
	wait_for 10 test -S /var/spool/postfix/private/auth || { cat /tmp/dovecot.log; return 1; }
	for port in 587 465; do
		wait_for 10 port_open "$port" || { echo "does not listen on $port"; return 1; }
	done
}

# postfix_without EXTENSION,...
postfix_without() {
	postconf -e "smtpd_discard_ehlo_keywords = $1" && postfix reload
}

postfix_stop() {
	local pid
	timeout 20 postfix stop >/dev/null 2>&1
	pid=$(cat /run/dovecot/master.pid 2>/dev/null) && kill "$pid"
}

port_open() {
	(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

port_closed() {
	! port_open "$1"
}
