<?php
// As Symfony's default transport speaks to "sendmail -bs": a line, its reply, the next line.
$pipes = [];
$process = proc_open('/usr/sbin/sendmail -bs', [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes);
function reply(string $want): void {
	global $pipes;
	do {
		$line = fgets($pipes[1]);
	} while ($line !== false && substr($line, 3, 1) === '-');
	if ($line === false || substr($line, 0, 3) !== $want)
		exit("want $want, got " . var_export($line, true) . stream_get_contents($pipes[2]));
}
function say(string $line, string $want): void {
	global $pipes;
	fwrite($pipes[0], "$line\r\n");
	reply($want);
}
reply('220');
say('HELO [127.0.0.1]', '250');
say('MAIL FROM:<shop@example.test>', '250');
say('RCPT TO:<php-smtp@example.test>', '250');
say('RCPT TO:<php-smtp-hidden@example.test>', '250');
say('DATA', '354');
say("From: Shop <shop@example.test>\r\nTo: php-smtp@example.test\r\nBcc: php-smtp-hidden@example.test\r\n" .
	"Subject: SMTP on a pipe\r\nMessage-ID: <kept@example.test>\r\nDate: Sat, 01 Nov 2025 12:00:00 +0100\r\n" .
	"\r\nOne line.\r\n\r\n..\r\n...two\r\nLast line\r\n.", '250');
say('QUIT', '221');
exit(proc_close($process));
