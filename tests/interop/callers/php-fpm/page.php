<?php
header('Content-Type: text/plain');
echo mail('php-fpm@example.test', 'From a worker', "Grüße\n.\nend\n", [
	'From' => 'Shop <shop@example.test>',
	'Content-Type' => 'text/plain; charset=utf-8',
]) ? "sent\n" : "not sent\n";
echo mail('nobody@example.test', 'From a worker, refused', 'Body', 'From: shop@example.test') ? "sent\n" : "not sent\n";
