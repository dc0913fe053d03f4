// The page at `/` as a person sees it, with the real daemon behind it.
import assert from 'node:assert/strict';
import path from 'node:path';
import { before, describe } from 'node:test';
import { startDaemon } from '../harness/daemon.mjs';
import { browserTest, noBrowser, openPage, startBrowser } from './support.mjs';

const WIDTHS = [320, 1280];
// Pictures for people, when a folder is named.
const SHOTS = process.env.TSUZUKI_SCREENSHOTS;

describe('the page at /', () => {
	let daemon, browser;
	before(async () => {
		if (noBrowser)
			return;
		daemon = await startDaemon();
		browser = await startBrowser();
	});

	for (const width of WIDTHS) {
		browserTest(`at ${width} pixels it says that it runs, fits, and nobody complains`, async () => {
			const { page, complaints, requests } = await openPage(browser, { width });
			const reply = await page.goto(`${daemon.url}/`);
			assert.equal(reply.status(), 200);
			assert.equal(await page.title(), 'tsuzuki');
			assert.ok(await page.getByRole('heading', { name: 'It runs' }).isVisible());
			assert.ok(await page.getByRole('link', { name: 'api/openapi.json' }).isVisible());
			// Nothing to scroll sideways, but for the example, which does so by itself.
			assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true);
			// The style sheet is applied: a policy that refused it would leave the browser's own margins.
			assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('pre')).borderTopStyle), 'solid');
			if (SHOTS)
				await page.screenshot({ path: path.join(SHOTS, `page-${width}.png`), fullPage: true });
			assert.deepEqual(complaints, []);
			for (const url of requests)
				assert.ok(url.startsWith(`${daemon.url}/`) || url.startsWith('data:'), url);
			assert.ok(requests.includes(`${daemon.url}/page.css`));
			await page.close();
		});
	}

	browserTest('it is dark for those who want it dark', async () => {
		const { page, complaints } = await openPage(browser, { width: 1280 });
		await page.emulateMedia({ colorScheme: 'dark' });
		await page.goto(`${daemon.url}/`);
		const [red] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
		assert.ok(red < 64, `${red}`);
		if (SHOTS)
			await page.screenshot({ path: path.join(SHOTS, 'page-dark.png'), fullPage: true });
		assert.deepEqual(complaints, []);
		await page.close();
	});

	browserTest('every link leads somewhere, and the API document is one', async () => {
		const { page, complaints } = await openPage(browser);
		await page.goto(`${daemon.url}/`);
		const links = await page.getByRole('link').evaluateAll((all) => all.map((link) => link.href));
		assert.equal(links.length, 3);
		for (const link of links) {
			const reply = await page.goto(link);
			assert.equal(reply.status(), 200, link);
			await page.goBack();
		}
		const [reply] = await Promise.all([
			page.waitForResponse((response) => response.url().endsWith('/api/openapi.json')),
			page.getByRole('link', { name: 'api/openapi.json' }).click(),
		]);
		assert.match((await reply.json()).openapi, /^3\./);
		assert.deepEqual(complaints, []);
		await page.close();
	});

	browserTest('a keyboard goes through it from top to bottom, and shows where it is', async () => {
		const { page } = await openPage(browser, { width: 320 });
		await page.goto(`${daemon.url}/`);
		const order = [];
		for (let i = 0; i < 4; i++) {
			await page.keyboard.press('Tab');
			order.push(await page.evaluate(() => {
				const at = document.activeElement;
				return { name: at.getAttribute('href') ?? at.tagName, outline: getComputedStyle(at).outlineStyle };
			}));
		}
		assert.deepEqual(order.map(({ name }) => name), ['health', 'health/ready', 'api/openapi.json', 'PRE']);
		for (const { name, outline } of order)
			assert.equal(outline, 'solid', name);
		await page.keyboard.press('Shift+Tab');
		await page.keyboard.press('Enter');
		await page.waitForURL(`${daemon.url}/api/openapi.json`);
		await page.close();
	});

	browserTest('its policy holds: an inline script and a picture from elsewhere are refused', async () => {
		const { page, complaints, requests } = await openPage(browser);
		await page.goto(`${daemon.url}/`);
		await page.evaluate(() => {
			const script = document.createElement('script');
			script.textContent = 'document.title = "owned"';
			document.body.append(script);
			const picture = document.createElement('img');
			picture.src = 'http://127.0.0.1:1/picture.png';
			document.body.append(picture);
			return new Promise((resolve) => picture.addEventListener('error', resolve));
		});
		assert.equal(await page.title(), 'tsuzuki');
		assert.equal(complaints.filter((text) => /Content Security Policy/.test(text)).length, 2, complaints.join('\n'));
		assert.equal(requests.filter((url) => url.includes(':1/')).length, requests.filter((url) => url.includes('picture')).length);
		await page.close();
	});
});

describe('under a path of a proxy', () => {
	browserTest('the page finds its style and its links there', async () => {
		const daemon = await startDaemon({ env: { BASE_PATH: '/tsuzuki' } });
		const browser = await startBrowser();
		const { page, complaints, requests } = await openPage(browser);
		await page.goto(`${daemon.url}/tsuzuki/`);
		assert.ok(requests.includes(`${daemon.url}/tsuzuki/page.css`));
		await page.getByRole('link', { name: 'api/openapi.json' }).click();
		await page.waitForURL(`${daemon.url}/tsuzuki/api/openapi.json`);
		assert.deepEqual(complaints, []);
	});
});
