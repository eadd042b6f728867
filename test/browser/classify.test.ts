import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildVocabulary } from '../../src/data/vocabulary.ts';
import { textClassifier } from '../../src/models/textClassifier.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { withoutDropout } from '../../src/passes/withoutDropout.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { type RunningServer, startServer } from '../../src/serve/server.ts';
import { classify } from '../../src/tasks/text-classification/classify.ts';
import { withTextMetadata } from '../../src/tasks/text-classification/metadata.ts';
import { chromiumPath, LOOKS, scrollsSideways, startBrowser, takeLook, watchedPage } from '../support/browser.ts';
import { makeFolder } from '../support/runCli.ts';
import { makeRun } from '../support/runFolder.ts';

const vocabulary = buildVocabulary('the film was good the play was bad .'.split(' '), { withUnknown: true });
const classes = ['bad', '<b>good</b>'];
/** An untrained classifier with large weights, so that it has opinions. */
const classifier = (hidden: number, seed: number) => {
  const sizes = { vocabulary: vocabulary.words.length, embedding: 5, hidden: [hidden], classes: classes.length };
  const model = withoutDropout(textClassifier({ ...sizes, initScale: 2, seed }));
  return withTextMetadata(model, classes, vocabulary, { maxLength: 50, cut: 'head' });
};
const models = { 'model.onnx': classifier(12, 1), 'slim.onnx': classifier(3, 2) };

describe.skipIf(chromiumPath === undefined)('the playground with a classifier of texts', () => {
  let folder: string;
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    folder = makeFolder();
    const run = join(folder, 'runs', 'reviews');
    mkdirSync(run, { recursive: true });
    makeRun(run, { task: 'text-classification', finished: true });
    for (const [name, model] of Object.entries(models)) await saveModel(join(run, name), model);
    writeFileSync(join(run, 'vocabulary.txt'), `${vocabulary.words.join('\n')}\n`);
    server = await startServer({ root: join(folder, 'runs'), host: '127.0.0.1', port: 0 });
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('says what both models say in Node, in wide windows and narrow ones', async () => {
    const { page, problems } = await watchedPage(browser);
    await page.goto(`${server.url}#/playground`);
    const panel = page.getByRole('region', { name: 'Classify a text' });
    await panel.getByRole('button', { name: 'Load these models' }).click();
    const verdicts = panel.getByTestId('verdict');
    await verdicts.last().waitFor();
    expect(await verdicts.locator('h3').allInnerTexts()).toEqual(['reviews', 'reviews, slim']);
    for (const [look, text] of ['The film was good.', 'A bad play'].entries()) {
      await takeLook(page, LOOKS[look]!);
      await panel.getByLabel('Text to classify').fill(text);
      await panel.getByRole('button', { name: 'Classify', exact: true }).click();
      for (const [i, model] of Object.values(models).entries()) {
        const [expected] = await classify(model, vocabulary, [text], nodeRuntime);
        const share = `${(100 * Math.max(...expected!.probabilities)).toFixed(1)} %`;
        await expect.poll(() => verdicts.nth(i).locator('li').first().innerText()).toContain(share);
        const verdict = await verdicts.nth(i).innerText();
        expect(verdict).toMatch(/\d\sms a text/);
        expect(await verdicts.nth(i).locator('strong').innerText()).toBe(expected!.label);
        expect(verdict.includes('1 word is not in its vocabulary')).toBe(text.startsWith('A '));
      }
      expect(await scrollsSideways(page)).toBe(false);
    }
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says so when the model is none that classifies', async () => {
    const { page, problems } = await watchedPage(browser);
    await saveModel(join(folder, 'other.onnx'), { ...models['slim.onnx'], metadata: {} });
    await page.goto(`${server.url}#/playground`);
    const panel = page.getByRole('region', { name: 'Classify a text' });
    await panel.getByText('Take models from files').click();
    await panel.getByLabel('One or two models (.onnx)').setInputFiles(join(folder, 'other.onnx'));
    await panel.getByLabel('Their vocabulary.txt').setInputFiles(join(folder, 'runs', 'reviews', 'vocabulary.txt'));
    await panel.getByRole('button', { name: 'Load these files' }).click();
    await panel.getByRole('alert').waitFor();
    expect(await panel.getByRole('alert').innerText()).toContain('no text classifier of slimrnn');
    expect(problems).toEqual([]);
    await page.close();
  });
});
