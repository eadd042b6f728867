import type { EpochRow, RunState, RunSummary } from '../../../runs/record.ts';

/** States as people say them. */
export const STATES: Readonly<Record<RunState, string>> = {
  running: 'running',
  stopped: 'stopped',
  finished: 'finished',
  unreadable: 'unreadable',
};

/** What a run is called in a list: its place below the root, or the root's own name. */
export function nameOf({ id, name }: Pick<RunSummary, 'id' | 'name'>): string {
  return id === '' ? name : id;
}

/** The figure of quality of an epoch. */
export function figureOf(row: EpochRow): string {
  if (row.validPerplexity !== undefined) return `valid ppl ${row.validPerplexity.toFixed(2)}`;
  if (row.validAccuracy !== undefined) return `valid accuracy ${row.validAccuracy.toFixed(4)}`;
  if (row.validLoss !== undefined) return `valid loss ${row.validLoss.toFixed(4)}`;
  return row.trainLoss === undefined ? '' : `train loss ${row.trainLoss.toFixed(4)}`;
}
