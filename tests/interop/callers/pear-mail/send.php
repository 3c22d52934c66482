<?php
error_reporting(E_ALL & ~E_DEPRECATED);
require 'Mail.php';
$mail = Mail::factory('sendmail', ['sendmail_path' => '/usr/sbin/sendmail']);
$headers = ['From' => 'Shop <shop@example.test>', 'To' => 'pear-mail@example.test', 'Subject' => 'PEAR'];
var_dump($mail->send(['pear-mail@example.test', 'pear-mail-bcc@example.test'], $headers, "Grüße\n.\n..x\nend"));
$sent = $mail->send('nobody@example.test', $headers, 'Body');
echo PEAR::isError($sent) ? $sent->getMessage() : 'sent', "\n";
