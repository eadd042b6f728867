import type { RunResult } from '../runs/result.ts';
import { type RunOptions, run } from '../runs/run.ts';
import { formatScore, type ScoreKind, type ScoreValues } from '../tasks/score.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import type { BatchProgress, EpochListeners } from '../train/options.ts';
import { duration, grouped, isSilent, note } from './output.ts';
import { stoppable } from './stopping.ts';

/** Lines on stderr, and one that says how far the work is. */
export interface Display {
  line(text: string): void;
  status(text: () => string): void;
}

/** Where work shows how far it is, and what stops it. */
export interface Shown {
  readonly display: Display;
  readonly signal: AbortSignal;
}

/**
 * Work that shows how far it is: live in a terminal (every `each` ms), else now and then. Ctrl-C, SIGTERM
 * and the loss of the terminal abort the signal, so that the work can write a checkpoint.
 */
export async function withDisplay<T>(
  each: number,
  work: (display: Display, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const live =
    process.stderr.isTTY && !isSilent() ? (await import('log-update')).createLogUpdate(process.stderr) : undefined;
  const every = live ? each : 15_000;
  let shown = Number.NEGATIVE_INFINITY;
  const display: Display = {
    line(text) {
      live?.clear();
      note(text);
    },
    status(text) {
      if (performance.now() - shown < every) return;
      shown = performance.now();
      if (live) live(text());
      else note(text());
    },
  };
  const stop = stoppable((name) => {
    if (name === 'SIGINT') display.line('stopping; Ctrl-C again ends at once');
  });
  try {
    return await work(display, stop.signal);
  } finally {
    live?.done();
    stop.release();
  }
}

/** What a run of `options` shows: `label` stands before each line. */
export function showRun<Options extends Omit<RunOptions, 'runtime'>>(
  label: string,
  options: Options,
  { line, status }: Display,
): Options & EpochListeners & Pick<RunOptions, 'onEpoch' | 'onStage'> {
  const { scores, items } = options.task.problem;
  const { epochs } = options.config;
  const prefix = label === '' ? '' : `${label}  `;
  const say = (text: string) => line(`${prefix}${text}`);
  return {
    ...options,
    onBatch: (p) => status(() => `${prefix}${batchText(p, scores, items)}`),
    onEpoch: (m) => {
      say(epochText(m, epochs, scores, items));
      options.onEpoch?.(m);
    },
    onShrink: (from, to) => say(`shrunk from ${from.join(', ')} to ${to.join(', ')} units`),
    onCollapse: say,
    onStage: say,
  };
}

/** Milliseconds between two looks at a run. */
export const EACH = 150;

/** A run with progress on stderr, which Ctrl-C stops after writing a checkpoint. */
export function runWithDisplay(options: RunOptions): Promise<RunResult> {
  return withDisplay(EACH, (display, signal) =>
    run({ ...showRun('', options, display), runtime: options.runtime, signal }),
  );
}

function batchText(p: BatchProgress, scores: readonly ScoreKind[], items: string): string {
  const share = p.batch / p.batches;
  const full = Math.round(share * BAR);
  const bar = `${'█'.repeat(full)}${'░'.repeat(BAR - full)}`;
  return (
    `epoch ${p.epoch}/${p.epochs} ${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ` +
    `${p.score.name} ${formatScore(scores[0]!, p.score.value)}  ${grouped(p.itemsPerSecond)} ${items}/s  ` +
    `${unitsText(p)}${duration(p.secondsLeft)} left`
  );
}

const BAR = 16;

function epochText(m: EpochMetrics, epochs: number, scores: readonly ScoreKind[], items: string): string {
  const valid = m.valid ? `valid ${scoresText(scores, m.valid)}  ` : '';
  return (
    `epoch ${String(m.epoch).padStart(String(epochs).length)}/${epochs}  rate ${m.learningRate.toPrecision(3)}  ` +
    `train ${scoresText(scores, m.train)}  ${valid}` +
    `${unitsText(m)}${m.seconds.toFixed(1)} s  ${grouped(m.itemsPerSecond)} ${items}/s`
  );
}

/** The deciding score, and the others by name: `114.79`, `87.3 % (loss 0.3412)`. */
export function scoresText(scores: readonly ScoreKind[], values: ScoreValues): string {
  const [first = '', ...others] = scores.flatMap((kind, i) => {
    const value = values[kind.name];
    if (value === undefined) return [];
    return [i === 0 ? formatScore(kind, value) : `${kind.name} ${formatScore(kind, value)}`];
  });
  return others.length === 0 ? first : `${first} (${others.join(', ')})`;
}

function unitsText({ alive, units }: Pick<BatchProgress, 'alive' | 'units'>): string {
  if (units.length === 0) return '';
  return `units ${alive.map((n, i) => (n === units[i] ? `${n}` : `${n}/${units[i]}`)).join(' ')}  `;
}
