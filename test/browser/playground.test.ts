import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../src/base/random.ts';
import { makeCorpus } from '../../src/data/makeCorpus.ts';
import { describeModel } from '../../src/inspect/describe.ts';
import { loadModel } from '../../src/onnx/file.ts';
import { splitProse } from '../../src/pages/app/playground/prose.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { shrinkZeros } from '../../src/slim/shrink.ts';
import { languageModelProblem } from '../../src/tasks/language-model/problem.ts';
import { perplexity } from '../../src/tasks/score.ts';
import { createScorer } from '../../src/train/scorer.ts';
import { verifyEqual } from '../../src/verify/verify.ts';
import { chromiumPath, scrollsSideways, startBrowser, watchedPage } from '../support/browser.ts';
import { makeFolder, runJson, sentencesOf, strongIss, tiny, writeCorpus } from '../support/runCli.ts';
import { type Serving, startServing } from '../support/serving.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/** A server of plain files below /some/path/, as a host of static sites is: no headers of its own, no events. */
async function staticServer(folder: string): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://x').pathname).replace(/^\/some\/path\//, '');
    try {
      const bytes = readFileSync(join(folder, path === '' ? 'index.html' : path));
      response.writeHead(200, {
        'Content-Type': TYPES[extname(path === '' ? 'index.html' : path)] ?? 'application/octet-stream',
      });
      response.end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/path/`, server };
}

describe.skipIf(chromiumPath === undefined)('the playground in Chromium', () => {
  let folder: string;
  let serving: Serving;
  let browser: Browser;
  beforeAll(async () => {
    folder = makeFolder();
    writeCorpus(join(folder, 'text'));
    await runJson(['train', ...tiny, '--data', 'text', '--out', 'runs/dense'], folder);
    await runJson(['train', ...tiny, ...strongIss, '--data', 'text', '--out', 'runs/iss'], folder);
    serving = await startServing('runs', folder);
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await serving.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const load = async (page: Page) => {
    await page.getByRole('button', { name: 'Load these models' }).click();
    await page.getByTestId('written').last().waitFor();
  };

  /** Lets both models write, and returns what they show. */
  async function write(page: Page): Promise<string[]> {
    await page.getByLabel('Beginning of the text').fill('the noun1a verb1b of Timbuktu');
    await page.getByLabel('Words').fill('24');
    await page.getByRole('button', { name: 'Continue', exact: true }).click();
    await expect.poll(() => page.getByRole('status').first().textContent(), { timeout: 30_000 }).toBe('');
    await expect.poll(() => page.getByRole('button', { name: 'Continue', exact: true }).isEnabled()).toBe(true);
    return page.getByTestId('written').allInnerTexts();
  }

  it('continues a text with a dense and a slim model, and is the same with the same seed', async () => {
    const { page, problems } = await watchedPage(browser);
    await page.goto(`${serving.url}#/playground`);
    await load(page);
    const first = await write(page);
    expect(first[0]).toContain('dense');
    expect(first[1]).toContain('iss, slim');
    for (const text of first) {
      expect(text).toMatch(/\d+ words per second/);
      expect(text).toContain('Not in its vocabulary: of, Timbuktu');
      expect(text).toMatch(/of Timbuktu .*(?:noun|verb|thing|place|the|some)/s);
    }
    expect(await page.getByTestId('written').first().locator('mark').allTextContents()).toEqual(['of', 'Timbuktu']);
    const prose = (texts: string[]) => texts.map((text) => text.split('of Timbuktu')[1]);
    expect(prose(await write(page))).toEqual(prose(first));
    expect(problems).toEqual([]);
    await page.close();
  });

  it('does so from a static site below a path', async () => {
    await runJson(['site', 'runs', '--out', 'site'], folder);
    const { url, server } = await staticServer(join(folder, 'site'));
    const { page, problems } = await watchedPage(browser);
    await page.goto(`${url}#/playground`);
    await load(page);
    expect(await write(page)).toHaveLength(2);
    await page.getByRole('link', { name: 'Runs' }).click();
    await page.getByRole('link', { name: 'iss' }).click();
    await page.locator('.chart svg').first().waitFor();
    expect(problems).toEqual([]);
    await page.close();
    server.close();
  });

  it('trains until units have died; the models it hands out are equal, and score in Node as they did in the page', async () => {
    const { page, problems } = await watchedPage(browser, { viewport: { width: 1280, height: 900 } });
    await page.goto(`${serving.url}#/playground`);
    // The made-up language of the other tests, as prose.
    const text = sentencesOf(500, randomStream(3)).replaceAll('\n', '.\n\n');
    await page.getByLabel('Text', { exact: true }).fill(text);
    const fields = { 'Units a layer': '16', λ: '0.05', Epochs: '8', 'Learning rate': '1' };
    for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    const outcome = page.getByTestId('outcome');
    await outcome.waitFor({ timeout: 50_000 });
    const died = Number(/^(\d+) of 32 units died/.exec(await outcome.innerText())?.[1]);
    expect(died).toBeGreaterThan(0);
    expect(await page.locator('.chart svg').count()).toBeGreaterThan(5);

    const save = async (name: RegExp, file: string) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        outcome.getByRole('link', { name }).click(),
      ]);
      await download.saveAs(join(folder, file));
      return join(folder, file);
    };
    const trained = await loadModel(await save(/^model\.onnx/, 'page-model.onnx'));
    const slim = await loadModel(await save(/^slim\.onnx/, 'page-slim.onnx'));
    const words = readFileSync(await save(/^vocabulary/, 'page-words.txt'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(describeModel(trained).layers.map(({ units }) => units)).toEqual([16, 16]);
    expect(32 - describeModel(slim).layers.reduce((sum, { units }) => sum + units, 0)).toBe(died);
    const { groups, removed } = shrinkZeros(trained);
    const { maxRelativeDifference } = await verifyEqual(nodeRuntime, trained, slim, { removal: { groups, removed } });
    expect(maxRelativeDifference).toBeLessThan(1e-5);
    const corpus = makeCorpus('page', 'page', splitProse(text), { maxVocabulary: 2000, minCount: 2 });
    expect(corpus.vocabulary.words).toEqual(words);
    const problem = languageModelProblem({ task: { kind: 'language-model', steps: 20 }, batch: 20 }, corpus);
    const scorer = createScorer(slim, { problem, runtime: nodeRuntime, threads: 1, seed: 1 });
    const inNode = perplexity.of(await scorer.score('valid'));
    await scorer.release();
    const row = await outcome.getByRole('row', { name: /^slim/ }).innerText();
    expect(row.split('\t')[1]).toBe(inNode.toFixed(2));

    await outcome.getByRole('button', { name: 'Let it continue a text' }).click();
    await page.getByRole('button', { name: 'Continue', exact: true }).click();
    await page.locator('.prose').last().waitFor();
    await expect.poll(() => page.getByRole('button', { name: 'Stop', exact: true }).count()).toBe(0);
    // The two are equal, and so are the words that they write.
    const written = await page.locator('.prose').allTextContents();
    expect(written[0]).toMatch(/\w+ \w+/);
    expect(written[1]).toBe(written[0]);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('shrinks on the way when asked to, and keeps what there is when it is stopped', async () => {
    const { page, problems } = await watchedPage(browser, { viewport: { width: 390, height: 800 } });
    await page.goto(`${serving.url}#/playground`);
    await page.getByLabel('Text', { exact: true }).fill(sentencesOf(500, randomStream(3)).replaceAll('\n', '.\n\n'));
    await page.getByLabel('Optimizer').selectOption('Adam');
    expect(await page.getByLabel('Learning rate', { exact: true }).inputValue()).toBe('0.01');
    await page.getByLabel('Optimizer').selectOption('averaged SGD');
    await page.getByLabel('Its course').selectOption('falls along a cosine');
    for (const [label, value] of Object.entries({ 'Units a layer': '64', λ: '0.03', Epochs: '100' })) {
      await page.getByLabel(label, { exact: true }).fill(value);
    }
    await page.getByLabel('Shrink while training').check();
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    // The first figure that says that a unit has died.
    await page.getByText(/After \d+ epochs: (?!64 \+ 64\.)\d+ \+ \d+\./).waitFor({ timeout: 40_000 });
    await page.getByRole('button', { name: 'Stop and keep' }).click();
    const outcome = page.getByTestId('outcome');
    await outcome.getByText('Stopped early.').waitFor();
    expect(await outcome.innerText()).toMatch(/^[1-9]\d* of 128 units died/);
    const sizes = await outcome.getByRole('row').allInnerTexts();
    expect(sizes[1]!.split('\t')[2]).not.toBe('64 + 64');
    expect(await outcome.getByRole('link').count()).toBe(3);
    expect(await scrollsSideways(page)).toBe(false);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says what is wrong with a text or a file, and goes on', async () => {
    const { page, problems } = await watchedPage(browser);
    await page.goto(`${serving.url}#/playground`);
    // A button that does nothing yet says why.
    expect(await page.getByRole('button', { name: 'Train', exact: true }).isEnabled()).toBe(false);
    await page.getByText('Paste a text or take the sample first.').waitFor();
    await page.getByLabel('Text', { exact: true }).fill('Too short.');
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await page.getByRole('alert').getByText('paste at least 2000').waitFor();
    expect(await page.getByRole('button', { name: 'Train', exact: true }).isEnabled()).toBe(true);
    // A λ that takes all units ends the training with one to try.
    await page.getByLabel('Text', { exact: true }).fill(sentencesOf(500, randomStream(3)).replaceAll('\n', '.\n\n'));
    for (const [label, value] of Object.entries({ 'Units a layer': '16', λ: '5', Epochs: '30' })) {
      await page.getByLabel(label, { exact: true }).fill(value);
    }
    await page.getByLabel('Shrink while training').check();
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    const collapsed = page.getByRole('alert').getByText('training collapsed');
    await collapsed.waitFor();
    expect(await collapsed.innerText()).toMatch(/and no unit comes back\. Try λ [\d.]+\.$/);
    const panel = page.getByRole('region', { name: 'Continue a text' });
    writeFileSync(join(folder, 'bad.onnx'), 'no model');
    await panel.getByText('Take models from files').click();
    await panel.getByLabel('One or two models').setInputFiles(join(folder, 'bad.onnx'));
    await panel.getByLabel('Their vocabulary.txt').setInputFiles(join(folder, 'runs', 'iss', 'vocabulary.txt'));
    await panel.getByRole('button', { name: 'Load these files' }).click();
    await page.getByRole('alert').getByText('cannot').waitFor();
    writeFileSync(join(folder, 'few.txt'), 'a\nb\n');
    await panel.getByLabel('One or two models').setInputFiles(join(folder, 'runs', 'iss', 'slim.onnx'));
    await panel.getByLabel('Their vocabulary.txt').setInputFiles(join(folder, 'few.txt'));
    await panel.getByRole('button', { name: 'Load these files' }).click();
    await page.getByRole('alert').getByText('but this vocabulary has 2').waitFor();
    await panel.getByLabel('Their vocabulary.txt').setInputFiles(join(folder, 'runs', 'iss', 'vocabulary.txt'));
    await panel.getByRole('button', { name: 'Load these files' }).click();
    expect(await write(page)).toHaveLength(1);
    expect(problems).toEqual([]);
    await page.close();
  });
});
