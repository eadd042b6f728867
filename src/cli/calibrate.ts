import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { environment } from '../base/environment.ts';
import { UsageError } from '../base/errors.ts';
import { trainParts } from '../config/trainParts.ts';
import { denseKind } from '../methods/dense.ts';
import { describeMethod, methodOf } from '../methods/registry.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { presets } from '../tasks/registry.ts';
import { formatScore, type ScoreKind } from '../tasks/score.ts';
import { type Calibration, calibrate } from '../train/calibrate.ts';
import { isFolder, number, whole } from './flags.ts';
import { tellModels } from './guarded.ts';
import { addExamples } from './helpTexts.ts';
import { grouped, note, print, rounded, table } from './output.ts';
import { shortName } from './resultText.ts';
import { loadTrained, type TrainedFile, trainedModelOf } from './trainedTask.ts';

interface CalibrateFlags {
  readonly tolerance: number;
  readonly data?: string;
  readonly valid?: string;
  readonly batch?: number;
  readonly steps?: number;
  readonly threads?: number;
  readonly issEmbedding?: boolean;
}

/** `slimrnn calibrate runs/dense` */
export const command = new Command('calibrate')
  .description(
    'Sets the weights below τ to zero in a trained dense model, for one τ after another, and finds the largest τ that ' +
      'leaves the score on the held-out data as it is, within a tolerance. Ends with the --threshold to train with.',
  )
  .argument('<model>', 'a run directory, or an ONNX file of a language model that train made (with --data)')
  .option(
    '--tolerance <share>',
    'how much worse the score may be: perplexity and losses relative to it, accuracies in points (0.001: 0.1 points)',
    number('--tolerance', 'a share from 0 to less than 1 (0.001 is 0.1 %)', (value) => value >= 0 && value < 1),
    0.001,
  )
  .option('--data <path>', 'data as for train, or sotu; default: what the run was trained on')
  .option('--valid <path>', 'held-out data, where they lie apart; default: those of the run')
  .option('--batch <number>', 'sequences or examples side by side (default: as in training)', whole('--batch'))
  .option('--steps <number>', 'time steps of a window of text (default: as in training)', whole('--steps'))
  .option('--threads <number>', 'threads of the engine (default: one per core)', whole('--threads'))
  .option('--iss-embedding', 'take the columns of the embedding, too, for training with --iss-embedding')
  .action(calibrateCommand);
addExamples(command, ['calibrate runs/dense', 'calibrate model.onnx --data sotu --tolerance 0.01']);

async function calibrateCommand(path: string, flags: CalibrateFlags): Promise<void> {
  const { file, task, config } = await loadTrained(path, await trainedFile(path, flags), flags);
  if (methodOf(config.method) !== denseKind) {
    note(`warning: ${path} was trained with ${describeMethod(config.method)}; τ is meant to be found on a dense model`);
  }
  const { problem, data, states } = task;
  const { settings, method } = trainParts(config);
  if (problem.splits.includes('valid')) {
    const { items } = problem.batches('valid', { epoch: 0, seed: config.seed, rank: 0, ranks: 1 });
    note(`${file} on ${grouped(items)} validation ${problem.items} of ${data.source}`);
  }
  const [score] = problem.scores;
  tellModels([file], nodeRuntime);
  const found = await calibrate({
    ...{ model: task.model(), states, problem, runtime: nodeRuntime },
    settings: { ...settings, threads: flags.threads ?? settings.threads },
    embeddings: flags.issEmbedding ?? method.embeddings,
    tolerance: flags.tolerance,
    onPoint: (p) => note(`τ ${p.threshold.toExponential()}  ${score!.name} ${fine(score!, p.value)}`),
  });
  const document = { file, data, ...found, engine: nodeRuntime.name, environment: environment() };
  print(document, () => calibrationText(found));
}

/** The model of a run, or a language model without one. */
async function trainedFile(path: string, { data }: CalibrateFlags): Promise<TrainedFile> {
  if (isFolder(path)) return trainedModelOf(path);
  if (existsSync(path) && data === undefined) {
    throw new UsageError(`${path} is a model without its run: name its text with --data (sotu: the embedded corpus)`);
  }
  return { file: path, settings: presets['zaremba-medium']!, sources: {} };
}

/** A score with one more digit than usual: small changes matter here. */
function fine(kind: ScoreKind, value: number): string {
  return formatScore({ ...kind, decimals: kind.decimals + 1 }, value);
}

function calibrationText(found: Calibration): string {
  const { score, value, points, threshold, weightScale, advice, weights, parameters } = found;
  const unit = score.isShare ? 'points' : '%';
  const rows = points.map((p) => [
    p.threshold.toExponential(),
    `${(p.share * 100).toFixed(2)} %`,
    fine(score, p.value),
    `${p.change >= 0 ? '+' : '−'}${Math.abs(p.change * 100).toFixed(3)} ${unit}`,
    p.isSafe ? 'yes' : 'no',
  ]);
  const within = `within ${Number((found.tolerance * 100).toPrecision(6))} ${unit}`;
  return [
    table(['τ', 'weights below', `valid ${shortName(score)}`, 'change', within], rows),
    '',
    `Validation ${score.name} ${fine(score, value)} without a threshold; ${grouped(weights)} weights in ${parameters.join(', ')}.`,
    ...(threshold === undefined || advice === undefined
      ? [
          `No τ from ${points[0]!.threshold.toExponential()} on is ${within}: train without a threshold, or allow more with --tolerance`,
        ]
      : [
          `Up to τ = ${threshold.toExponential()} the trained model stays ${within}. Training needs a τ well below its weights, ` +
            `whose root mean square is ${rounded(weightScale)}.`,
          `Train with --threshold ${advice.toExponential()}`,
        ]),
  ].join('\n');
}
