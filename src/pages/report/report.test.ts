import { h } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { expect, it, test } from 'vitest';
import { epochRow, type MadeTask, runConfig } from '../../../test/support/runFolder.ts';
import type { ReportData, ReportModel, ReportRun } from '../../report/data.ts';
import { epochFrom } from '../../runs/formats.ts';
import { baselineOf } from './figures.ts';
import { Report } from './report.tsx';

/** A run with one model; `more` is laid over it. */
function runOf(name: string, task: MadeTask, model: Partial<ReportModel>, more: Partial<ReportRun> = {}): ReportRun {
  const config = runConfig(task);
  const figures = { name: 'slim', hidden: [2, 8], parameters: 900, bytes: 4000, multiplyAdds: 700, latencies: [] };
  return {
    ...{ id: name, name, state: 'finished', task, items: config.items, scores: config.scores, config },
    ...{ method: 'group-lasso', methodLabel: 'group lasso', data: 'd', dataDigest: '12ab', environment: undefined },
    ...{ epochs: [1, 2].map((epoch) => epochFrom(epochRow(epoch, {}, task))!), layers: ['a', 'b'] },
    ...{ began: [8, 8], models: [{ ...figures, scores: {}, ...model }], notes: [], verify: undefined, maps: [] },
    ...more,
  };
}

function textOf(...runs: ReportRun[]): string {
  const environment = { command: '', slimrnn: '0', node: '', machine: { cpu: '', cores: 1, memoryGigabytes: 1 } };
  const data: ReportData = { title: 't', madeAt: '2026-01-01', environment, runs, timedSteps: undefined, problems: [] };
  return renderToString(h(Report, { data }));
}

const scored = (accuracy: number) => ({ scores: { valid: { accuracy, loss: 0.3 }, test: { accuracy: 0.861 } } });
const dense = { method: 'dense', methodLabel: 'dense' };

it('shows whatever scores the task declares, shares in percent and their change in points', () => {
  const html = textOf(
    runOf('iss', 'text-classification', scored(0.87)),
    runOf('dense', 'text-classification', scored(0.875), dense),
  );
  for (const text of ['Validation accuracy', '87.0 %', '−0.5 points, test 86.1 %', 'valid loss', 'test accuracy']) {
    expect(html).toContain(text);
  }
  for (const title of ['Accuracy', 'Macro-F1', 'Loss', 'Examples per second'])
    expect(html).toContain(`<h3>${title}</h3>`);
  expect(html).toContain('Highest on the validation data: 87.5 %');
  expect(html).toContain('higher is better');
  expect(html).not.toMatch(/perplexity/i);
});

it('shows a language model as ever', () => {
  const html = textOf(
    runOf('iss', 'language-model', { scores: { valid: { perplexity: 109.357 }, test: { perplexity: 105.3 } } }),
  );
  for (const text of ['Validation perplexity', '109.36', 'test 105.30', 'Lowest on the validation data: 75.00']) {
    expect(html).toContain(text);
  }
  expect(html).toContain('<h3>Tokens per second</h3>');
  // The model as it began is not here, but its units are known.
  expect(html).toMatch(/8 \+ 8.*2 \+ 8.*63 % left/s);
});

it('shows a confusion matrix with counts and shares of each true class', () => {
  const confusion = {
    classes: ['bad', '<good>'],
    counts: [
      [45, 5],
      [0, 0],
    ],
  };
  const html = textOf(runOf('a', 'text-classification', { ...scored(0.9), details: { confusion } }));
  expect(html).toContain('<h3 class="part">Confusion matrix</h3>');
  expect(html).toMatch(/<th scope="row">bad<\/th><td[^>]*>45 <span class="share">90\.0 %<\/span>/);
  expect(html).toContain('&lt;good>');
  // A class without examples has shares of nothing.
  expect(html).not.toContain('NaN');
});

it('lists the pairs that are mistaken most where the classes are many', () => {
  const classes = Array.from({ length: 40 }, (_, i) => `class ${i}`);
  const counts = classes.map((_, i) => classes.map((__, j) => (i === j ? 90 : i === 3 && j === 7 ? 10 : 0)));
  const html = textOf(
    runOf('a', 'text-classification', { ...scored(0.9), details: { confusion: { classes, counts } } }),
  );
  expect(html).toMatch(/class 3<\/th><td>class 7<\/td><td>10<\/td><td>10\.0 %/);
  expect(html).not.toContain('class="confusion"');
});

test('a run is compared with the best dense run of its task and data', () => {
  const own = runOf('iss', 'text-classification', scored(0.87));
  const runs = [
    own,
    runOf('worse', 'text-classification', scored(0.8), dense),
    runOf('best', 'text-classification', scored(0.9), dense),
    runOf('elsewhere', 'text-classification', scored(0.99), { ...dense, dataDigest: 'other' }),
    runOf('text', 'language-model', { scores: { valid: { perplexity: 1 } } }, dense),
  ];
  expect(baselineOf(runs, own)?.name).toBe('best');
});
