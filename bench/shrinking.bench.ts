import { Option } from 'commander';
import { UsageError } from '../src/base/errors.ts';
import { median } from '../src/bench/statistics.ts';
import { note, table } from '../src/cli/output.ts';
import { readRun } from '../src/runs/readRun.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { readStackedFields, readTaskFields } from '../src/tasks/language-model/definition.ts';
import { benchEpochs, type EpochSpeed } from './support/epochSpeed.ts';
import { wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';
import { benchTorchIss, type IssStep, type TorchIssResult } from './support/torchPeer.ts';
import { configOfRun, type TrainConfig } from './support/trainingStep.ts';

interface Flags {
  readonly run: string;
  readonly threads: number;
  readonly rounds: number;
  readonly python: string;
}

await runScript<Flags>({
  name: 'bench:shrinking',
  about:
    'How much training time a run has saved because its model became smaller on the way. Steps at the sizes that its ' +
    'epochs began with are timed beside dense steps, because times of trainings on different days cannot be compared, ' +
    "and beside PyTorch's steps with the same group lasso, which stay as large as they began.",
  options: [
    new Option('--run <directory>', 'a finished run of slimrnn train').makeOptionMandatory(),
    wholeOption('--threads', 'threads of the engine', 1),
    wholeOption('--rounds', 'turns of each size, of 2 timed steps each', 7),
    new Option('--python <file>', 'a Python that has torch').default(process.env.SLIMRNN_PYTHON ?? 'python3'),
  ],
  paths: ({ python }) => ({ [python]: 'PYTHON' }),
  async measure({ run, threads, rounds, python }) {
    const { config: fields, epochs, result } = await readRun(run, '');
    const words = result?.data?.facts.vocabulary;
    const config = configOfRun(fields ?? {});
    if (words === undefined || config.task.kind !== 'language-model')
      throw new UsageError(`${run} is no finished run of a language model`);
    const hidden = config.model.hidden as number[];
    const other = differences(config);
    if (other.length > 0)
      note(`PyTorch's implementation is of another training, and is not timed: ${other.join(', ')}`);
    if (config.method.issEmbedding)
      throw new UsageError(`${run} let its embedding shrink, too: only hidden sizes are timed`);
    note(`steps at the sizes of ${epochs.length} epochs beside dense steps of ${hidden.join(', ')}`);
    // An epoch shrinks on the way: the size it began with is the largest it had.
    const units = [hidden, ...epochs.slice(0, -1).map((row) => row.units)];
    const askPeer = () => (other.length > 0 ? undefined : benchTorchIss(python, peerStep(config, words, threads)));
    const before = askPeer();
    const timed = await benchEpochs({ runtime: nodeRuntime, config, units, words, threads, rounds });
    const ratio = timed.reduce((sum, epoch) => sum + epoch.ratio, 0) / timed.length;
    // PyTorch's process cannot take turns with ours: it is timed before and after.
    const peer = wholeRun(timed, [before, before && askPeer()]);
    const rows = timed.map(({ epoch, units: began, milliseconds, dense, ratio: share }) => [
      `${epoch}`,
      began.join(', '),
      `${milliseconds.toFixed(0)} ms`,
      `${dense.toFixed(0)} ms`,
      percent(share),
    ]);
    return {
      figures: { engine: nodeRuntime.name, threads, config, epochs: timed, ratio, peer },
      text: () =>
        [
          table(['epoch', 'began with', 'step', 'dense step', 'ratio'], rows),
          `training steps of all epochs: ${percent(ratio)} of dense training`,
          ...(peer ? [peerText(peer)] : []),
        ].join('\n'),
    };
  },
});

/** What a run does otherwise than PyTorch's implementation, which trains an LSTM with group lasso by gradient descent. */
function differences({ model, method, optimizer }: TrainConfig): string[] {
  const found: [isOther: boolean, what: string][] = [
    [model.kind !== 'lstm', `cells ${model.kind}`],
    [model.embedding !== (model.hidden as number[])[0], 'an embedding of another size than the first layer'],
    [model.tied === true, 'a tied embedding'],
    [model.variational === true || (model.keepRecurrent ?? 1) !== 1, 'dropout of other places'],
    [method.kind !== 'group-lasso', `method ${method.kind}`],
    [optimizer.kind !== 'sgd', `optimizer ${optimizer.kind}`],
  ];
  return found.flatMap(([isOther, what]) => (isOther ? [what] : []));
}

/** The step of PyTorch that a run is compared with. */
function peerStep(config: TrainConfig, vocabulary: number, threads: number): IssStep {
  const { hidden, keep } = readStackedFields(config.model);
  const { steps } = readTaskFields(config.task);
  const { batch, clip = Number.POSITIVE_INFINITY, threshold } = config;
  return { hidden, vocabulary, batch, steps, keep, clip, threshold, threads };
}

/** The time of a whole run beside that of PyTorch's, whose steps are all of the first size. */
function wholeRun(epochs: readonly EpochSpeed[], asked: readonly (TorchIssResult | undefined)[]) {
  const peers = asked.filter((peer) => peer !== undefined);
  if (peers.length < asked.length) return undefined;
  const ours = epochs.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / epochs.length;
  const float32 = median(peers.map((peer) => peer.float32Ms.median));
  const halves = peers.flatMap((peer) => peer.bfloat16Ms?.median ?? []);
  const bfloat16 = halves.length > 0 ? median(halves) : undefined;
  const { torch, compiled } = peers[0]!;
  return {
    ...{ torch, compiled, oursMs: ours, float32Ms: float32, bfloat16Ms: bfloat16 },
    ...{ ofFloat32: ours / float32, ofBfloat16: bfloat16 && ours / bfloat16 },
  };
}

function peerText(peer: NonNullable<ReturnType<typeof wholeRun>>): string {
  const { torch, oursMs, float32Ms, ofFloat32, bfloat16Ms, ofBfloat16 } = peer;
  const precisions = [`${float32Ms.toFixed(0)} ms in float32 (the whole run takes ${percent(ofFloat32)} of its time)`];
  if (bfloat16Ms && ofBfloat16) precisions.push(`${bfloat16Ms.toFixed(0)} ms in bf16 (${percent(ofBfloat16)})`);
  return (
    `a step on average ${oursMs.toFixed(0)} ms; PyTorch ${torch} with the same group lasso and no shrinking ` +
    precisions.join(', ')
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
