import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, scrollsSideways, startBrowser, watchedPage } from '../support/browser.ts';
import { makeFolder, runAlone, runCli, runJson, strongIss, tiny, writeCorpus } from '../support/runCli.ts';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const hostile = '<img src=x onerror=alert(1)>';

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  const train = (...args: string[]) => runJson(['train', ...args, '--data', 'text'], folder);
  await train(...tiny, '--out', 'runs/dense');
  await train(...tiny, ...strongIss, '--out', `runs/${hostile}`);
  const rhn = ['rhn-small', '--hidden', '8', '--embedding', '8', '--depth', '2', '--epochs', '2', '--batch', '4'];
  await train(...rhn, '--steps', '5', '--threads', '1', '--iss', '0.01', '--out', 'runs/rhn');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('slimrnn report', () => {
  it('says what it cannot report on, and replaces no file that is not a report of its own', async () => {
    expect((await runCli(['report', 'text'], folder)).stderr).toContain('text is no run directory');
    expect((await runCli(['report', 'nowhere'], folder)).stderr).toContain('there is no folder nowhere');
    const onFile = await runCli(['report', 'runs/dense', '--out', 'text/train.txt', '--no-latency'], folder);
    expect([onFile.code, onFile.stderr]).toEqual([2, expect.stringContaining('add --force')]);
  });

  it('is readable without its script, and hostile names are text', async () => {
    const made = await runJson<{ file: string; bytes: number; runs: string[] }>(
      ['report', 'runs', '--no-latency'],
      folder,
      runAlone,
    );
    expect(made).toMatchObject({ file: 'runs/report.html', runs: [hostile, 'dense', 'rhn'] });
    expect(made.bytes).toBe(statSync(at('runs', 'report.html')).size);
    expect(made.bytes).toBeLessThan(2_000_000);
    const html = readFileSync(at('runs', 'report.html'), 'utf8');
    expect(html).not.toContain(hostile);
    const body = html.slice(html.indexOf('<body>'), html.indexOf('<script'));
    expect(body).toContain('&lt;img src=x onerror=alert(1)>');
    expect(body).toContain('Verified.');
    expect(body).toContain('lstm_0.recurrent');
    expect(html).not.toMatch(/(?:src|href)="(?!data:)[^"]*"/);
  });

  it('of a run that is not finished shows what there is', async () => {
    const run = at('runs', 'dense');
    rmSync(at('unfinished'), { recursive: true, force: true });
    const { cpSync } = await import('node:fs');
    cpSync(run, at('unfinished'), { recursive: true });
    rmSync(at('unfinished', 'result.json'));
    await runJson(['report', 'unfinished'], folder);
    expect(readFileSync(at('unfinished', 'report.html'), 'utf8')).toContain('not finished: stopped');
  });
});

describe.skipIf(chromiumPath === undefined)('a report in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
    await runJson(['report', 'runs'], folder);
  });
  afterAll(() => browser.close());

  it.each([
    [1280, 'light'],
    [1280, 'dark'],
    [390, 'light'],
    [390, 'dark'],
  ] as const)('draws its charts at %d pixels, %s, without an error', async (width, colorScheme) => {
    const { page, problems } = await watchedPage(browser, { viewport: { width, height: 900 }, colorScheme });
    await page.goto(pathToFileURL(at('runs', 'report.html')).href);
    await page.waitForSelector('.chart svg');
    expect(await page.locator('.chart').count()).toBeGreaterThan(10);
    expect(await page.locator('.chart svg').count()).toBe(await page.locator('.chart').count());
    expect(await scrollsSideways(page)).toBe(false);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('moves the histogram through the epochs and tells what is under the pointer', async () => {
    const { page, problems } = await watchedPage(browser, { viewport: { width: 1280, height: 900 } });
    await page.goto(pathToFileURL(at('runs', 'report.html')).href);
    const slider = page.getByRole('slider').first();
    await slider.fill('0');
    await expect.poll(() => page.getByText('Group norms of lstm_0, epoch 1').first().isVisible()).toBe(true);
    const map = page.locator('.map').first();
    await map.focus();
    await page.keyboard.press('ArrowRight');
    const said = page.locator('.pointed').first();
    await expect.poll(() => said.innerText()).toMatch(/^row lstm_0, input gate, unit 1.* · column /);
    await map.hover({ position: { x: 3, y: 3 } });
    await expect.poll(() => said.innerText()).toMatch(/^row lstm_0, input gate, unit 0/);
    expect(problems).toEqual([]);
    await page.close();
  });
});
