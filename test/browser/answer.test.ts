import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { madeUpPassages } from '../../src/data/questions/madeUp.ts';
import { loadModel } from '../../src/onnx/file.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { answerSession, type FoundAnswer } from '../../src/tasks/question-answering/answer.ts';
import { chromiumPath, LOOKS, scrollsSideways, startBrowser, takeLook, watchedPage } from '../support/browser.ts';
import { makeFolder, runJson } from '../support/runCli.ts';
import { type Serving, startServing } from '../support/serving.ts';

const [passage] = madeUpPassages().valid;
const FILES = ['model.onnx', 'slim.onnx'];

describe.skipIf(chromiumPath === undefined)('the playground with models that answer questions', () => {
  let folder: string;
  let serving: Serving;
  let browser: Browser;
  const run = (file: string) => join(folder, 'runs', 'people', file);

  beforeAll(async () => {
    folder = makeFolder();
    const iss = ['--iss', '0.02', '--threshold', '0.005', '--no-shrink'];
    const fixed = ['--fix', 'context_forward_passage,context_reverse_passage'];
    const seconds = ['--epochs', '3', '--threads', '1'];
    await runJson(['train', 'bidaf-tiny', ...iss, ...fixed, ...seconds, '--out', 'runs/people'], folder);
    serving = await startServing('runs', folder);
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await serving.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function answerInNode(file: string, question: string): Promise<FoundAnswer> {
    const words = readFileSync(run('vocabulary.txt'), 'utf8').trimEnd().split('\n');
    const session = await answerSession(await loadModel(run(file)), words, nodeRuntime);
    const found = await session.answer(passage!.text, question);
    await session.release();
    return found;
  }

  const panelOf = (page: Page) => page.getByRole('region', { name: 'Ask about a passage' });

  it('finds the answers that both models find in Node, in wide windows and narrow ones', async () => {
    const { page, problems } = await watchedPage(browser);
    await page.goto(`${serving.url}#/playground`);
    const panel = panelOf(page);
    await panel.getByRole('button', { name: 'Load these models' }).click();
    const cards = panel.getByTestId('answer');
    await cards.last().waitFor();
    expect(await cards.locator('h3').allInnerTexts()).toEqual(['people', 'people, slim']);
    await panel.getByLabel('Passage').fill(passage!.text);
    for (const [look, { question }] of passage!.questions.slice(0, LOOKS.length).entries()) {
      await takeLook(page, LOOKS[look]!);
      await panel.getByLabel('Question').fill(question);
      await panel.getByLabel('Question').press('Enter');
      for (const [i, file] of FILES.entries()) {
        const expected = await answerInNode(file, question);
        const card = cards.nth(i);
        await expect.poll(() => card.innerText()).toContain(`Probability ${(100 * expected.probability).toFixed(1)} %`);
        expect(await card.locator('mark').innerText()).toBe(expected.text);
        expect(await card.locator('.prose').innerText()).toBe(passage!.text);
        expect(await card.innerText()).toMatch(/\d\sms a question/);
      }
      expect(await scrollsSideways(page)).toBe(false);
    }
    expect(problems).toEqual([]);
    await page.close();
  });

  it('shows where the passage looks at the question, as a picture, in the text and in numbers', async () => {
    const { page, problems } = await watchedPage(browser);
    await page.goto(`${serving.url}#/playground`);
    const panel = panelOf(page);
    await panel.getByRole('button', { name: 'Load these models' }).click();
    const card = panel.getByTestId('answer').first();
    await card.waitFor();
    const { question } = passage!.questions[0]!;
    await panel.getByLabel('Passage').fill(passage!.text);
    await panel.getByLabel('Question').fill(question);
    await panel.getByRole('button', { name: 'Ask', exact: true }).click();
    const words = card.getByRole('figure').getByRole('button');
    await words.first().waitFor();
    const { attention, question: asked, passage: read } = await answerInNode(FILES[0]!, question);
    expect(await words.allInnerTexts()).toEqual(asked.words);

    const column = attention.map((row) => row[0]!);
    const peak = Math.max(...attention.flat());
    const drawn = column.flatMap((weight, t) => (weight / peak < 0.01 ? [] : [{ t, shade: weight / peak }]));
    const strip = card.locator('.strip').first().locator('rect');
    const shades = await strip.evaluateAll((all) =>
      all.map((rect) => ({ t: Number(rect.getAttribute('x')), shade: Number(rect.getAttribute('fill-opacity')) })),
    );
    expect(shades.map(({ t }) => t)).toEqual(drawn.map(({ t }) => t));
    for (const [i, { shade }] of drawn.entries()) expect(shades[i]!.shade).toBeCloseTo(shade, 2);

    expect(await card.locator('.tinted').count()).toBe(0);
    await words.first().press('Enter');
    expect(await words.first().getAttribute('aria-pressed')).toBe('true');
    expect(await card.locator('.tinted').allInnerTexts()).toEqual(
      read.words.filter((_, t) => column[t]! / peak >= 0.02),
    );
    expect(await card.locator('.prose').innerText()).toBe(passage!.text);

    await card.getByText('Numbers').click();
    const most = column.indexOf(Math.max(...column));
    const firstRow = card.getByRole('row').nth(1);
    expect(await firstRow.innerText()).toContain(`${read.words[most]} ${(100 * column[most]!).toFixed(0)} %`);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says what cannot be answered, and by what', async () => {
    const { page, problems } = await watchedPage(browser);
    await page.goto(`${serving.url}#/playground`);
    const panel = panelOf(page);
    await panel.getByRole('button', { name: 'Load these models' }).click();
    await panel.getByTestId('answer').last().waitFor();
    await panel.getByLabel('Question').fill('why '.repeat(31));
    await panel.getByRole('button', { name: 'Ask', exact: true }).click();
    await panel.getByRole('alert').waitFor();
    expect(await panel.getByRole('alert').innerText()).toBe('the question has 31 words; this model takes 30');

    // Models that were there stay when others cannot take their place.
    await panel.getByText('Take models from files').click();
    await panel.getByLabel('One or two models (.onnx)').setInputFiles([run('slim.onnx'), run('config.json')]);
    await panel.getByLabel('Their vocabulary.txt').setInputFiles(run('vocabulary.txt'));
    await panel.getByRole('button', { name: 'Load these files' }).click();
    await expect.poll(() => panel.getByRole('alert').innerText()).toContain('config');
    const asked = passage!.questions[0]!.question;
    await panel.getByLabel('Passage').fill(passage!.text);
    await panel.getByLabel('Question').fill(asked);
    await panel.getByRole('button', { name: 'Ask', exact: true }).click();
    for (const [i, file] of FILES.entries()) {
      const { probability } = await answerInNode(file, asked);
      const card = panel.getByTestId('answer').nth(i);
      await expect.poll(() => card.innerText()).toContain(`Probability ${(100 * probability).toFixed(1)} %`);
    }

    const classify = page.getByRole('region', { name: 'Classify a text' });
    await classify.getByText('Take models from files').click();
    await classify.getByLabel('One or two models (.onnx)').setInputFiles(run('slim.onnx'));
    await classify.getByLabel('Their vocabulary.txt').setInputFiles(run('vocabulary.txt'));
    await classify.getByRole('button', { name: 'Load these files' }).click();
    await classify.getByRole('alert').waitFor();
    expect(await classify.getByRole('alert').innerText()).toContain('no text classifier of slimrnn');
    expect(problems).toEqual([]);
    await page.close();
  });
});
