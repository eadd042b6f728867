import { Option } from 'commander';
import { UsageError } from '../src/base/errors.ts';
import { note, table } from '../src/cli/output.ts';
import { readRun } from '../src/runs/readRun.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { benchEpochs } from './support/epochSpeed.ts';
import { wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';
import { configOfRun } from './support/trainingStep.ts';

interface Flags {
  readonly run: string;
  readonly threads: number;
  readonly rounds: number;
}

await runScript<Flags>({
  name: 'bench:shrinking',
  about:
    'How much training time a run has saved because its model became smaller on the way. Steps at the sizes that its ' +
    'epochs began with are timed beside dense steps, because times of trainings on different days cannot be compared.',
  options: [
    new Option('--run <directory>', 'a finished run of slimrnn train').makeOptionMandatory(),
    wholeOption('--threads', 'threads of the engine', 1),
    wholeOption('--rounds', 'turns of each size, of 2 timed steps each', 7),
  ],
  async measure({ run, threads, rounds }) {
    const { config: fields, epochs, result } = await readRun(run, '');
    const words = result?.data?.facts.vocabulary;
    const config = configOfRun(fields ?? {});
    if (words === undefined || config.task.kind !== 'language-model')
      throw new UsageError(`${run} is no finished run of a language model`);
    const hidden = config.model.hidden as number[];
    if (config.method.issEmbedding)
      throw new UsageError(`${run} let its embedding shrink, too: only hidden sizes are timed`);
    note(`steps at the sizes of ${epochs.length} epochs beside dense steps of ${hidden.join(', ')}`);
    // An epoch shrinks on the way: the size it began with is the largest it had.
    const units = [hidden, ...epochs.slice(0, -1).map((row) => row.units)];
    const timed = await benchEpochs({ runtime: nodeRuntime, config, units, words, threads, rounds });
    const ratio = timed.reduce((sum, epoch) => sum + epoch.ratio, 0) / timed.length;
    const rows = timed.map(({ epoch, units: began, milliseconds, dense, ratio: share }) => [
      `${epoch}`,
      began.join(', '),
      `${milliseconds.toFixed(0)} ms`,
      `${dense.toFixed(0)} ms`,
      percent(share),
    ]);
    return {
      figures: { engine: nodeRuntime.name, threads, config, epochs: timed, ratio },
      text: () =>
        [
          table(['epoch', 'began with', 'step', 'dense step', 'ratio'], rows),
          `training steps of all epochs: ${percent(ratio)} of dense training`,
        ].join('\n'),
    };
  },
});

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
