/**
 * Runs a built examples/browser in Chromium.
 */
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
const makeText = fileURLToPath(new URL('../../examples/own-text/make.mjs', import.meta.url));

/** Trains in the page on a small text, and says how it ended; throws what the page says where it fails. */
export async function trainInBrowser(pages, folder) {
  if (executablePath === undefined) return 'not run: there is no Chromium';
  const text = textIn(folder);
  const server = createServer((request, response) => {
    const file = join(pages, normalize(new URL(request.url, 'http://x').pathname.replace(/\/$/, '/index.html')));
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
    return createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.fill('#text', text);
    await page.click('#train');
    const log = page.locator('#log', { hasText: /done|failed|rror/ });
    await log.waitFor({ timeout: 180_000 });
    const said = (await log.textContent()).trim().split('\n').at(-1);
    if (!said.startsWith('done')) throw new Error(said);
    return said;
  } finally {
    await browser.close();
    server.close();
  }
}

function textIn(folder) {
  execFileSync(process.execPath, [makeText, '600'], { cwd: folder });
  return readFileSync(join(folder, 'book.txt'), 'utf8');
}
