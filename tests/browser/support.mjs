// A real browser for a test: see README.md of this folder.
import { accessSync, constants } from 'node:fs';
import http from 'node:http';
import { after, test } from 'node:test';
import { tempDir } from '../harness/daemon.mjs';

const playwright = await import('playwright-core').catch(() => null);
const PATIENCE = Number(process.env.TSUZUKI_TEST_PATIENCE || 1);

// It talks to nobody but the servers of the test.
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync'];

function executable() {
	for (const path of [process.env.TSUZUKI_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser']) {
		try {
			accessSync(path, constants.X_OK);
			return path;
		} catch {
			// The next one.
		}
	}
	return null;
}

/** Why there is no browser here, or false. */
export const noBrowser = !playwright ? 'playwright-core is not installed' : executable() ? false : 'there is no /usr/bin/chromium';

/** A test that is skipped where there is no browser. */
export const browserTest = (name, run) => test(name, { skip: noBrowser }, run);

// A hook that is made inside another one runs when that one ends, so these are made here.
const open = [];
after(async () => {
	for (const close of open.reverse())
		await close();
});

/** A browser with a folder of its own, closed when the file ends. */
export async function startBrowser() {
	const context = await playwright.chromium.launchPersistentContext(tempDir('browser'), {
		executablePath: executable(), args: FLAGS, headless: true, timeout: 60000 * PATIENCE });
	context.setDefaultTimeout(30000 * PATIENCE);
	open.push(() => context.close());
	return context;
}

/** A page that keeps what a person at the console would see: {page, complaints, requests}. */
export async function openPage(context, { width = 1280, height = 800 } = {}) {
	const page = await context.newPage();
	await page.setViewportSize({ width, height });
	const complaints = [];
	const requests = [];
	page.on('console', (message) => {
		// For a document without a place for one, such as JSON, a browser asks for an icon by itself.
		const icon = /\/favicon\.ico$/.test(message.location().url);
		if (['error', 'warning'].includes(message.type()) && !icon)
			complaints.push(message.text());
	});
	page.on('pageerror', (error) => complaints.push(String(error)));
	page.on('request', (request) => requests.push(request.url()));
	return { page, complaints, requests };
}

/** A front-end's own server: an empty page of another origin. */
export async function startFrontend() {
	const server = http.createServer((request, response) => {
		response.writeHead(200, { 'content-type': 'text/html' });
		response.end('<!DOCTYPE html><html lang="en"><title>front-end</title><link rel="icon" href="data:,">');
	});
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	open.push(() => server.close());
	return `http://127.0.0.1:${server.address().port}`;
}
