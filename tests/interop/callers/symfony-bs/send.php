<?php
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
use Symfony\Component\Mime\Address;
use Symfony\Component\Mime\Email;
$transport = Symfony\Component\Mailer\Transport::fromDsn('sendmail://default');
$mailer = new Symfony\Component\Mailer\Mailer($transport);
function message(string $subject): Email {
	return (new Email())->from(new Address('shop@example.test', 'Läden'))->sender('bounce@example.test')
		->subject($subject)->text("Grüße\n.\n..x\nend");
}
$mailer->send(message('First of two')->to('symfony-bs@example.test')->bcc('symfony-bs-bcc@example.test')->html('<p>Grüße</p>'));
try {
	$mailer->send(message('Refused')->to('nobody@example.test'));
	echo "sent\n";
} catch (Symfony\Component\Mailer\Exception\TransportExceptionInterface $e) {
	echo $e->getMessage(), "\n";
}
// After a refusal the same transport works on.
$mailer->send(message('Second of two')->to('symfony-bs-second@example.test'));
