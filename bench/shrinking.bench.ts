import { parseArgs } from 'node:util';
import { environment } from '../src/base/environment.ts';
import { UsageError } from '../src/base/errors.ts';
import { writeAtomically } from '../src/base/files.ts';
import { scriptFlags, whole } from '../src/cli/flags.ts';
import { explain, note, table } from '../src/cli/output.ts';
import { readRun } from '../src/runs/readRun.ts';
import { readConfig } from '../src/runs/runDirectory.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { checkConfig } from '../src/train/config.ts';
import { benchEpochs } from './support/epochSpeed.ts';

/*
 * `npm run bench:shrinking -- --run DIRECTORY`: how much training time a run has saved because its model became smaller
 * on the way. Steps at the sizes that its epochs began with are timed beside dense steps, side by side in one run, because
 * the wall-clock times of trainings on different days cannot be compared.
 */

const { values: flags } = scriptFlags(() =>
  parseArgs({
    options: {
      run: { type: 'string', default: 'runs/iss-small' },
      threads: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '7' },
      out: { type: 'string' },
    },
  }),
);

async function bench(): Promise<void> {
  const { epochs, result } = await readRun(flags.run, '');
  const words = result?.data?.facts.vocabulary;
  if (words === undefined) throw new UsageError(`${flags.run} is no finished run of slimrnn train`);
  const { data: _data, init: _init, ...own } = await readConfig(flags.run);
  const config = checkConfig(own, 'its configuration');
  if (config.issEmbedding)
    throw new UsageError(`${flags.run} let its embedding shrink, too: only hidden sizes are timed`);
  const [threads, rounds] = [whole('--threads')(flags.threads), whole('--rounds')(flags.rounds)];
  note(`steps at the sizes of ${epochs.length} epochs beside dense steps of ${config.hidden.join(', ')}`);
  // An epoch shrinks on the way: the size it began with is the largest it had.
  const units = [config.hidden, ...epochs.slice(0, -1).map((row) => row.units)];
  const timed = await benchEpochs({ runtime: nodeRuntime, config, units, words, threads, rounds });
  const ratio = timed.reduce((sum, epoch) => sum + epoch.ratio, 0) / timed.length;
  const document = {
    environment: {
      ...environment(),
      command: ['npm run bench:shrinking --', ...process.argv.slice(2)].join(' ').trim(),
    },
    ...{ engine: nodeRuntime.name, threads, config, epochs: timed, ratio },
  };
  if (flags.out !== undefined) await writeAtomically(flags.out, `${JSON.stringify(document, null, 2)}\n`);
  const rows = timed.map(({ epoch, units: began, milliseconds, dense, ratio: share }) => [
    `${epoch}`,
    began.join(', '),
    `${milliseconds.toFixed(0)} ms`,
    `${dense.toFixed(0)} ms`,
    `${(share * 100).toFixed(0)} %`,
  ]);
  process.stdout.write(`${table(['epoch', 'began with', 'step', 'dense step', 'ratio'], rows)}\n`);
  process.stdout.write(`training steps of all epochs: ${(ratio * 100).toFixed(0)} % of dense training\n`);
}

try {
  await bench();
} catch (error) {
  const { message, code } = explain(error);
  note(message);
  process.exit(code);
}
