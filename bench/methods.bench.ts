import { note, table } from '../src/cli/output.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { benchMethods } from './support/methodCost.ts';
import { wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';

interface Flags {
  readonly hidden: number;
  readonly threads: number;
  readonly rounds: number;
}

await runScript<Flags>({
  name: 'bench:methods',
  about: 'What each sparsity method costs in a training step, side by side in one run.',
  options: [
    wholeOption('--hidden', 'hidden size of both layers', 650),
    wholeOption('--threads', 'threads of the engine', 1),
    wholeOption('--rounds', 'turns of each method, of 5 timed steps each', 4),
  ],
  async measure({ hidden, threads, rounds }) {
    const sizes = { hidden, vocabulary: 10_000, batch: 20, steps: 35 };
    note(`two layers of ${hidden}, ${sizes.vocabulary} words, batch ${sizes.batch}, ${sizes.steps} steps`);
    const methods = await benchMethods({ runtime: nodeRuntime, ...sizes, threads, rounds });
    const rows = methods.map(({ method, milliseconds, share }) => [
      method,
      `${milliseconds.median.toFixed(1)} ms`,
      `${milliseconds.p90.toFixed(1)} ms`,
      `${(share * 100).toFixed(1)} %`,
    ]);
    return {
      figures: { engine: nodeRuntime.name, threads, ...sizes, methods },
      text: () => table(['method', 'update, median', 'p90', 'of the step'], rows),
    };
  },
});
