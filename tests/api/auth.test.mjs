// Accounts and log-in: design.md section 5; live-clients.md sections 2 and 3.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { client, unique } from '../harness/client.mjs';
import { startDaemon } from '../harness/daemon.mjs';
import {
	DEVICE,
	ISO,
	NOT_AUTHORIZED,
	OID,
	STATUSES,
	TOKEN_FIELDS,
	USER_FIELDS,
	claims,
	fields,
	good,
	hex,
	invalid,
	person,
	refused,
	says,
} from './support.mjs';

const NAME_LENGTH = 'Username must be between 3 and 30 characters';
const NAME_LETTERS = 'Username can only contain letters, numbers, and underscores';
const EMAIL = 'Please provide a valid email';
const PASSWORD = 'Password must be at least 6 characters long';

let daemon, api;
before(async () => {
	daemon = await startDaemon();
	({ api } = client(daemon.url));
});

const register = (body, options) => api('POST', '/api/auth/register', { body, ...options });
const login = (body, options) => api('POST', '/api/auth/login', { body, ...options });
function newcomer(more = {}) {
	const username = unique();
	return { username, email: `${username}@example.com`, password: 'securepassword123', ...more };
}

function wholeUser(data, { username, email }) {
	assert.match(data._id, OID);
	assert.equal(data.username, username);
	assert.equal(data.email, email);
	assert.equal(data.role, 'user');
	assert.equal(data.avatar, '');
	assert.equal(data.isVerified, false);
	assert.deepEqual(data.notificationIgnore, Object.fromEntries(STATUSES.map((s) => [s, false])));
	assert.deepEqual(data.preferences, { audio: 'sub', server: 'hd-1' });
	assert.match(data.createdAt, ISO);
	assert.match(data.updatedAt, ISO);
}

describe('register', () => {
	test('answers 201 with the whole user and the three things a session needs', async () => {
		const who = newcomer();
		const data = good(await register(who), 201);
		fields(data, [...USER_FIELDS, ...TOKEN_FIELDS].sort());
		wholeUser(data, who);
		assert.match(data.deviceId, DEVICE);
		assert.ok(typeof data.refreshToken === 'string' && data.refreshToken.length >= 32);
	});
	test('gives a token that is HS256 and claims id, sid, dev, iat and exp seven days later', async () => {
		const data = good(await register(newcomer()), 201);
		const header = JSON.parse(Buffer.from(data.token.split('.')[0], 'base64url').toString());
		assert.equal(header.alg, 'HS256');
		const claim = claims(data.token);
		fields(claim, ['dev', 'exp', 'iat', 'id', 'sid']);
		assert.equal(claim.id, data._id);
		assert.equal(claim.dev, data.deviceId);
		assert.equal(claim.exp - claim.iat, 7 * 24 * 3600);
	});
	test('takes a deviceId and a deviceName', async () => {
		const deviceId = hex(8);
		const data = good(await register(newcomer({ deviceId, deviceName: 'Küche 📺' })), 201);
		assert.equal(data.deviceId, deviceId);
		const devices = good(await api('GET', '/api/devices', { token: data.token }));
		assert.deepEqual(
			devices.map(({ id, name, current }) => ({ id, name, current })),
			[{ id: deviceId, name: 'Küche 📺', current: true }],
		);
	});
	test('reports each failing rule with its text: a short name with a bad letter fails two', async () => {
		invalid(await register({ username: 'a-', email: 'nobody', password: '12345' }), [
			['username', NAME_LENGTH],
			['username', NAME_LETTERS],
			['email', EMAIL],
			['password', PASSWORD],
		]);
	});
	test('says "Please provide a valid email" when the address alone fails, with its entry', async () => {
		invalid(await register(newcomer({ email: 'user@example' })), [['email', EMAIL]], EMAIL);
	});
	test('an absent, an empty and a null body field fail like a bad one', async () => {
		for (const body of [{}, { username: '', email: '', password: '' }, { username: null, email: null, password: null }]) {
			const json = refused(await register(body), 422, 'Validation failed');
			assert.deepEqual([...new Set(json.errors.map((e) => e.path))].sort(), ['email', 'password', 'username']);
		}
	});
	test('an empty body without a content type is a 422, not a 415', async () => {
		refused(await api('POST', '/api/auth/register'), 422, 'Validation failed');
	});
	test('name: 3 and 30 characters pass, 2 and 31 do not, and it is trimmed first', async () => {
		const tail = hex(14);
		good(await register(newcomer({ username: hex(2).slice(0, 3) })), 201);
		const trimmed = `T_${tail}`.slice(0, 30);
		const data = good(await register(newcomer({ username: `  ${trimmed}  ` })), 201);
		assert.equal(data.username, trimmed);
		invalid(await register(newcomer({ username: 'ab' })), [['username', NAME_LENGTH]]);
		invalid(await register(newcomer({ username: 'a'.repeat(31) })), [['username', NAME_LENGTH]]);
	});
	test('name: only ASCII letters, digits and underscores', async () => {
		for (const username of ['two words', 'naïve', 'dash-ed', 'dot.ted', 'новый', "o'brien"])
			invalid(await register(newcomer({ username })), [['username', NAME_LETTERS]]);
	});
	test('password: six characters pass, five do not; characters count, not bytes', async () => {
		good(await register(newcomer({ password: 'ééééééé'.slice(0, 6) })), 201);
		invalid(await register(newcomer({ password: '12345' })), [['password', PASSWORD]]);
		invalid(await register(newcomer({ password: 'éééé' })), [['password', PASSWORD]]);
	});
	test('password: 1024 bytes pass and work, more are refused', async () => {
		const who = newcomer({ password: 'x'.repeat(1024) });
		good(await register(who), 201);
		good(await login(who));
		const reply = await register(newcomer({ password: 'x'.repeat(1025) }));
		assert.equal(reply.status, 422);
		assert.deepEqual(
			reply.json.errors.map((e) => e.path),
			['password'],
		);
	});
	test('password: blanks around it belong to it', async () => {
		const who = newcomer({ password: '  blanks  ' });
		good(await register(who), 201);
		good(await login(who));
		refused(await login({ ...who, password: 'blanks' }), 401, 'Invalid credentials');
	});
	test('refuses what is no address', async () => {
		for (const email of [
			'plain',
			'@example.com',
			'user@',
			'user@@example.com',
			'a b@example.com',
			'user@example',
			'user@.com',
			'user@exa mple.com',
			'user@example..com',
			`${'a'.repeat(250)}@example.com`,
			'user@example.com\nbcc: x@example.com',
		])
			invalid(await register(newcomer({ email })), [['email', EMAIL]], EMAIL);
	});
	test('takes addresses with +, dots, digits, dashes and long top-level domains', async () => {
		for (const email of [
			`u.${hex(6)}+tag@example.com`,
			`u_${hex(6)}@sub-domain.example.photography`,
			`1${hex(6)}@example.co.uk`,
		])
			assert.equal(good(await register(newcomer({ email })), 201).email, email);
	});
	test('an address is trimmed and lower-cased when stored and looked up', async () => {
		const who = newcomer();
		const data = good(await register({ ...who, email: `  ${who.email.toUpperCase()} ` }), 201);
		assert.equal(data.email, who.email.toLowerCase());
		good(await login({ email: ` ${who.email.toUpperCase()}\t`, password: who.password }));
		refused(await register(newcomer({ email: who.email.toUpperCase() })), 409, 'Email already registered');
	});
	test('a name keeps its case and is unique without regard to it', async () => {
		const who = newcomer({ username: `Mixed_${hex(8)}` });
		assert.equal(good(await register(who), 201).username, who.username);
		refused(await register(newcomer({ username: who.username.toLowerCase() })), 409, 'Username already taken');
		refused(await register(newcomer({ username: who.username.toUpperCase() })), 409, 'Username already taken');
	});
	test('when address and name are both taken it speaks of the address', async () => {
		const who = newcomer();
		good(await register(who), 201);
		refused(await register(who), 409, 'Email already registered');
	});
	test('of several equal registrations at the same moment exactly one wins', async () => {
		const who = newcomer();
		const replies = await Promise.all(Array.from({ length: 6 }, () => register(who)));
		assert.deepEqual(replies.map((r) => r.status).sort(), [201, 409, 409, 409, 409, 409]);
		good(await login(who));
	});
	test('ignores unknown fields: nobody makes himself admin, verified or a chosen id', async () => {
		const _id = '0'.repeat(24);
		const data = good(await register(newcomer({ role: 'admin', isVerified: true, _id, nonsense: { deep: [1] } })), 201);
		assert.equal(data.role, 'user');
		assert.equal(data.isVerified, false);
		assert.notEqual(data._id, _id);
	});
	test('wrong JSON types are 422 for that field, never 500', async () => {
		for (const path of ['username', 'email', 'password'])
			for (const value of [[], {}, ['a@b.com'], { $ne: '' }, true, null]) {
				const reply = await register(newcomer({ [path]: value }));
				assert.equal(reply.status, 422, reply.text);
				assert.deepEqual([...new Set(reply.json.errors.map((e) => e.path))], [path]);
			}
	});
	test('a deviceName or deviceId of a wrong type or length is never a 500 and never stored', async () => {
		for (const more of [
			{ deviceName: ['x'] },
			{ deviceName: 'x'.repeat(101) },
			{ deviceId: 7 },
			{ deviceId: 'kitchen' },
			{ deviceId: 'g'.repeat(16) },
		]) {
			const reply = await register(newcomer(more));
			assert.equal(reply.status, 422, `${JSON.stringify(more)}: ${reply.text}`);
			assert.deepEqual(
				reply.json.errors.map((e) => e.path),
				Object.keys(more),
			);
		}
	});
	test('a token in the header is not looked at, good or bad: the web client sends one along', async () => {
		good(await register(newcomer(), { token: 'null' }), 201);
		const other = await person(daemon);
		good(await register(newcomer(), { token: other.token }), 201);
	});
});

describe('login', () => {
	test('answers 200 with the whole user and a session, and ignores rememberMe', async () => {
		const who = newcomer();
		const first = good(await register(who), 201);
		const data = good(await login({ email: who.email, password: who.password, rememberMe: true }));
		fields(data, [...USER_FIELDS, ...TOKEN_FIELDS].sort());
		wholeUser(data, who);
		assert.equal(data._id, first._id);
		assert.equal(data.idKey, first.idKey);
		assert.notEqual(data.deviceId, first.deviceId);
	});
	test('says the same to a wrong password as to an unknown address', async () => {
		const who = newcomer();
		good(await register(who), 201);
		const wrong = await login({ email: who.email, password: 'another password' });
		const unknown = await login({ email: `x${who.email}`, password: 'another password' });
		refused(wrong, 401, 'Invalid credentials');
		assert.equal(unknown.status, wrong.status);
		assert.equal(unknown.text, wrong.text);
	});
	test('a password is compared exactly', async () => {
		const who = newcomer({ password: 'CaseMatters1' });
		good(await register(who), 201);
		for (const password of ['casematters1', 'CaseMatters1 ', 'CaseMatters', 'CaseMatters12'])
			refused(await login({ ...who, password }), 401, 'Invalid credentials');
	});
	test('validates: an address and a password that is not empty', async () => {
		invalid(await login({ email: 'nobody', password: '' }), [
			['email', EMAIL],
			['password', 'Password is required'],
		]);
		invalid(await login({ email: 'nobody', password: 'x' }), [['email', EMAIL]], EMAIL);
		invalid(await login({ email: 'user@example.com' }), [['password', 'Password is required']]);
		assert.equal((await login({ email: ['user@example.com'], password: { $gt: '' } })).status, 422);
	});
	test('a short password is no validation failure here: it is just wrong', async () => {
		refused(await login({ email: `${unique()}@example.com`, password: 'x' }), 401, 'Invalid credentials');
	});
	test('failed log-ins never lock an account', async () => {
		const who = newcomer();
		good(await register(who), 201);
		for (let i = 0; i < 4; i++) refused(await login({ ...who, password: `guess ${i}` }), 401, 'Invalid credentials');
		good(await login(who));
	});
});

describe('me', () => {
	test('gives the whole user without any secret', async () => {
		const who = await person(daemon);
		const data = good(await who.get('/api/auth/me'));
		fields(data, USER_FIELDS);
		wholeUser(data, who);
	});
	test('HEAD answers as GET without the body', async () => {
		const who = await person(daemon);
		const get = await who.get('/api/auth/me');
		const head = await api('HEAD', '/api/auth/me', { token: who.token });
		assert.equal(head.status, 200);
		assert.equal(head.text, '');
		assert.equal(head.headers.get('content-type'), get.headers.get('content-type'));
		refused(await who.api('GET', '/api/auth/me'), 401, NOT_AUTHORIZED);
	});
});

describe('forgot-password', () => {
	test('answers an unknown address in the same bytes as a known one', async () => {
		const who = await person(daemon);
		const known = await api('POST', '/api/auth/forgot-password', { body: { email: who.email } });
		const unknown = await api('POST', '/api/auth/forgot-password', { body: { email: `x${who.email}` } });
		says(known, 'Password reset email sent successfully');
		assert.equal(unknown.text, known.text);
		assert.equal(unknown.status, known.status);
	});
	test('changes nothing about the present password', async () => {
		const who = await person(daemon);
		for (let i = 0; i < 5; i++)
			says(
				await api('POST', '/api/auth/forgot-password', { body: { email: who.email } }),
				'Password reset email sent successfully',
			);
		good(await login(who));
		good(await who.get('/api/auth/me'));
	});
	test('wants an address', async () => {
		for (const body of [{}, { email: 'nobody' }, { email: 7 }, { email: null }])
			invalid(await api('POST', '/api/auth/forgot-password', { body }), [['email', EMAIL]], EMAIL);
	});
});

test('no reply and no line of the log (at debug) ever holds a password or a token', async () => {
	const who = newcomer({ password: `secret-${hex(12)}` });
	const replies = [
		await register(who),
		await register({ ...who, username: 'a-' }),
		await login(who),
		await login({ ...who, password: `${who.password}x` }),
		await register({ ...who, email: { password: who.password } }),
	];
	const { token, refreshToken } = replies[0].json.data;
	const next = `next-${hex(12)}`;
	replies.push(
		await api('POST', '/api/auth/reset-password', { token, body: { currentPassword: who.password, newPassword: next } }),
	);
	replies.push(
		await api('POST', '/api/auth/reset-password', { token, body: { currentPassword: who.password, newPassword: 'a' } }),
	);
	replies.push(await api('GET', '/api/auth/me', { token }));
	replies.push(await api('PUT', '/api/users/profile', { token, body: { password: next } }));
	for (const { text } of replies) {
		assert.ok(!text.includes(who.password), text);
		assert.ok(!text.includes(next), text);
		assert.doesNotMatch(text, /\$argon2|\$2[aby]\$/);
	}
	for (const secret of [who.password, next, token, refreshToken, token.split('.')[2]])
		assert.ok(!daemon.log().includes(secret));
});
