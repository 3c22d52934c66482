<?php
// The real wp_mail() and what it needs of WordPress, with the few words that it would ask the database for.
define('ABSPATH', '/usr/share/wordpress/');
define('WPINC', 'wp-includes');
define('WP_DEBUG', false);
foreach (['load', 'compat', 'plugin', 'class-wp-error', 'functions', 'formatting', 'http', 'l10n', 'pluggable'] as $part)
	require ABSPATH . WPINC . "/$part.php";
function get_bloginfo($what) { return 'UTF-8'; }
function network_home_url() { return 'http://example.test'; }
add_action('wp_mail_failed', function ($error) { echo $error->get_error_message(), "\n"; });
$sent = wp_mail('Customer <wordpress@example.test>', 'Your order – Größe 7', "Dear customer,\n.\n..x\nGrüße\n",
	['Cc: wordpress-cc@example.test', 'Bcc: wordpress-bcc@example.test', 'Reply-To: Owner <owner@example.test>'],
	['crane.txt' => __DIR__ . '/user']);
echo $sent ? "sent\n" : "not sent\n";
echo wp_mail('nobody@example.test', 'Refused', 'Body') ? "sent\n" : "not sent\n";
