import { parseArgs } from 'node:util';
import { environment } from '../src/base/environment.ts';
import { writeAtomically } from '../src/base/files.ts';
import { scriptFlags, whole } from '../src/cli/flags.ts';
import { explain, note, table } from '../src/cli/output.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { benchMethods } from './support/methodCost.ts';

/*
 * `npm run bench:methods`: what each sparsity method costs in a training step, side by side in one run.
 */

try {
  await main();
} catch (error) {
  const { message, code } = explain(error);
  note(message);
  process.exitCode = code;
}

async function main(): Promise<void> {
  const { values: flags } = scriptFlags(() =>
    parseArgs({
      options: {
        hidden: { type: 'string', default: '650' },
        threads: { type: 'string', default: '1' },
        rounds: { type: 'string', default: '4' },
        out: { type: 'string' },
      },
    }),
  );
  const sizes = { hidden: whole('--hidden')(flags.hidden), vocabulary: 10_000, batch: 20, steps: 35 };
  const [threads, rounds] = [whole('--threads')(flags.threads), whole('--rounds')(flags.rounds)];
  note(`two layers of ${sizes.hidden}, ${sizes.vocabulary} words, batch ${sizes.batch}, ${sizes.steps} steps`);
  const methods = await benchMethods({ runtime: nodeRuntime, ...sizes, threads, rounds });
  const document = {
    ...environment(),
    command: ['npm run bench:methods --', ...process.argv.slice(2)].join(' ').trim(),
    ...{ engine: nodeRuntime.name, threads, ...sizes, methods },
  };
  if (flags.out !== undefined) await writeAtomically(flags.out, `${JSON.stringify(document, null, 2)}\n`);
  const rows = methods.map(({ method, milliseconds, share }) => [
    method,
    `${milliseconds.median.toFixed(1)} ms`,
    `${milliseconds.p90.toFixed(1)} ms`,
    `${(share * 100).toFixed(1)} %`,
  ]);
  process.stdout.write(`${table(['method', 'update, median', 'p90', 'of the step'], rows)}\n`);
}
