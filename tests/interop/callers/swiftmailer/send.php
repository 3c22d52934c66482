<?php
error_reporting(E_ALL & ~E_DEPRECATED);
require '/usr/share/php/Egulias/EmailValidator/autoload.php';
require '/usr/share/php/Swift/swift_required.php';
$mailer = new Swift_Mailer(new Swift_SendmailTransport('/usr/sbin/sendmail -bs'));
echo $mailer->send((new Swift_Message('By SMTP on a pipe'))->setFrom(['shop@example.test' => 'Läden'])
	->setTo('swiftmailer@example.test')->setBcc('swiftmailer-bcc@example.test')->setBody("Grüße\n.\n..x\nend")), "\n";
try {
	$mailer->send((new Swift_Message('Refused'))->setFrom('shop@example.test')->setTo('nobody@example.test')->setBody('Body'));
	echo "sent\n";
} catch (Swift_TransportException $e) {
	echo $e->getMessage(), "\n";
}
