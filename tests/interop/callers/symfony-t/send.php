<?php
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
use Symfony\Component\Mime\Address;
use Symfony\Component\Mime\Email;
$transport = Symfony\Component\Mailer\Transport::fromDsn('sendmail://default?command=' . rawurlencode('/usr/sbin/sendmail -t -i'));
$mailer = new Symfony\Component\Mailer\Mailer($transport);
function message(string $subject): Email {
	return (new Email())->from(new Address('shop@example.test', 'Läden'))->sender('bounce@example.test')
		->subject($subject)->text("Grüße\n.\n..x\nend");
}
$mailer->send(message('First of two')->to('symfony-t@example.test')->bcc('symfony-t-bcc@example.test')->html('<p>Grüße</p>'));
try {
	$mailer->send(message('Refused')->to('nobody@example.test'));
	echo "sent\n";
} catch (Symfony\Component\Mailer\Exception\TransportExceptionInterface $e) {
	echo $e->getMessage(), "\n";
}
// Without -i Symfony doubles leading dots, which sendmail would take back; we, as Postfix, do not (sendmail(8)).
$transport = Symfony\Component\Mailer\Transport::fromDsn('sendmail://default?command=' . rawurlencode('/usr/sbin/sendmail -t'));
$mailer = new Symfony\Component\Mailer\Mailer($transport);
$mailer->send(message('Second of two')->to('symfony-t-second@example.test'));
