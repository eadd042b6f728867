import { createLogUpdate } from 'log-update';
import { formatScore, type ScoreKind, type ScoreValues } from '../tasks/score.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import type { BatchProgress } from '../train/options.ts';
import { duration, grouped, note } from './output.ts';

const logUpdate = createLogUpdate(process.stderr);

/** Progress on stderr: one live line in a terminal, a plain line now and then when piped, a line for each epoch. */
export interface ProgressDisplay {
  batch(p: BatchProgress): void;
  epoch(m: EpochMetrics): void;
  line(text: string): void;
  done(): void;
}

/** What a display is made for. */
export interface DisplayOptions {
  /** Stands before each line. */
  readonly label: string;
  readonly epochs: number;
  readonly scores: readonly ScoreKind[];
  /** What is counted: 'tokens', 'examples'. */
  readonly items: string;
}

/** A display of one run. */
export function progressDisplay({ label, epochs, scores, items }: DisplayOptions): ProgressDisplay {
  const live = process.stderr.isTTY === true;
  const every = live ? 150 : 15_000;
  const prefix = label === '' ? '' : `${label}  `;
  let shown = performance.now() - every;
  const clear = () => {
    if (live) logUpdate.clear();
  };
  return {
    batch(p) {
      if (performance.now() - shown < every) return;
      shown = performance.now();
      const share = p.batch / p.batches;
      const text =
        `${prefix}epoch ${p.epoch}/${p.epochs} ${bar(share)} ${String(Math.floor(share * 100)).padStart(3)} %  ` +
        `${p.score.name} ${formatScore(scores[0]!, p.score.value)}  ${grouped(p.itemsPerSecond)} ${items}/s  ` +
        `${unitsText(p)}${duration(p.secondsLeft)} left`;
      if (live) logUpdate(text);
      else note(text);
    },
    epoch(m) {
      clear();
      const valid = m.valid ? `valid ${scoresText(scores, m.valid)}  ` : '';
      note(
        `${prefix}epoch ${String(m.epoch).padStart(String(epochs).length)}/${epochs}  rate ${m.learningRate.toPrecision(3)}  ` +
          `train ${scoresText(scores, m.train)}  ${valid}` +
          `${unitsText(m)}${m.seconds.toFixed(1)} s  ${grouped(m.itemsPerSecond)} ${items}/s`,
      );
    },
    line(text) {
      clear();
      note(`${prefix}${text}`);
    },
    done() {
      if (live) logUpdate.done();
    },
  };
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

function bar(share: number): string {
  const width = 16;
  const full = Math.round(share * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}
