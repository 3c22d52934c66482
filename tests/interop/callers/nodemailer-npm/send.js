const nodemailer = require('/usr/share/npm/nodemailer');
const transport = nodemailer.createTransport({ sendmail: true, newline: 'unix', path: '/usr/sbin/sendmail' });
const message = {
	from: 'Läden <shop@example.test>', to: 'Jürgen <nodemailer-npm@example.test>', bcc: 'nodemailer-npm-bcc@example.test',
	subject: 'Größe', text: 'Grüße\n.\n..x\nend', html: '<p>Grüße</p>',
	attachments: [{ filename: 'four.bin', content: Buffer.from([0, 1, 2, 255]) }],
};
async function main() {
	const info = await transport.sendMail(message);
	console.log(info.envelope, info.response);
	try {
		await transport.sendMail({ from: 'shop@example.test', to: 'nobody@example.test', subject: 'Refused', text: 'Body' });
		console.log('sent');
	} catch (error) {
		console.log(error.message);
	}
}
main();
