import type { RunSummary } from '../../../runs/record.ts';
import { isBetter } from '../../../tasks/score.ts';

/** Orders in which runs can be listed. */
export const ORDERS = [
  { name: 'newest', label: 'newest first' },
  { name: 'name', label: 'name' },
  { name: 'score', label: 'best score first' },
  { name: 'size', label: 'fewest parameters first' },
] as const;

/** The name of an order. */
export type OrderName = (typeof ORDERS)[number]['name'];

/** Runs in an order; what has no figure for it comes last, and running ones first where the newest do. */
export function inOrder(runs: readonly RunSummary[], order: OrderName): RunSummary[] {
  return [...runs].sort((a, b) => COMPARE[order](a, b) || compareIds(a, b));
}

type Compare = (a: RunSummary, b: RunSummary) => number;

const compareIds: Compare = (a, b) => a.id.localeCompare(b.id, 'en', { numeric: true });

const COMPARE: Readonly<Record<OrderName, Compare>> = {
  newest: (a, b) => Number(b.state === 'running') - Number(a.state === 'running') || b.modifiedAt - a.modifiedAt,
  name: compareIds,
  score: (a, b) => {
    const [own, other] = [scoreOf(a), scoreOf(b)];
    if (own === undefined || other === undefined) return Number(own === undefined) - Number(other === undefined);
    // Scores of different names do not compare: each name has its own place.
    if (own.kind.name !== other.kind.name) return own.kind.name.localeCompare(other.kind.name);
    return isBetter(own.kind, own.value, other.value) ? -1 : Number(isBetter(own.kind, other.value, own.value));
  },
  size: (a, b) => (a.parameters ?? Number.MAX_VALUE) - (b.parameters ?? Number.MAX_VALUE),
};

/** The deciding score after the last epoch, on held-out data where there are some. */
export function scoreOf({ last, scores: [kind] }: Pick<RunSummary, 'last' | 'scores'>) {
  if (kind === undefined || last === undefined) return undefined;
  const held = last.valid?.[kind.name];
  const value = held ?? last.train[kind.name];
  return value === undefined ? undefined : { kind, value, split: held === undefined ? 'training' : 'valid' };
}
