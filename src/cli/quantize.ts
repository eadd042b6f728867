import { Command, Option } from 'commander';
import { UnchangedError, UsageError } from '../base/errors.ts';
import type { Model } from '../graph/types.ts';
import { savedBytes, saveModel } from '../onnx/file.ts';
import { type LatencyPair, latencyPair, type Unmeasured } from '../quantize/latencies.ts';
import {
  calibrationRanges,
  type QuantizedForm,
  quantizedForms,
  quantizeModel,
  usualBits,
} from '../quantize/quantize.ts';
import type { Ranges } from '../quantize/ranges.ts';
import { refuseWorse, scoreChanges } from '../quantize/scores.ts';
import { type ActivationType, activationTypes } from '../quantize/staticLayers.ts';
import type { DeviceName } from '../runtime/devices.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { splitLabels } from '../tasks/task.ts';
import { refuseEmpty } from '../verify/randomInputs.ts';
import { assertWithin } from '../verify/verify.ts';
import { checkNewFile, number } from './flags.ts';
import { addGivenFlags } from './givenFlags.ts';
import { tellModels, withinSeconds } from './guarded.ts';
import { addExamples } from './helpTexts.ts';
import { addInputFlags, requireOneKindOfInputs } from './inputFlags.ts';
import { grouped, isPrintedAsJson, note, print } from './output.ts';
import { openSource, type QuantizeSource, runModels, type Scoring, type SourceFlags } from './quantizeSource.ts';
import { type QuantizeResult, type QuantizeScores, quantizeText, type UnchangedQuantize } from './quantizeText.ts';
import { addEffortFlags, type VerifyFlags } from './verifyFlags.ts';

interface QuantizeFlags extends SourceFlags, Omit<VerifyFlags, 'tolerance'> {
  readonly out: string;
  readonly to: QuantizedForm;
  readonly bits?: '7' | '8';
  readonly activations?: ActivationType;
  readonly bound?: number;
  readonly latency: boolean;
  readonly force?: boolean;
}

/** Relative difference of outputs above which nothing is written, for a model without a score. */
const BOUND = 0.05;
/** How much worse the score may get: 0.5 %, of shares 0.5 points. */
const SCORE_BOUND = 0.005;
/** Where both models are timed. */
const DEVICES: readonly DeviceName[] = ['cpu', 'wasm'];

const formLines = Object.entries(quantizedForms).map(([form, about]) => `  ${form}: ${about}`);

/** `slimrnn quantize model.onnx --out small.onnx` */
export const command = new Command('quantize')
  .description(
    'Rounds the weights of a float32 model and writes it if its outputs, or the score of its run, stay within a bound. ' +
      'Both models run on the same inputs, and are timed in turn natively and, where onnxruntime-web is installed, in ' +
      'WebAssembly.\n' +
      `Forms (--to):\n${formLines.join('\n')}`,
  )
  .argument('<model>', 'an ONNX file, or a run directory, whose task then scores both models on its held-out data')
  .requiredOption('--out <file>', 'where to write the quantized model')
  .option('--force', 'replace --out if it exists')
  .addOption(new Option('--to <form>', 'how weights are stored').choices(Object.keys(quantizedForms)).default('int8'))
  .addOption(
    new Option(
      '--bits <number>',
      'bits of weights that are multiplied as whole numbers: 8 need VNNI on x86, or an accelerator (default: 7, right on every processor)',
    ).choices(['7', '8']),
  )
  .addOption(
    new Option(
      '--activations <type>',
      'of qdq, what activations become (default: uint8; int8 is symmetric around zero, as some accelerators want it)',
    ).choices(activationTypes),
  )
  .option(
    '--bound <number>',
    `largest relative difference of outputs that is accepted (default: ${BOUND}; of a run any: its score decides)`,
    number('--bound', 'a positive number, for example 0.05', (value) => value > 0 && Number.isFinite(value)),
  )
  .option(
    '--score-bound <share>',
    'of a run, how much worse its score may get: perplexity and losses relative to it, accuracies in points ' +
      `(default: ${SCORE_BOUND}, which is 0.5 % or 0.5 points)`,
    number('--score-bound', 'a share from 0 to less than 1 (0.005 is 0.5 %)', (value) => value >= 0 && value < 1),
  )
  .addOption(
    new Option('--model <file>', 'which model of a run (default: slim.onnx where there is one)').choices(runModels),
  )
  .option('--data <path>', 'data of the run, where they lie elsewhere now')
  .option('--valid <path>', 'held-out data to score on; default: those of the run');
addInputFlags(command);
command.option('--no-latency', 'do not time the models');
addGivenFlags(command);
addEffortFlags(command);
addExamples(command, [
  'quantize runs/iss-small --out small.onnx',
  'quantize model.onnx --out small.onnx --inputs valid.npz',
  'quantize model.onnx --to int8-storage --out web.onnx',
]);
command.action(quantizeCommand);

async function quantizeCommand(path: string, flags: QuantizeFlags): Promise<void> {
  try {
    const result = await quantize(path, flags);
    print(result, () => quantizeText(result));
  } catch (error) {
    if (error instanceof UnchangedError && isPrintedAsJson()) {
      const result: UnchangedQuantize = {
        model: path,
        to: flags.to,
        written: false,
        out: null,
        problem: error.message,
      };
      print(result, () => '');
    }
    throw error;
  }
}

async function quantize(path: string, flags: QuantizeFlags): Promise<QuantizeResult> {
  const { out, to } = flags;
  requireOneKindOfInputs(flags);
  requireOfForm(flags);
  checkNewFile(path, out, flags.force);
  const source = await openSource(path, flags, nodeRuntime);
  const { model, original, file, forGiven, bytes, inputs } = source;
  checkNewFile(file, out, flags.force);
  for (const input of original.graph.inputs) refuseEmpty(input);
  tellModels([file], nodeRuntime);
  const bits = flags.bits === undefined ? usualBits[to] : flags.bits === '8' ? 8 : 7;
  const ranges = to === 'qdq' ? await calibrated(source) : undefined;
  const { activations } = flags;
  const { model: quantized, weights, kept } = quantizeModel(model, { to, bits, ranges, activations });
  refuseLarger(file, bytes, savedBytes(out, quantized));
  const { bound, verify } = await compare(source, quantized, flags);
  const scores = source.scoring && (await score(source.scoring, original, quantized, flags));
  const latencies = flags.latency ? await latenciesOf(original, quantized) : [];
  const written = await saveModel(out, quantized);
  return {
    ...{ model: file, written: true, out, to, ...(bits && { bits }), forGiven, bound, inputs },
    ...{ bytes: { before: bytes, after: written }, weights, kept, verify, ...(scores && { scores }), latencies },
  };
}

/** Throws a UsageError for flags that the form has no use for. */
function requireOfForm({ to, bits, activations }: QuantizeFlags): void {
  if (bits !== undefined && usualBits[to] === undefined) throw new UsageError('--bits goes with --to int8 and qdq');
  if (activations !== undefined && to !== 'qdq') throw new UsageError('--activations goes with --to qdq');
}

/** What activations range over on the windows that both models are compared on. Throws a UsageError without any. */
async function calibrated({ model, windows, states }: QuantizeSource): Promise<Ranges> {
  if (windows === undefined) {
    throw new UsageError('--to qdq measures ranges of activations: give calibration data with --inputs FILE');
  }
  note(`measuring ranges of activations on ${grouped(windows.length)} window${windows.length === 1 ? '' : 's'}`);
  return calibrationRanges(model, { runtime: nodeRuntime, windows, states });
}

/** How far the outputs are apart. Throws a SlimError above the bound, which a task with a score needs not have. */
async function compare(
  { original, states, windows, scoring }: QuantizeSource,
  quantized: Model,
  {
    bound = scoring === undefined ? BOUND : undefined,
    seed = 1,
    verifySeconds,
    unverifiedBranches = false,
  }: QuantizeFlags,
) {
  note('measuring how far the outputs are apart');
  const feeds = windows === undefined ? { seed } : { feeds: windows };
  const verify = await withinSeconds(verifySeconds, (onWindow) => {
    const options = { ...feeds, states, unverifiedBranches, onWindow };
    return assertWithin(nodeRuntime, original, quantized, bound ?? Number.POSITIVE_INFINITY, options);
  });
  return { bound: bound ?? null, verify };
}

/** The scores of both models. Throws a SlimError where the deciding one gets worse by more than the bound. */
async function score(
  { split, source, ...options }: Scoring,
  original: Model,
  quantized: Model,
  { scoreBound: bound = SCORE_BOUND }: QuantizeFlags,
): Promise<QuantizeScores> {
  const { problem, settings } = options;
  const { items: count } = problem.batches(split, { epoch: 0, seed: settings.seed, rank: 0, ranks: 1 });
  const on = `${grouped(count)} ${splitLabels[split]} ${problem.items} of ${source}`;
  note(`scoring both models on ${on}`);
  const changes = await scoreChanges(original, quantized, split, options);
  refuseWorse(changes[0]!, bound, split);
  return { on, bound, changes };
}

/** Throws an UnchangedError where a file would be no smaller than the one that it was made of. */
function refuseLarger(path: string, before: number, after: number): void {
  if (after < before) return;
  const change = `${grouped(before)} bytes before, ${grouped(after)} after`;
  throw new UnchangedError(`${path} would not get smaller: ${change}; nothing was written`);
}

async function latenciesOf(original: Model, quantized: Model): Promise<(LatencyPair | Unmeasured)[]> {
  const found: (LatencyPair | Unmeasured)[] = [];
  for (const device of DEVICES) {
    note(`timing both models on ${device}`);
    found.push(await latencyPair(device, original, quantized));
  }
  return found;
}
