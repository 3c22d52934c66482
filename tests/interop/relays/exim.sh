# shellcheck shell=bash disable=SC2154
# Exim as a relay: TLS by GnuTLS, login by its own plaintext authenticator, CHUNKING and PIPELINING offered.

exim_settings() {
	cat >/etc/exim4/exim4.conf <<-END
		primary_hostname = relay.interop.test
		local_interfaces = <; 127.0.0.1 ; ::1
		daemon_smtp_ports = 587 : 465
		tls_on_connect_ports = 465
		tls_advertise_hosts = *
		tls_certificate = /etc/ssl/interop/ca-relay.pem
		tls_privatekey = /etc/ssl/interop/ca-relay.key
		auth_advertise_hosts = \${if eq{\$tls_in_cipher}{}{}{*}}
		log_file_path = syslog
		syslog_duplication = no
		acl_smtp_rcpt = rcpt
		acl_smtp_data = accept
		message_size_limit = 60M
		begin acl
		rcpt:
		  accept authenticated = *
		  deny
		begin routers
		all:
		  driver = accept
		  transport = box
		begin transports
		box:
		  driver = appendfile
		  maildir_format
		  directory = $boxes/amount
		  user = vmail
		  group = vmail
		  create_directory
		  delivery_date_add = false
		  envelope_to_add = false
		  return_path_add = false
		begin authenticators
		plain:
		  driver = plaintext
		  public_name = PLAIN
		  server_prompts = :
		  server_condition = \${if and{{eq{\$auth2}{app}}{eq{\$auth3}{\${readfile{/etc/exim4/secret}{}}}}}}
		  server_set_id = \$auth2
	END
	printf %s "$secret" >/etc/exim4/secret
	chgrp Debian-exim /etc/exim4/secret /etc/exim4/exim4.conf
	chmod 640 /etc/exim4/secret
	install -d -o Debian-exim -g Debian-exim -m 750 /var/spool/exim4 /var/log/exim4
}

exim_start() {
	exim_settings
	exim4 -bdf -q1m >/tmp/exim.log 2>&1 &
	echo $! >/run/exim.pid
	wait_for 10 port_open 587 || { cat /tmp/exim.log; return 1; }
}

exim_stop() {
	kill "$(cat /run/exim.pid)"
}
