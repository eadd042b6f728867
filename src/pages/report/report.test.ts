import { h } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { describe, expect, it, test } from 'vitest';
import { epochRow, type MadeTask, runConfig } from '../../../test/support/runFolder.ts';
import type { ReportData, ReportModel, ReportRun } from '../../report/data.ts';
import { epochFrom } from '../../runs/formats.ts';
import { baselineOf, heroOf, lambdaOf, onSameData, times } from './figures.ts';
import { against, denseLabel } from './headline.tsx';
import { pointsOf } from './paretoChart.tsx';
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

/** What a report says, with spaces for those at which no line breaks. */
function textOf(...runs: ReportRun[]): string {
  const environment = { command: '', slimrnn: '0', node: '', machine: { cpu: '', cores: 1, memoryGigabytes: 1 } };
  const data: ReportData = { title: 't', madeAt: '2026-01-01', environment, runs, timedSteps: undefined, problems: [] };
  return renderToString(h(Report, { data })).replaceAll('\u00a0', ' ');
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

it.each([
  [undefined, false],
  [4, true],
])('says that several processes have trained a run: %s', (processes, isSaid) => {
  const machine = { cpu: 'a processor', cores: 2, memoryGigabytes: 8 };
  const environment = { command: 'slimrnn train', slimrnn: '0', node: 'v20', processes, machine };
  const html = textOf(runOf('a', 'text-classification', scored(0.9), { environment }));
  expect(html).toContain('2 × a processor');
  expect(html.includes('4 processes')).toBe(isSaid);
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

/** A run of a sweep that was stopped: no model, no data that it names. */
function stopped(name: string, more: Partial<ReportRun> = {}): ReportRun {
  const run = runOf(name, 'text-classification', {}, { state: 'stopped', ...more });
  return { ...run, models: [], data: undefined, dataDigest: undefined };
}

describe('a sweep of which as many runs were stopped as were finished', () => {
  const finished = [
    runOf('dense', 'text-classification', { ...scored(0.9), hidden: [8, 8] }, dense),
    runOf('iss', 'text-classification', { ...scored(0.89), parameters: 500 }),
  ];
  const runs = [stopped('a'), stopped('b'), ...finished];

  it('has its trade-offs, with the stopped ones as they stood', () => {
    expect(onSameData(runs).map(({ name }) => name)).toEqual(['a', 'b', 'dense', 'iss']);
    const { points, others } = pointsOf(runs, ({ parameters }) => parameters);
    expect(others).toBe(0);
    expect(points.map(({ run, cost, isUnfinished }) => [run, cost, isUnfinished])).toEqual([
      ['dense', 900, false],
      ['iss', 500, false],
      ['a', 1000, true],
      ['b', 1000, true],
    ]);
    expect(textOf(...runs)).toContain('<h3>Quality against size</h3>');
  });

  it('keeps runs on other data out', () => {
    const elsewhere = stopped('elsewhere', {
      config: runConfig('text-classification', { sources: { data: 'other' } }),
    });
    expect(pointsOf([...runs, elsewhere], ({ parameters }) => parameters).others).toBe(1);
  });

  it('opens with the best slim run, has λ in its table, and figures for every run', () => {
    expect(heroOf(runs)?.name).toBe('iss');
    expect(lambdaOf(runs[0]!)).toBe(0.01);
    const html = textOf(...runs);
    expect(html).toMatch(/<h2 id="hero">iss<\/h2><ul class="headline">/);
    expect(html.indexOf('class="hero"')).toBeLessThan(html.indexOf('<table'));
    expect(html).toContain('<th scope="col">λ</th>');
    expect(html).toMatch(/>a<\/th><td>0\.01<\/td>.*?stopped, epoch 2.*?87\.5 %.*?1 000/s);
    expect(html).toContain('>after epoch 2</th>');
    // Every row of every table has more than its name.
    expect(html).not.toMatch(/<th scope="row"[^>]*>[^<]*<\/th><\/tr>/);
  });
});

it('shows how units died, and how the picture comes about', () => {
  const html = textOf(
    runOf('iss', 'text-classification', scored(0.87), {
      kept: [
        [0, 5],
        [0, 1, 2, 3, 4, 5, 6, 7],
      ],
    }),
  );
  expect(html).toContain('Units while training');
  expect(html).toContain('aria-valuetext="epoch 2"');
  expect(html).toMatch(/6 of 8.*8 of 8/s);
  expect(html).toContain('here they leave in the order of their numbers');
});

describe('texts', () => {
  test('a dense run is not called so twice', () => {
    const [own, rival] = [runOf('iss', 'language-model', {}), runOf('dense', 'language-model', {}, dense)];
    expect(against(rival, own)).toBe('Against the dense run.');
    expect(against({ ...rival, name: '1-iss-0' }, own)).toBe('Against the dense run 1-iss-0.');
    expect([denseLabel(rival), denseLabel({ name: 'big' })]).toEqual(['dense', 'dense big']);
  });

  test.each([
    [190, 100, '1.9× fewer'],
    [100, 190, '1.9× more'],
    [1200, 100, '12× fewer'],
    [103, 100, 'about the same'],
    [0, 0, 'about the same'],
  ])('from %d to %d is %s', (before, after, text) => expect(times(before, after, 'fewer', 'more')).toBe(text));

  test('one of a thing is not several', () => {
    const verify = { maxAbsDifference: 0, maxRelativeDifference: 0, batches: 1 };
    const html = textOf(runOf('iss', 'text-classification', scored(0.87), { verify }));
    expect(html).toContain('On 1 batch the slim model');
  });
});
