# shellcheck shell=bash disable=SC2154
# The same input to Postfix's sendmail and to ours: what stands in Postfix's queue and in our spool is compared. Inputs are the
# recordings of tests/callers and differ/inputs: a line of shell words for sendmail, then the message with printf escapes,
# "@repeat N text", "@header N x" and "@to N". differ/known has the differences that are meant, each with its reason.

differ_dir=/tmp/differ

differ_settings() {
	install -d -o alice -m 700 "$differ_dir" "$differ_dir/spool"
	cat >"$differ_dir/mailcrane.ini" <<-END
		[relay]
		host = relay.interop.test
		user = app
		password_file = $differ_dir/password

		[sender]
		domain = example.org

		[timeouts]
		wait = 10ms

		[queue]
		directory = $differ_dir/spool
		runner = service
	END
	echo secret >"$differ_dir/password"
	chown alice "$differ_dir"/*
	chmod 600 "$differ_dir/mailcrane.ini" "$differ_dir/password"
}

# Whatever it is, it stays in the queue, and names get the same domain as ours.
differ_postfix_settings() {
	# with the headers that it drops by itself
	postconf -X message_drop_headers &&
		postconf -e myorigin=example.org virtual_mailbox_domains= defer_transports=smtp,local,virtual,relay,error,retry \
			parent_domain_matches_subdomains= && postfix reload
}

differ_input() {
	local line words
	while IFS= read -r line || [ -n "$line" ]; do
		read -r -a words <<<"$line"
		case $line in
		'@repeat '*) yes "${words[*]:2}" | head -n "${words[1]}" | tr -d '\n'; echo ;;
		'@header '*) printf 'X-Long:'; yes " ${words[2]}" | head -n "${words[1]}" | tr -d '\n'; echo ;;
		'@to '*) echo "To: $(seq -f 'r%g@example.com' -s ', ' "${words[1]}")" ;;
		*\\c) printf '%b' "${line%\\c}" ;;
		*) printf '%b\n' "$line" ;;
		esac
	done
}

# A directory for each input: argv (words with NUL), stdin.
differ_prepare() {
	local source name words
	local -A seen
	for source in "$project"/tests/callers/*/ "$here"/differ/inputs/*; do
		name=$(basename "$source")
		# many recordings differ only in how the stand-in ended
		if [ -d "$source" ]; then
			words=$(cat "$source/argv" "$source/stdin" | cksum)
			[ -z "${seen[$words]:-}" ] || continue
			seen[$words]=1
		fi
		mkdir -p "$differ_dir/cases/$name"
		if [ -d "$source" ]; then
			tail -n +2 "$source/argv" | tr '\n' '\0' >"$differ_dir/cases/$name/argv"
			cp "$source/stdin" "$differ_dir/cases/$name/stdin"
		else
			eval "words=($(head -n 1 "$source"))"
			printf '%s\0' "${words[@]}" >"$differ_dir/cases/$name/argv"
			tail -n +2 "$source" | differ_input >"$differ_dir/cases/$name/stdin"
		fi
	done
}

# Into FILE.envelope and FILE.message what Postfix has made of it, when there is something.
differ_postfix() {
	local words id
	mapfile -d '' words <argv
	# with -v it mails a report
	for id in "${!words[@]}"; do
		[ "${words[$id]}" != -v ] || unset "words[$id]"
	done
	as alice bash -c 'exec -a sendmail postfix-sendmail "$@"' sendmail "${words[@]}" <stdin >postfix.said 2>&1
	echo $? >postfix.code
	[ "$(cat postfix.code)" = 0 ] || return 0
	for _ in $(seq 250); do
		differ_at_rest && break
		sleep 0.02
	done
	id=$(find /var/spool/postfix/deferred -type f -perm 700 -printf '%f\n' | head -n 1)
	[ -n "$id" ] || { echo "nothing in the queue" >postfix.code; return 0; }
	postcat -q -e "$id" >postfix.envelope
	postcat -q -h -b "$id" >postfix.message
	postsuper -d ALL >/dev/null 2>&1
}

# Deferred: nothing writes into it any more.
differ_at_rest() {
	[ -n "$(find /var/spool/postfix/deferred -type f -perm 700)" ] && [ -z "$(find /var/spool/postfix/{incoming,active,maildrop} -type f)" ]
}

differ_ours() {
	local words file length
	mapfile -d '' words <argv
	setpriv --reuid alice --regid "$(id -g alice)" --init-groups env -i PATH=/usr/bin:/bin MAILCRANE_CONFIG="$differ_dir/mailcrane.ini" \
		timeout 20 /mailcrane/build/interop/programs/sendmail "${words[@]}" <stdin >ours.said 2>&1
	echo $? >ours.code
	file=$(find "$differ_dir/spool/queue" -type f | head -n 1)
	[ -n "$file" ] || return 0
	length=$(sed -n '2s/envelope 0*//p' "$file")
	tail -c +1025 "$file" | head -c "$length" >ours.envelope
	tail -c "+$((1025 + length))" "$file" >ours.message
	rm -f "$file"
}

differ_run() {
	local name
	differ_settings && differ_prepare || return 1
	for name in "$differ_dir"/cases/*/; do
		cd "$name" || return 1
		differ_postfix
		differ_ours
	done
	cd / || return 1
}

differ_compare() {
	"$here/differ/compare" "$differ_dir/cases" "$here/differ/known" 2>"$differ_dir/summary" || { cat "$differ_dir/summary"; return 1; }
}

differ() {
	check "beside Postfix: setting up" differ_postfix_settings || return
	check "beside Postfix: every input is taken" differ_run || return
	check "beside Postfix: no difference but those that are known" differ_compare && sed 's/^/    /' "$differ_dir/summary"
}
