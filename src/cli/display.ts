import type { LoadedCorpus } from '../data/makeCorpus.ts';
import { type RunOptions, type RunResult, run } from '../runs/run.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { grouped, note } from './output.ts';
import { progressDisplay } from './progress.ts';

/** A run with progress on stderr, which Ctrl-C stops after writing a checkpoint. `label` stands before each line. */
export async function runWithDisplay(label: string, options: Omit<RunOptions, 'runtime'>): Promise<RunResult> {
  const display = progressDisplay(label, options.config.epochs);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await run({
      ...options,
      runtime: nodeRuntime,
      signal: stop.signal,
      onWindow: display.window,
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

/** Says what a corpus holds, and how much of it the vocabulary does not know. */
export function noteCorpus(corpus: LoadedCorpus): void {
  note(
    `${corpus.source}: ${grouped(corpus.train.length)} training, ${grouped(corpus.valid.length)} validation and ` +
      `${grouped(corpus.test.length)} test tokens, ${grouped(corpus.vocabulary.words.length)} words`,
  );
  for (const part of ['valid', 'test'] as const) {
    const { dropped } = corpus.outside[part];
    if (dropped === 0) continue;
    note(
      `warning: ${grouped(dropped)} tokens of the ${part} text are not in the vocabulary and are left out ` +
        '(with --vocabulary N, or an <unk> in the training text, they would count as <unk>)',
    );
  }
}
