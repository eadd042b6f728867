import { note, table } from '../../src/cli/output.ts';
import { loadTrained, trainedModelOf } from '../../src/cli/trainedTask.ts';
import { loadModel } from '../../src/onnx/file.ts';
import { calibrationRanges, type QuantizeOptions, quantizeModel } from '../../src/quantize/quantize.ts';
import { type ScoreChange, scoreChanges } from '../../src/quantize/scores.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { formatChange, formatScore } from '../../src/tasks/score.ts';

/** What forms do to the deciding score of a trained model on its held-out data. */
export interface QuantizedScores {
  /** What was trained, and on what. */
  readonly config: object;
  readonly data: object;
  readonly forms: readonly (ScoreChange & Pick<QuantizeOptions, 'to' | 'bits'>)[];
}

const FORMS: readonly QuantizeOptions[] = [
  { to: 'int8', bits: 7 },
  { to: 'int8', bits: 8 },
  { to: 'int8-storage' },
  { to: 'fp16' },
  { to: 'qdq' },
];

/** Scores the model of a run in each form. */
export async function scoreForms(run: string): Promise<QuantizedScores> {
  const { file, config, task } = await loadTrained(run, await trainedModelOf(run), {});
  const { problem, data } = task;
  const model = await loadModel(file);
  const ranges = await calibrationRanges(model, { runtime: nodeRuntime, windows: problem.samples(model) });
  const forms: QuantizedScores['forms'][number][] = [];
  for (const form of FORMS) {
    note(`scoring ${formName(form)}`);
    const { model: quantized } = quantizeModel(model, { ...form, ranges });
    const [change] = await scoreChanges(model, quantized, 'valid', { problem, runtime: nodeRuntime, settings: config });
    forms.push({ ...form, ...change! });
  }
  // A folder says nothing elsewhere; the digest tells the texts.
  return { config, data: { ...data, source: undefined }, forms };
}

function formName({ to, bits }: QuantizeOptions): string {
  return bits === undefined ? String(to) : `${to}, ${bits} bits`;
}

/** The same as a table. */
export function scoresText({ forms }: QuantizedScores): string {
  const rows = forms.map(({ score, before, after, change, ...form }) => [
    formName(form),
    ...[before, after].map((value) => formatScore(score, value)),
    `${change < 0 ? '−' : '+'}${formatChange(score, Math.abs(change))}`,
  ]);
  return table(['form', `${forms[0]!.score.name} before`, 'after', 'change'], rows);
}
