import { type RunOptions, type RunResult, run } from '../runs/run.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { progressDisplay } from './progress.ts';

/** A run with progress on stderr, which Ctrl-C stops after writing a checkpoint. `label` stands before each line. */
export async function runWithDisplay(label: string, options: Omit<RunOptions, 'runtime'>): Promise<RunResult> {
  const { scores, items } = options.task.problem;
  const display = progressDisplay({ label, epochs: options.config.epochs, scores, items });
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await run({
      ...options,
      runtime: nodeRuntime,
      signal: stop.signal,
      onBatch: display.batch,
      onEpoch: (metrics) => {
        display.epoch(metrics);
        options.onEpoch?.(metrics);
      },
      onShrink: (from, to) => display.line(`shrunk from ${from.join(', ')} to ${to.join(', ')} units`),
      onStage: display.line,
    });
  } finally {
    display.done();
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
  }
}
