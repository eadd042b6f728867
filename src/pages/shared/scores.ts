import type { ModelScores } from '../../runs/record.ts';
import { formatScore, type ScoreKind } from '../../tasks/score.ts';
import type { Split } from '../../tasks/task.ts';
import type { Column } from './table.tsx';

/** Parts of the data as headings call them, in the order of tables. */
const SPLITS = [
  ['valid', 'validation'],
  ['test', 'test'],
  ['train', 'training'],
] as const satisfies readonly (readonly [Split, string])[];

/** A figure of quality: which score on which part of the data. */
export interface Quality {
  readonly kind: ScoreKind;
  /** 'validation perplexity'. */
  readonly name: string;
  readonly value: number;
}

/** The deciding score on held-out data: the first one that there is, on validation data where there are any. */
export function qualityOf(scores: ModelScores, kinds: readonly ScoreKind[]): Quality | undefined {
  for (const [split, name] of SPLITS) {
    if (split === 'train') continue;
    for (const kind of kinds) {
      const value = scores[split]?.[kind.name];
      if (value !== undefined) return { kind, name: `${name} ${kind.name}`, value };
    }
  }
  return undefined;
}

/** Columns for all scores on all parts of the data: 'valid perplexity', 'test perplexity', … */
export function scoreColumns(kinds: readonly ScoreKind[]): Column<{ readonly scores: ModelScores }>[] {
  return SPLITS.flatMap(([split]) =>
    kinds.map((kind) => ({
      head: `${split} ${kind.name}`,
      read: ({ scores }) => {
        const value = scores[split]?.[kind.name];
        return value === undefined ? undefined : formatScore(kind, value);
      },
    })),
  );
}

/** The scores of several runs, each name once. */
export function allScores(runs: readonly { readonly scores: readonly ScoreKind[] }[]): ScoreKind[] {
  const kinds = runs.flatMap(({ scores }) => scores);
  return kinds.filter(({ name }, i) => kinds.findIndex((other) => other.name === name) === i);
}

/** +1.2 % or −8.0 %; of a share the points of percent between the two: −0.31 points. */
export function change({ isShare, decimals }: ScoreKind, before: number, after: number): string {
  const [amount, digits, unit] = isShare
    ? ([(after - before) * 100, Math.max(decimals, 1), 'points'] as const)
    : ([(after / before - 1) * 100, 1, '%'] as const);
  return `${amount < 0 ? '−' : '+'}${Math.abs(amount).toFixed(digits)} ${unit}`;
}

/** With a capital, as a heading begins. */
export function titled(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
