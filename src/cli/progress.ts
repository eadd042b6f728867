import { createLogUpdate } from 'log-update';
import type { EpochMetrics } from '../runs/checkpoint.ts';
import type { WindowProgress } from '../train/trainer.ts';
import { duration, grouped, note } from './output.ts';

const logUpdate = createLogUpdate(process.stderr);

/** Progress on stderr: one live line in a terminal, a plain line now and then when piped. */
export interface ProgressDisplay {
  window(p: WindowProgress): void;
  epoch(m: EpochMetrics): void;
  line(text: string): void;
  done(): void;
}

/** A display with a label in front of each line. */
export function progressDisplay(label: string, epochs: number): ProgressDisplay {
  const live = process.stderr.isTTY === true;
  const every = live ? 150 : 15_000;
  const prefix = label === '' ? '' : `${label}  `;
  let shown = performance.now() - every;
  const clear = () => {
    if (live) logUpdate.clear();
  };
  const units = (alive: readonly number[], all: readonly number[]) =>
    alive.map((n, i) => (n === all[i] ? `${n}` : `${n}/${all[i]}`)).join(' ');
  return {
    window(p) {
      if (performance.now() - shown < every) return;
      shown = performance.now();
      const share = p.window / p.windows;
      const text =
        `${prefix}epoch ${p.epoch}/${p.epochs} ${bar(share)} ${String(Math.floor(share * 100)).padStart(3)} %  ` +
        `perplexity ${p.perplexity.toFixed(1)}  ${grouped(p.tokensPerSecond)} tokens/s  ` +
        `units ${units(p.alive, p.units)}  ${duration(p.secondsLeft)} left`;
      if (live) logUpdate(text);
      else note(text);
    },
    epoch(m) {
      clear();
      note(
        `${prefix}epoch ${String(m.epoch).padStart(String(epochs).length)}/${epochs}  rate ${m.learningRate.toPrecision(3)}  ` +
          `train ${m.trainPerplexity.toFixed(2)}  valid ${m.validPerplexity.toFixed(2)}  ` +
          `units ${units(m.alive, m.units)}  ${m.seconds.toFixed(1)} s  ${grouped(m.tokensPerSecond)} tokens/s`,
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

function bar(share: number): string {
  const width = 16;
  const full = Math.round(share * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}
