import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { chromiumPath, scrollsSideways, startBrowser, watchedPage } from '../support/browser.ts';
import { makeFolder, runCli, startCli, strongIss, tiny, writeCorpus } from '../support/runCli.ts';
import { makeRun } from '../support/runFolder.ts';
import { type Serving, startServing } from '../support/serving.ts';

let folder: string;
let server: Serving;
beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(join(folder, 'text'));
  makeRun(join(folder, 'runs', '<img src=x onerror=alert(1)>'), { finished: true });
  server = await startServing('runs', folder);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('slimrnn serve', () => {
  it('refuses what cannot be served', async () => {
    const answer = async (...args: string[]) => (await runCli(['serve', ...args], folder)).stderr;
    expect(await answer('nowhere')).toContain('there is no folder nowhere');
    expect(await answer('text/train.txt')).toContain('is a file, not a folder');
    expect(await answer('runs', '--port', '70000')).toContain('--port takes a whole number from 0 to 65535');
    expect(await answer('runs', '--port', new URL(server.url).port)).toContain('it is in use');
  });

  it('ends in order', async () => {
    const other = await startServing('runs', folder);
    expect((await fetch(other.url)).status).toBe(200);
    expect(await other.stop()).toMatchObject({ code: 0, stderr: '' });
  });
});

describe.skipIf(chromiumPath === undefined)('the dashboard in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  it('shows a name of HTML as text, at 390 pixels too', async () => {
    const { page, problems } = await watchedPage(browser, { viewport: { width: 390, height: 800 } });
    await page.goto(server.url);
    await page.getByRole('link', { name: '<img src=x onerror=alert(1)>' }).click();
    await page.getByRole('heading', { level: 1, name: '<img src=x onerror=alert(1)>' }).waitFor();
    await page.locator('.chart svg').first().waitFor();
    expect(await scrollsSideways(page)).toBe(false);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('follows a training from its first epoch to its result', async () => {
    const { page, problems } = await watchedPage(browser, { viewport: { width: 1280, height: 900 } });
    await page.goto(server.url);
    const args = ['train', ...tiny, ...strongIss, '--epochs', '8', '--hidden', '96,96', '--data', 'text'];
    const training = startCli([...args, '--out', 'runs/live'], folder);
    onTestFinished(() => {
      training.child.kill('SIGKILL');
    });
    // Held at its first sign of life, so that it cannot end before the page has found it.
    await expect.poll(() => existsSync(join(folder, 'runs', 'live', 'live.json')), { interval: 5 }).toBe(true);
    training.child.kill('SIGSTOP');
    // The list finds the new run by itself.
    await page.getByRole('link', { name: 'live' }).click();
    await page.getByTestId('live').waitFor();
    expect(await page.getByTestId('live').innerText()).toMatch(/epoch \d\sof 8/);
    training.child.kill('SIGCONT');
    const alive = page.locator('figure', { hasText: 'Units alive' });
    const { code } = await training.finished;
    expect(code).toBe(0);
    await alive.getByText('After 8 epochs').waitFor();
    await page.getByRole('link', { name: 'slim.onnx' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'slim.onnx' }).click(),
    ]);
    const path = join(folder, 'downloaded.onnx');
    await download.saveAs(path);
    expect(download.suggestedFilename()).toBe('live-slim.onnx');
    expect((await runCli(['inspect', 'downloaded.onnx'], folder)).stdout).toContain('lstm_1');
    expect((await runCli(['report', 'runs', '--no-latency'], folder)).code).toBe(0);
    await page.reload();
    // In its sandbox it still draws its charts, without a word on the console.
    await page.getByRole('link', { name: 'Report of all runs' }).click();
    await page.locator('.chart svg').first().waitFor();
    expect(problems).toEqual([]);
    await page.close();
  });

  it('compares runs', async () => {
    makeRun(join(folder, 'runs', 'other'), { epochs: 4 });
    const { page, problems } = await watchedPage(browser, { viewport: { width: 1280, height: 900 } });
    await page.goto(server.url);
    await page.getByRole('checkbox', { name: 'Compare other' }).check();
    await page.getByRole('checkbox', { name: 'Compare <img' }).check();
    await page.getByRole('link', { name: 'Compare 2 runs' }).click();
    await page.getByRole('heading', { level: 1, name: '2 runs' }).waitFor();
    await page.locator('.chart svg').first().waitFor();
    expect(await page.getByRole('row').first().innerText()).toContain('valid perplexity');
    // A run that goes on does so here, too.
    const figures = page.getByRole('row', { name: /^other/ }).first();
    expect(await figures.innerText()).toMatch(/\t4\t/);
    // As a training does it, by a file in place of the old one.
    rmSync(join(folder, 'runs', 'other', 'metrics.jsonl'));
    makeRun(join(folder, 'runs', 'other'), { epochs: 6 });
    await expect.poll(() => figures.innerText(), { timeout: 15_000 }).toMatch(/\t6\t/);
    expect(problems).toEqual([]);
    await page.close();
  });
});
