import type { TargetOutcome } from '../methods/kind.ts';
import { TOLERANCE } from '../methods/steered.ts';
import type { ResultModel } from '../runs/record.ts';
import type { RunResult } from '../runs/result.ts';
import type { MeanOf, SeedsResult } from '../runs/seeds.ts';
import { formatScore, type ScoreKind } from '../tasks/score.ts';
import type { Split } from '../tasks/task.ts';
import { agreement, duration, fileSize, grouped, rounded, table } from './output.ts';

/** What the head of a table calls a score. */
export function shortName({ name }: ScoreKind): string {
  return name === 'perplexity' ? 'ppl' : name;
}

/** A column of a table of models for each score on each split of the data. */
export function scoreColumns(
  scores: readonly ScoreKind[],
  models: readonly { readonly scores: Partial<Record<Split, unknown>> }[],
) {
  const splits = (['valid', 'test'] as const).filter((split) => models.some((m) => m.scores[split]));
  return splits.flatMap((split) => scores.map((kind) => ({ ...kind, split, head: `${split} ${shortName(kind)}` })));
}

/** A model's figure in such a column. */
export function scoreIn(model: Pick<ResultModel, 'scores'>, column: ScoreKind & { readonly split: Split }): string {
  const value = model.scores[column.split]?.[column.name];
  return value === undefined ? '–' : formatScore(column, value);
}

/** What a run came to, for people. */
export function resultText(result: RunResult): string {
  const { models } = result;
  const columns = scoreColumns(result.config.scores as readonly ScoreKind[], models);
  const rows = models.map((m) => [
    m.name,
    ...columns.map((column) => scoreIn(m, column)),
    m.hidden.join(', '),
    grouped(m.parameters),
    fileSize(m.bytes),
    m.file,
  ]);
  const lines = [
    table(['model', ...columns.map(({ head }) => head), 'hidden', 'parameters', 'size', 'file'], rows),
    `trained for ${duration(result.seconds)}`,
  ];
  if (result.verify) {
    lines.push(`verified: outputs of the slim model ${agreement(result.verify)} those of the trained one`);
  }
  if (result.target) lines.push(...targetText(result.target));
  return lines.join('\n');
}

/** What runs with several seeds came to, for people: mean ± standard deviation. */
export function seedsText({ directory, seeds, scores, models, seconds }: SeedsResult & { directory: string }): string {
  const columns = scoreColumns(scores, models);
  const rows = models.map((model) => [
    model.name,
    ...columns.map((column) => {
      const figure = model.scores[column.split]?.[column.name];
      return figure === undefined ? '–' : spreadText(figure, (value) => formatScore(column, value));
    }),
    model.hidden.map((units) => spreadText(units, rounded)).join(', '),
    spreadText(model.parameters, grouped),
  ]);
  return [
    table(['model', ...columns.map(({ head }) => head), 'hidden', 'parameters'], rows),
    `mean ± standard deviation of ${seeds.length} runs, seeds ${seeds.join(', ')}; ${duration(seconds.mean)} each, in ${directory}`,
  ].join('\n');
}

function spreadText({ mean, deviation }: MeanOf, text: (value: number) => string): string {
  return `${text(mean)} ± ${text(deviation)}`;
}

/** What a user can do when a target was missed. */
function targetText({ what, asked, reached }: TargetOutcome): string[] {
  if (Math.abs(reached - asked) <= TOLERANCE) return [];
  const more = reached > asked ? 'more epochs or a higher --iss take away more' : 'a lower --iss keeps more';
  const left = `${(reached * 100).toFixed(0)} % of the ${what === 'units' ? 'units' : 'parameters'} are left`;
  return [`missed --target ${what}=${asked}: ${left}; ${more}`];
}
