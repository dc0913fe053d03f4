// Bytes on a TCP connection, for what a proper HTTP client would never send. See README.md.
import net from 'node:net';

const PATIENCE = Number(process.env.TSUZUKI_TEST_PATIENCE || 1);

function headerEnd(bytes, from) {
	const at = bytes.indexOf('\r\n\r\n', from);
	return at < 0 ? -1 : at + 4;
}

// A chunked body: its end and its content, or null while it is incomplete.
function dechunk(bytes, from) {
	const parts = [];
	for (let at = from; ;) {
		const line = bytes.indexOf('\r\n', at);
		if (line < 0)
			return null;
		const size = parseInt(bytes.toString('latin1', at, line), 16);
		if (!Number.isFinite(size))
			throw new Error(`a bad chunk size: ${bytes.toString('latin1', at, line)}`);
		if (bytes.length < line + 2 + size + 2)
			return null;
		if (size === 0)
			return { end: line + 4, body: Buffer.concat(parts) };
		parts.push(bytes.subarray(line + 2, line + 2 + size));
		at = line + 2 + size + 2;
	}
}

function parseOne(bytes, from, headOnly, closed) {
	const end = headerEnd(bytes, from);
	if (end < 0)
		return null;
	const lines = bytes.toString('latin1', from, end - 4).split('\r\n');
	const match = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/.exec(lines[0]);
	if (!match)
		throw new Error(`not a status line: ${JSON.stringify(lines[0])}`);
	const headers = new Headers();
	for (const line of lines.slice(1)) {
		const colon = line.indexOf(':');
		headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
	}
	const response = { status: Number(match[2]), reason: match[3] ?? '', headers, head: lines.join('\n') };
	const finish = (body, next) => {
		response.body = body;
		response.text = body.toString('utf8');
		try {
			response.json = JSON.parse(response.text);
		} catch {
			response.json = undefined;
		}
		return { response, next };
	};
	if (headOnly || response.status < 200 || response.status === 204 || response.status === 304)
		return finish(Buffer.alloc(0), end);
	if (/chunked/i.test(headers.get('transfer-encoding') ?? '')) {
		const whole = dechunk(bytes, end);
		return whole && finish(whole.body, whole.end);
	}
	if (headers.has('content-length')) {
		const next = end + Number(headers.get('content-length'));
		return bytes.length < next ? null : finish(bytes.subarray(end, next), next);
	}
	// The body ends with the connection.
	return closed ? finish(bytes.subarray(end), bytes.length) : null;
}

/** Every complete response in `bytes`: {responses, rest}. `head`: they answer HEAD and have no bodies. */
export function parseResponses(bytes, { head = false, closed = true } = {}) {
	const responses = [];
	let at = 0;
	while (at < bytes.length) {
		const one = parseOne(bytes, at, head, closed);
		if (!one)
			break;
		responses.push(one.response);
		at = one.next;
	}
	return { responses, rest: bytes.subarray(at) };
}

/** A connection that stays in the test's hands. */
export class RawConnection {
	constructor(socket) {
		this.socket = socket;
		this.bytes = Buffer.alloc(0);
		this.closed = false;
		this.reset = false;
		this.opened = Date.now();
		this.waiting = new Set();
		const wake = () => {
			for (const look of [...this.waiting])
				look();
		};
		socket.setNoDelay(true);
		socket.on('data', (chunk) => {
			this.bytes = Buffer.concat([this.bytes, chunk]);
			wake();
		});
		socket.on('error', (error) => {
			this.error = error;
			this.reset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
		});
		socket.on('end', () => {
			this.ended = true;
		});
		socket.on('close', () => {
			this.closed = true;
			this.ms = Date.now() - this.opened;
			wake();
		});
	}

	/** Opens one to a daemon (or anything with a port). `halfOpen`: our side stays open when the peer ends its own. */
	static open({ port, host = '127.0.0.1', socketPath } = {}, { halfOpen = false } = {}) {
		return new Promise((resolve, reject) => {
			const socket = net.connect({ ...(socketPath ? { path: socketPath } : { port, host }), allowHalfOpen: halfOpen });
			socket.once('error', reject);
			socket.once('connect', () => {
				socket.off('error', reject);
				resolve(new RawConnection(socket));
			});
		});
	}

	/** Writes; resolves when the bytes left this process (at once when the connection is gone). */
	send(data) {
		return new Promise((resolve) => {
			if (this.closed || !this.socket.writable)
				return resolve(false);
			this.socket.write(data, () => resolve(true));
		});
	}

	#until(done, timeout, what) {
		return new Promise((resolve, reject) => {
			const look = () => {
				let value;
				try {
					value = done();
				} catch (error) {
					return finish(() => reject(error));
				}
				if (value)
					finish(() => resolve(value));
			};
			const timer = setTimeout(() => finish(() => reject(new Error(
				`${what} did not come in ${timeout * PATIENCE} ms; so far ${JSON.stringify(this.bytes.toString('latin1').slice(0, 2000))}`))),
			timeout * PATIENCE);
			const finish = (then) => {
				clearTimeout(timer);
				this.waiting.delete(look);
				then();
			};
			this.waiting.add(look);
			look();
		});
	}

	/** Waits for `count` complete responses since the start; fewer when the peer closes before. */
	responses(count = 1, { timeout = 20000, head = false } = {}) {
		return this.#until(() => {
			const { responses } = parseResponses(this.bytes, { head, closed: this.closed });
			return responses.length >= count || this.closed ? responses : null;
		}, timeout, `${count} responses`);
	}

	/** Waits until the peer has closed; {bytes, text, responses, ms (since the connection opened), reset}. */
	async closing({ timeout = 60000, head = false } = {}) {
		await this.#until(() => this.closed, timeout, 'the end of the connection');
		const text = this.bytes.toString('latin1');
		let responses = [];
		try {
			({ responses } = parseResponses(this.bytes, { head, closed: true }));
		} catch {
			// What came is no HTTP: the caller has the bytes.
		}
		return { bytes: this.bytes, text, responses, ms: this.ms, reset: this.reset };
	}

	/** Ends our side only: what a client does that has said everything. */
	end() {
		this.socket.end();
	}

	destroy() {
		this.socket.destroy();
	}
}

/**
 * Sends `data` (a string, a Buffer, or a list of them, written one after the other) and collects until `count`
 * responses are complete, or without `count` until the peer closes: {responses, text, closed, reset, ms}.
 */
export async function exchange(target, data, { count, timeout = 20000, head = false, end = false } = {}) {
	const connection = await RawConnection.open(target);
	try {
		for (const part of Array.isArray(data) ? data : [data])
			await connection.send(part);
		if (end)
			connection.end();
		if (count === undefined)
			return { ...(await connection.closing({ timeout, head })), closed: true };
		const responses = await connection.responses(count, { timeout, head });
		return {
			responses,
			bytes: connection.bytes,
			text: connection.bytes.toString('latin1'),
			closed: connection.closed,
			reset: connection.reset,
			ms: Date.now() - connection.opened,
		};
	} finally {
		connection.destroy();
	}
}
