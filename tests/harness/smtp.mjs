// A mail server that keeps what it is handed, for tests of outgoing mail. See README.md.
import net from 'node:net';
import tls from 'node:tls';
import { after } from 'node:test';
import { waitFor } from './daemon.mjs';

// Quoted-printable and base64 bodies as text; anything else as it came.
function decodeBody(head, body) {
	const encoding = /^content-transfer-encoding:\s*(\S+)/im.exec(head)?.[1]?.toLowerCase();
	if (encoding === 'base64')
		return Buffer.from(body, 'base64').toString('utf8');
	if (encoding === 'quoted-printable')
		return Buffer.from(body.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/gi,
			(_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1').toString('utf8');
	return body;
}

function takeMail(raw) {
	const split = raw.indexOf('\r\n\r\n');
	const head = split < 0 ? raw : raw.slice(0, split);
	const unfolded = head.replace(/\r\n[ \t]+/g, ' ');
	const header = (name) => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(unfolded)?.[1]?.trim();
	return { raw, head, header, subject: header('subject'), text: decodeBody(head, raw.slice(split + 4)) };
}

class Session {
	constructor(server, socket) {
		this.server = server;
		this.secure = socket instanceof tls.TLSSocket;
		this.attach(socket);
		this.say('220 test ESMTP');
	}

	attach(socket) {
		this.socket = socket;
		this.pending = '';
		this.envelope = { to: [] };
		socket.setEncoding('latin1');
		socket.on('error', () => {});
		socket.on('data', (chunk) => this.feed(chunk));
	}

	say(line) {
		if (this.socket.writable)
			this.socket.write(`${line}\r\n`);
	}

	feed(chunk) {
		this.pending += chunk;
		for (;;) {
			if (this.data) {
				const end = `\r\n${this.pending}`.indexOf('\r\n.\r\n');
				if (end < 0)
					return;
				const raw = this.pending.slice(0, end).replace(/^\.\./gm, '.');
				this.pending = this.pending.slice(end + 3);
				this.data = false;
				this.finish(raw);
				continue;
			}
			const end = this.pending.indexOf('\r\n');
			if (end < 0)
				return;
			const line = this.pending.slice(0, end);
			this.pending = this.pending.slice(end + 2);
			this.server.lines.push(line);
			if (this.step(line) === 'switched')
				return;
		}
	}

	finish(raw) {
		const refusal = this.server.refusal('DATA-END');
		if (refusal)
			return this.say(refusal);
		this.server.mails.push({ ...this.envelope, secure: this.secure, ...takeMail(Buffer.from(raw, 'latin1').toString('utf8')) });
		this.envelope = { to: [] };
		this.say('250 taken');
	}

	step(line) {
		const verb = line.split(/[ :]/)[0].toUpperCase();
		const refusal = this.server.refusal(verb);
		if (refusal)
			return this.say(refusal);
		const { starttls, user, pass } = this.server.options;
		if (this.expect)
			return this.credentials(line);
		switch (verb) {
		case 'EHLO': {
			const offers = ['250-test'];
			if (starttls && !this.secure)
				offers.push('250-STARTTLS');
			if (user)
				offers.push('250-AUTH PLAIN LOGIN');
			return this.say([...offers, '250 8BITMIME'].join('\r\n'));
		}
		case 'HELO': case 'RSET': case 'NOOP':
			return this.say('250 ok');
		case 'STARTTLS':
			return this.startTls();
		case 'AUTH':
			return this.authenticate(line);
		case 'MAIL':
			if (user && !this.authenticated)
				return this.say('530 log in first');
			this.envelope = { from: /<([^>]*)>/.exec(line)?.[1], to: [], user: this.authenticated && user, pass: this.authenticated && pass };
			return this.say('250 ok');
		case 'RCPT':
			this.envelope.to.push(/<([^>]*)>/.exec(line)?.[1]);
			return this.say('250 ok');
		case 'DATA':
			this.data = true;
			return this.say('354 go on');
		case 'QUIT':
			this.say('221 bye');
			return this.socket.end();
		default:
			return this.say('502 not known');
		}
	}

	startTls() {
		const { starttls, key, cert } = this.server.options;
		if (!starttls)
			return this.say('502 not known');
		this.say('220 go on');
		const plain = this.socket;
		plain.removeAllListeners('data');
		const wrapped = new tls.TLSSocket(plain, { isServer: true, key, cert });
		this.secure = true;
		this.attach(wrapped);
		return 'switched';
	}

	authenticate(line) {
		const [, kind, initial] = line.split(' ');
		this.kind = kind?.toUpperCase();
		this.given = [];
		this.expect = true;
		if (initial)
			return this.credentials(initial);
		return this.say(this.kind === 'LOGIN' ? '334 VXNlcm5hbWU6' : '334 ');
	}

	credentials(line) {
		this.given.push(Buffer.from(line, 'base64').toString('utf8'));
		if (this.kind === 'LOGIN' && this.given.length === 1)
			return this.say('334 UGFzc3dvcmQ6');
		this.expect = false;
		const [name, word] = this.kind === 'PLAIN' ? this.given[0].split('\0').slice(1) : this.given;
		this.authenticated = name === this.server.options.user && word === this.server.options.pass;
		return this.say(this.authenticated ? '235 welcome' : '535 no');
	}
}

/**
 * Starts one on a free port: {port, mails, lines, env, waitMail(n), refuse(verb, line, times), close()}.
 * Options: user and pass (log-in demanded), starttls or implicit (with key and cert).
 */
export async function startSmtp(options = {}) {
	const sockets = new Set();
	const refusals = [];
	const shared = {
		options,
		mails: [],
		lines: [],
		refusal(verb) {
			const found = refusals.find((one) => one.verb === verb && one.times > 0);
			if (found)
				found.times--;
			return found?.line;
		},
	};
	const accept = (socket) => {
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
		new Session(shared, socket);
	};
	const server = options.implicit ? tls.createServer({ key: options.key, cert: options.cert }, accept)
		: net.createServer(accept);
	server.on('tlsClientError', () => {});
	await new Promise((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
	const { port } = server.address();
	const close = () => new Promise((resolve) => {
		for (const socket of sockets)
			socket.destroy();
		server.close(resolve);
	});
	open.add(close);
	return {
		port,
		mails: shared.mails,
		lines: shared.lines,
		/** Settings that make a daemon send its mail here. */
		env: {
			EMAIL_HOST: '127.0.0.1',
			EMAIL_PORT: String(port),
			EMAIL_FROM: 'Tsuzuki <noreply@example.com>',
			EMAIL_TLS: options.implicit ? 'implicit' : options.starttls ? 'starttls' : 'off',
			...(options.user ? { EMAIL_USER: options.user, EMAIL_PASS: options.pass } : {}),
		},
		/** Waits for the nth mail (the first is 1). */
		async waitMail(n = 1, timeout = 30000) {
			await waitFor(() => shared.mails.length >= n, { timeout, what: `mail ${n}` });
			return shared.mails[n - 1];
		},
		/** Answers `verb` (or DATA-END, after the body) with `line` the next `times` times. */
		refuse(verb, line = '451 try again later', times = 1) {
			refusals.push({ verb, line, times });
		},
		close() {
			open.delete(close);
			return close();
		},
	};
}

const open = new Set();
after(async () => {
	for (const close of open)
		await close();
});
