import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
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
    const hints = page.getByText('more columns to the right');
    expect(await hints.count()).toBeGreaterThan(0);
    expect(await labelsThatCollide(page)).toEqual([]);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('moves the histogram through the epochs and tells what is under the pointer', async () => {
    const { page, problems } = await watchedPage(browser, { viewport: { width: 1280, height: 900 } });
    await page.goto(pathToFileURL(at('runs', 'report.html')).href);
    const [units, norms] = [page.getByRole('slider', { name: 'Epoch' }).first(), page.getByRole('slider').nth(1)];
    const counts = page.locator('.hero .count');
    const after = await counts.allInnerTexts();
    await units.fill('0');
    await expect.poll(() => counts.allInnerTexts()).toEqual(['12 of 12', '12 of 12']);
    expect(after).not.toEqual(['12 of 12', '12 of 12']);
    // Played, it ends as it began.
    await page.locator('.hero').getByRole('button', { name: 'Play' }).click();
    await expect.poll(() => counts.allInnerTexts(), { timeout: 5000 }).toEqual(after);
    await norms.fill('0');
    await expect.poll(() => page.getByText('Group norms of lstm_0, epoch 1').first().isVisible()).toBe(true);
    const map = page.locator('.map').first();
    await map.focus();
    await page.keyboard.press('ArrowDown');
    const said = page.locator('.pointed').first();
    await expect.poll(() => said.innerText()).toMatch(/^row lstm_0, input gate, unit 1.* · column /);
    await map.hover({ position: { x: 3, y: 3 } });
    await expect.poll(() => said.innerText()).toMatch(/^row lstm_0, input gate, unit 0/);
    expect(problems).toEqual([]);
    await page.close();
  });
});

/** Labels of axes that lie over each other as 'chart: a, b'. */
function labelsThatCollide(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.chart')].flatMap((chart) => {
      const labels = [...chart.querySelectorAll('text')].map((text) => {
        return { said: text.textContent, box: text.getBoundingClientRect() };
      });
      const wrong = labels.flatMap((a, i) =>
        labels.slice(i + 1).flatMap((b) => {
          const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
          const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
          return across > 1 && down > 3 ? [`${a.said}, ${b.said}`] : [];
        }),
      );
      return wrong.map((pair) => `${chart.getAttribute('aria-label')}: ${pair}`);
    }),
  );
}
