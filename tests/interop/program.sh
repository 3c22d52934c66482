# shellcheck shell=bash disable=SC2154
# Sourced by checks: programs that people have, one a directory of callers/, over 587:
#
#   needs    files that must be there (patterns); if one is not, the program is left out, and the output says so
#   user     who calls: root, www-data, alice, bob
#   prepare  optional: run before it, as root
#   daemon   optional: what has to run beside it, in the foreground, as root; `ready` names the file that says it does
#   send     what it runs, in its directory; must end with 0
#   mask     optional: a sed script for what a program makes at random, in what it prints and in what arrives
#   output   what it prints, less ESC sequences; without the file: nothing
#   mailbox  what must arrive, in the order of the subjects: who got it, from whom, then head and body, octet for octet.
#            Date and Message-ID are "@" when they are new each time. nobody@example.test is refused by the relay for good.

left_out=0

program_lacks() {
	local path
	while read -r path; do
		compgen -G "$path" >/dev/null || { echo "$path"; return 0; }
	done < <(tr ' ' '\n' <"/callers/$1/needs")
	return 1
}

program_mask() {
	if [ -e "/callers/$1/mask" ]; then LC_ALL=C sed -E -f "/callers/$1/mask"; else cat; fi
}

# Every message once, with all who got it.
program_mailbox() {
	local file name seen=/tmp/seen
	rm -rf "$seen"
	mkdir -p "$seen"
	for file in "$boxes/$1"/new/*; do
		[ -e "$file" ] || continue
		{ mail_from "$file"; echo; mail_head "$file"; echo; mail_body "$file"; } | program_mask "$1" >"$seen/now"
		name=$(sed -n 's/^Subject: //p' "$seen/now" | tr -cd 'A-Za-z0-9' | cut -c 1-60)-$(cksum <"$seen/now" | tr ' ' -)
		mv "$seen/now" "$seen/$name.text"
		mail_to "$file" >>"$seen/$name.to"
	done
	for file in "$seen"/*.text; do
		[ -e "$file" ] || continue
		sort "${file%.text}.to"
		cat "$file"
		echo "--------"
	done
}

program_run() {
	local case=/callers/$1 status
	(cd "$case" && as "$(cat user)" ./send) >/tmp/output 2>&1
	status=$?
	sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' /tmp/output | program_mask "$1" >/tmp/output.masked
	[ $status -eq 0 ] || echo "ended with $status" >>/tmp/output.masked
	diff -a "$(if [ -e "$case/output" ]; then echo "$case/output"; else echo /dev/null; fi)" /tmp/output.masked
}

program_daemon() {
	local case=/callers/$1
	rm -f "$(cat "$case/ready")"
	(cd "$case" && exec ./daemon) &
	program_pid=$!
	wait_for 20 test -e "$(cat "$case/ready")" || { echo "its daemon does not start"; return 1; }
}

program_sends() {
	local case=/callers/$1 want mark bad=0 program_pid=
	mark=$(log_mark)
	box_empty "$1"
	[ ! -e "$case/prepare" ] || (cd "$case" && ./prepare) || { echo "can't be prepared"; return 1; }
	[ ! -e "$case/daemon" ] || program_daemon "$1" || bad=1
	[ $bad -ne 0 ] || program_run "$1" || { echo "^ printed"; bad=1; }
	want=$(program_addresses "$case/mailbox" | wc -l)
	wait_for 15 box_has "$1" "$want" || { echo "$(box_count "$1") of $want arrived"; bad=1; }
	[ -z "$program_pid" ] || { kill "$program_pid"; wait "$program_pid"; } 2>/dev/null
	wait_for 10 queue_is 0 || { echo "$(queue_count) still in the spool"; bad=1; }
	program_mailbox "$1" >/tmp/mailbox
	diff -a "$case/mailbox" /tmp/mailbox || bad=1
	[ "$want" -eq 0 ] || caller_secured 587 "$mark" || bad=1
	return $bad
}

# program_addresses FILE...
program_addresses() {
	awk '$1 == "to" && NF == 2 && $2 ~ /@example\.test$/ { print $2 }' "$@"
}

programs() {
	local name lacks start=$SECONDS
	settings 587
	for name in $(selected callers); do
		if lacks=$(program_lacks "$name"); then
			echo "left out $name: there is no $lacks here"
			left_out=$((left_out + 1))
		else
			check "$name" program_sends "$name"
		fi
	done
	[ -n "$only" ] || echo "programs: $((SECONDS - start)) s"
}
