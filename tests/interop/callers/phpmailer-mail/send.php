<?php
require '/usr/share/php/libphp-phpmailer/src/PHPMailer.php';
require '/usr/share/php/libphp-phpmailer/src/Exception.php';
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isMail();
$mail->CharSet = 'utf-8';
$mail->setFrom('shop@example.test', 'Läden & Co');
$mail->Sender = 'bounce@example.test';
$mail->addAddress('phpmailer-mail@example.test', 'Jürgen');
$mail->addBCC('phpmailer-mail-bcc@example.test');
$mail->Subject = 'Größe';
$mail->Body = "<p>Grüße</p>\n.\n..x\nend";
$mail->AltBody = "Grüße\n.\n..x\nend";
$mail->isHTML(true);
$mail->addStringAttachment(str_repeat("\0\1\2\xff", 40), 'four.bin');
$mail->send();

$mail->clearAllRecipients();
$mail->addAddress('nobody@example.test');
try {
	$mail->send();
	echo "sent\n";
} catch (Exception $e) {
	echo $e->getMessage(), "\n";
}
