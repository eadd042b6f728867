import type { RunState, RunSummary } from '../../../runs/record.ts';
import { formatScore } from '../../../tasks/score.ts';

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

/** The deciding score after the last epoch: 'valid perplexity 99.50'. */
export function figureOf({ last, scores: [kind] }: RunSummary): string {
  const [split, value] =
    kind && last?.valid?.[kind.name] !== undefined
      ? ['valid', last.valid[kind.name]]
      : ['training', kind && last?.train[kind.name]];
  return kind === undefined || value === undefined ? '' : `${split} ${kind.name} ${formatScore(kind, value)}`;
}
