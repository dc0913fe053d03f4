// Forgotten passwords, from the request to the log-in with what the mail says (design.md section 5, Forgot password).
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startDaemon, waitFor } from '../harness/daemon.mjs';
import { startSmtp } from '../harness/smtp.mjs';
import { good, person, refused, says } from './support.mjs';

const SENT = 'Password reset email sent successfully';
const passwordIn = (text) => /^Password: ([A-Za-z0-9]{12})\r?$/m.exec(text)?.[1];
const logIn = (who, password) => who.post('/api/auth/login', { email: who.email, password });

let folder;
let tls;
before(() => {
	folder = mkdtempSync(join(tmpdir(), 'tsuzuki-mail-'));
	execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext',
		'subjectAltName=IP:127.0.0.1', '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')], { stdio: 'ignore' });
	tls = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')), file: join(folder, 'cert.pem') };
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('a forgotten password', () => {
	test('comes by mail, works beside the old one and once, becomes the password and ends every other session', async () => {
		const smtp = await startSmtp();
		const daemon = await startDaemon({ env: smtp.env });
		const who = await person(daemon);
		says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
		const mail = await smtp.waitMail();
		assert.match(mail.subject, /password/i);
		const fresh = passwordIn(mail.text);
		assert.ok(fresh, mail.text);
		good(await logIn(who, who.password));
		const session = good(await logIn(who, fresh));
		refused(await who.get('/api/auth/me'), 401);
		refused(await logIn(who, who.password), 401, 'Invalid credentials');
		good(await logIn(who, fresh));
		assert.ok(session.token);
		assert.ok(!daemon.log().includes(fresh), 'the log holds no password');
		await daemon.stop();
	});
	test('for an unknown address has the same answer and sends nothing', async () => {
		const smtp = await startSmtp();
		const daemon = await startDaemon({ env: smtp.env });
		const who = await person(daemon);
		says(await who.post('/api/auth/forgot-password', { email: 'nobody@example.com' }), SENT);
		says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
		const mail = await smtp.waitMail();
		assert.match(mail.raw, new RegExp(who.email));
		assert.equal(smtp.mails.length, 1);
		await daemon.stop();
	});
	test('is mailed at most three times an hour', async () => {
		const smtp = await startSmtp();
		const daemon = await startDaemon({ env: smtp.env });
		const who = await person(daemon);
		for (let n = 1; n <= 3; n++) {
			says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
			await smtp.waitMail(n);
		}
		const other = await person(daemon);
		says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
		says(await who.post('/api/auth/forgot-password', { email: other.email }), SENT);
		assert.match((await smtp.waitMail(4)).raw, new RegExp(other.email));
		await daemon.stop();
	});
});

describe('delivery', () => {
	test('over STARTTLS with a log-in, and with implicit TLS', async () => {
		for (const kind of ['starttls', 'implicit']) {
			const smtp = await startSmtp({ [kind]: true, ...tls, user: 'relay', pass: 'relay-secret' });
			const daemon = await startDaemon({ env: { ...smtp.env, SSL_CERT_FILE: tls.file } });
			const who = await person(daemon);
			says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
			assert.ok(passwordIn((await smtp.waitMail()).text), kind);
			assert.ok(!daemon.log().includes('relay-secret'));
			await daemon.stop();
		}
	});
	test('to a relay whose certificate nobody vouches for is refused, and said in the log', async () => {
		const smtp = await startSmtp({ starttls: true, ...tls });
		const daemon = await startDaemon({ env: smtp.env });
		const who = await person(daemon);
		says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
		await waitFor(() => /a mail could not be sent: .*certificate/i.test(daemon.log()), { what: 'the line in the log' });
		assert.equal(smtp.mails.length, 0);
		await daemon.stop();
	});
	test('to a silent relay does not hold the stop up, and the mail comes after the next start', async () => {
		const sockets = [];
		const silent = net.createServer((socket) => sockets.push(socket.on('error', () => {})));
		await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
		const { port } = silent.address();
		const daemon = await startDaemon({ env: { EMAIL_HOST: '127.0.0.1', EMAIL_PORT: String(port), EMAIL_TLS: 'off',
			EMAIL_FROM: 'noreply@example.com' } });
		const who = await person(daemon);
		says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
		await waitFor(() => sockets.length > 0, { what: 'the daemon at the relay' });
		const { ms } = await daemon.stop();
		// Five seconds are promised for the stop; the attempt alone would take thirty.
		assert.ok(ms < 25000, `stopped after ${ms} ms`);
		for (const socket of sockets)
			socket.destroy();
		await new Promise((resolve) => silent.close(resolve));
		const smtp = await startSmtp({ port });
		await daemon.restart();
		assert.ok(passwordIn((await smtp.waitMail()).text));
		await daemon.stop();
	});
	test('that the relay refuses for good is given up; one that it refuses the sender of is tried again', async () => {
		for (const [verb, line, outcome] of [['RCPT', '550 no', 'given up'], ['DATA-END', '554 no', 'given up'],
			['MAIL', '530 no', 'it will be tried again']]) {
			const smtp = await startSmtp();
			smtp.refuse(verb, line, 1);
			const daemon = await startDaemon({ env: smtp.env });
			const who = await person(daemon);
			says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
			const [said] = await daemon.waitLog(/a mail could not be sent: .*/);
			assert.ok(said.endsWith(outcome), `${verb}: ${said}`);
			assert.ok(!said.includes(who.email));
			await daemon.stop();
		}
	});
	test('is tried again while the relay refuses, also after a kill -9', async () => {
		const smtp = await startSmtp();
		smtp.refuse('MAIL', '451 try again later', 1);
		const daemon = await startDaemon({ env: smtp.env });
		const who = await person(daemon);
		says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
		await waitFor(() => daemon.log().includes('it will be tried again'), { what: 'the first try to fail' });
		await daemon.kill();
		await daemon.restart();
		assert.ok(passwordIn((await smtp.waitMail()).text));
		await daemon.stop();
	});
});

test('a real mail server (OpenSMTPD) takes it and delivers it', async (t) => {
	if (!existsSync('/usr/sbin/smtpd') || process.getuid() !== 0) {
		t.skip('OpenSMTPD is not installed, or this is not root');
		return;
	}
	const nobody = Number(spawnSync('id', ['-u', 'nobody']).stdout);
	const inbox = join(folder, 'inbox');
	mkdirSync(inbox);
	chmodSync(folder, 0o755);
	chownSync(inbox, nobody, nobody);
	const probe = net.createServer().listen(0, '127.0.0.1');
	await new Promise((resolve) => probe.once('listening', resolve));
	const { port } = probe.address();
	await new Promise((resolve) => probe.close(resolve));
	const conf = join(folder, 'smtpd.conf');
	writeFileSync(conf, `table users { "@" = "nobody" }\nlisten on 127.0.0.1 port ${port}\n`
		+ `action "keep" maildir "${inbox}" virtual <users>\nmatch from any for any action "keep"\n`);
	let log = '';
	const smtpd = spawn('/usr/sbin/smtpd', ['-d', '-f', conf], { stdio: ['ignore', 'pipe', 'pipe'] });
	for (const stream of [smtpd.stdout, smtpd.stderr])
		stream.on('data', (chunk) => { log += chunk; });
	t.after(() => smtpd.kill('SIGTERM'));
	const daemon = await startDaemon({ env: { EMAIL_HOST: '127.0.0.1', EMAIL_PORT: String(port), EMAIL_TLS: 'off',
		EMAIL_FROM: 'Anime Stream <noreply@example.com>' } });
	const who = await person(daemon);
	says(await who.post('/api/auth/forgot-password', { email: who.email }), SENT);
	const fresh = join(inbox, 'new');
	await waitFor(() => existsSync(fresh) && readdirSync(fresh).length > 0, { timeout: 60000, what: `a mail in the inbox; ${log}` });
	const mail = readFileSync(join(fresh, readdirSync(fresh)[0]), 'utf8');
	assert.match(mail, /^From: .*Anime Stream/m);
	good(await logIn(who, passwordIn(mail)));
	await daemon.stop();
});
