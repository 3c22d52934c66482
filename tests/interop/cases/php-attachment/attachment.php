<?php
$data = '';
for ($i = 0; $i < 3000; $i++)
	$data .= chr($i * 7 % 256);
$body = "--edge\r\n"
	. "Content-Type: text/plain; charset=utf-8\r\n"
	. "Content-Transfer-Encoding: 8bit\r\n\r\n"
	. "The picture of the crane, größer.\r\n"
	. "--edge\r\n"
	. "Content-Type: application/octet-stream; name=\"crane.bin\"\r\n"
	. "Content-Disposition: attachment; filename=\"crane.bin\"\r\n"
	. "Content-Transfer-Encoding: base64\r\n\r\n"
	. chunk_split(base64_encode($data))
	. "--edge--";
$sent = mail('php-attachment@example.test', 'With attachment', $body, [
	'From' => 'shop@example.test',
	'MIME-Version' => '1.0',
	'Content-Type' => "multipart/mixed;\r\n boundary=\"edge\"",
]);
exit($sent ? 0 : 1);
