use strict;
use Mail::Mailer;
sub letter {
	my $mailer = Mail::Mailer->new('sendmail');
	$mailer->open({ From => 'Shop <shop@example.test>', To => $_[0], Cc => $_[1], Subject => 'Mail::Mailer' });
	print $mailer "body\n.\n..x\nend";
	return $mailer->close;
}
letter('perl-mail-mailer@example.test', [ 'perl-mail-mailer-cc@example.test' ]) or print "not sent: $?\n";
print letter('nobody@example.test', []) ? "sent\n" : "not sent: $?\n";
