import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResultModel } from '../../src/runs/record.ts';
import type { RunResult } from '../../src/runs/result.ts';
import { makeFolder, runCli, runJson, strongIss, timelessMetrics, tiny, writeCorpus } from '../support/runCli.ts';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const onText = ['train', ...tiny, '--data', 'text'];

beforeAll(() => {
  folder = makeFolder();
  writeCorpus(at('text'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each([
  ['gru', strongIss],
  // A plain RNN does not stand the learning rate of the others.
  ['rnn', [...strongIss, '--iss', '0.1', '--learning-rate', '0.4']],
])('train --cell %s', (cell, flags) => {
  const training = [...onText, '--cell', cell, ...flags, '--no-shrink', '--out', cell];
  let result: RunResult;

  beforeAll(async () => {
    result = await runJson<RunResult>(training, folder);
  });

  it('learns', () => {
    const perplexities = result.history.map((epoch) => epoch.valid!.perplexity);
    // Of 57 words those that fit a sentence are far fewer; guessing by how often they occur gives about 29.
    expect(perplexities.at(-1)).toBeLessThan(10);
  });

  it('lets units die, and the slim model computes the same without them', () => {
    const [trained, slim] = result.models as [ResultModel, ResultModel];
    expect(result.config.model).toMatchObject({ kind: cell });
    expect(trained.hidden).toEqual([12, 12]);
    expect(slim.hidden[0]! + slim.hidden[1]!).toBeLessThan(24);
    expect(slim.hidden[0]! + slim.hidden[1]!).toBeGreaterThan(2);
    expect(slim.parameters).toBeLessThan(trained.parameters);
    expect(validPerplexity(slim) / validPerplexity(trained)).toBeCloseTo(1, 5);
    expect(result.verify!.maxRelativeDifference).toBeLessThan(1e-5);
  });

  it('inspect names the operator and finds nothing left to remove in the slim file', async () => {
    const slim = result.models[1]!;
    const shown = await runJson(['inspect', `${cell}/slim.onnx`], folder);
    expect(shown).toMatchObject({
      layers: slim.hidden.map((units) => ({ operator: cell.toUpperCase(), units, removable: 0 })),
      parameters: slim.parameters,
    });
  });

  it('goes on from its weights, whose cell and sizes --init knows, and shrinks on the way', async () => {
    const settings = ['--epochs', '1', '--batch', '4', '--steps', '5', '--threads', '1', ...flags];
    const more = await runJson<RunResult>(
      ['train', 'zaremba-small', '--data', 'text', '--init', cell, ...settings, '--out', `${cell}-more`],
      folder,
    );
    expect(more.config.model).toMatchObject({ kind: cell, hidden: [12, 12] });
    expect(more.models[0]!.hidden[0]! + more.models[0]!.hidden[1]!).toBeLessThan(24);
    expect(validPerplexity(more.models[0]!)).toBeLessThan(2 * validPerplexity(result.models[0]!));
  });

  it('resumes a finished run, and refuses to resume it as something else', async () => {
    const finished = await runCli([...training, '--resume'], folder);
    expect(finished).toMatchObject({ code: 0, stderr: expect.stringContaining('finished already') });
    const other = await runCli([...onText, ...flags, '--out', cell, '--resume'], folder);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining(`was started with --cell ${cell}, not`) });
  });
});

describe('--cell', () => {
  it('lstm is what happens without it', async () => {
    await runJson([...onText, '--out', 'plain'], folder);
    await runJson([...onText, '--cell', 'lstm', '--out', 'named'], folder);
    expect(timelessMetrics(at('named'))).toEqual(timelessMetrics(at('plain')));
    expect(JSON.parse(readFileSync(at('plain', 'config.json'), 'utf8'))).toMatchObject({ model: { kind: 'lstm' } });
    const again = await runCli([...onText, '--cell', 'lstm', '--out', 'plain', '--resume'], folder);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('finished already') });
  });

  it('of another kind is refused with a suggestion', async () => {
    const wrong = await runCli([...onText, '--cell', 'gur', '--out', 'wrong'], folder);
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`--cell: expected lstm or gru or rnn or rhn, got "gur" (did you mean 'gru'?)`),
    });
  });
});

function validPerplexity({ scores }: ResultModel): number {
  return scores.valid!.perplexity!;
}
