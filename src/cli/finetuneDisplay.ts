import { createLogUpdate } from 'log-update';
import type { BatchProgress } from '../tasks/arrays/epoch.ts';
import type { FinetuneMetrics } from '../tasks/arrays/progress.ts';
import { grouped, note } from './output.ts';

const logUpdate = createLogUpdate(process.stderr);

/** Progress on stderr: one live line in a terminal, a plain line now and then when piped, a line for each epoch. */
export interface FinetuneDisplay {
  batch(p: BatchProgress): void;
  epoch(m: FinetuneMetrics): void;
  line(text: string): void;
  done(): void;
}

/** A display for one fine-tuning run. */
export function finetuneDisplay(): FinetuneDisplay {
  const live = process.stderr.isTTY === true;
  const every = live ? 150 : 15_000;
  let shown = performance.now();
  const clear = () => {
    if (live) logUpdate.clear();
  };
  return {
    batch({ epoch, epochs, batch, batches, loss }) {
      if (performance.now() - shown < every) return;
      shown = performance.now();
      const text = `epoch ${epoch}/${epochs}  ${Math.floor((100 * batch) / batches)} %  loss ${loss.toPrecision(4)}`;
      if (live) logUpdate(text);
      else note(text);
    },
    epoch(m) {
      clear();
      const share = (value: number | undefined) => (value === undefined ? '' : ` (${(value * 100).toFixed(1)} %)`);
      const valid = m.validLoss === undefined ? '' : `  valid ${m.validLoss.toPrecision(4)}${share(m.validAccuracy)}`;
      const units = m.alive.map((n, i) => (n === m.units[i] ? `${n}` : `${n}/${m.units[i]}`)).join(' ');
      note(
        `epoch ${m.epoch}  rate ${m.learningRate.toPrecision(3)}  train ${m.trainLoss.toPrecision(4)}` +
          `${share(m.trainAccuracy)}${valid}${units === '' ? '' : `  units ${units}`}  ` +
          `${m.seconds.toFixed(1)} s  ${grouped(m.examplesPerSecond)} examples/s`,
      );
    },
    line(text) {
      clear();
      note(text);
    },
    done() {
      if (live) logUpdate.done();
    },
  };
}
