import { Command, Option } from 'commander';
import { UnchangedError, UsageError } from '../base/errors.ts';
import { statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { savedBytes, saveModel } from '../onnx/file.ts';
import { prepareModel } from '../passes/prepareModel.ts';
import { type LatencyPair, latencyPair, type Unmeasured } from '../quantize/latencies.ts';
import { type QuantizedForm, quantizedForms, quantizeModel } from '../quantize/quantize.ts';
import type { DeviceName } from '../runtime/devices.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { refuseEmpty } from '../verify/randomInputs.ts';
import { assertWithin } from '../verify/verify.ts';
import { checkNewFile, number } from './flags.ts';
import { addGivenFlags, type GivenFlags, openModel } from './givenFlags.ts';
import { tellModels, withinSeconds } from './guarded.ts';
import { examplesText } from './helpTexts.ts';
import { addInputFlags, type InputFlags, requireOneKindOfInputs } from './inputFlags.ts';
import { loadFeeds } from './loadFeeds.ts';
import { grouped, isPrintedAsJson, note, print } from './output.ts';
import { type QuantizeResult, quantizeText, type UnchangedQuantize } from './quantizeText.ts';
import { addEffortFlags, type VerifyFlags } from './verifyFlags.ts';

interface QuantizeFlags extends InputFlags, GivenFlags, Omit<VerifyFlags, 'tolerance'> {
  out: string;
  to: QuantizedForm;
  bits?: '7' | '8';
  bound: number;
  latency: boolean;
  force?: boolean;
}

/** Relative difference of outputs above which nothing is written. */
const BOUND = 0.05;
/** Where both models are timed. */
const DEVICES: readonly DeviceName[] = ['cpu', 'wasm'];

const formLines = Object.entries(quantizedForms).map(([form, about]) => `  ${form}: ${about}`);

/** `slimrnn quantize model.onnx --out small.onnx` */
export const command = new Command('quantize')
  .description(
    'Rounds the weights of a float32 model and writes it if its outputs stay within a bound. Both models run on the same ' +
      'inputs, and are timed in turn natively and, where onnxruntime-web is installed, in WebAssembly.\n' +
      `Forms (--to):\n${formLines.join('\n')}`,
  )
  .argument('<model>', 'an ONNX file')
  .requiredOption('--out <file>', 'where to write the quantized model')
  .option('--force', 'replace --out if it exists')
  .addOption(new Option('--to <form>', 'how weights are stored').choices(Object.keys(quantizedForms)).default('int8'))
  .addOption(
    new Option(
      '--bits <number>',
      'bits of weights that are multiplied as whole numbers (default: 7, right on every processor; 8 needs VNNI on x86)',
    ).choices(['7', '8']),
  )
  .option(
    '--bound <number>',
    'largest relative difference of outputs that is accepted',
    number('--bound', 'a positive number, for example 0.05', (value) => value > 0 && Number.isFinite(value)),
    BOUND,
  );
addInputFlags(command);
command.option('--no-latency', 'do not time the models');
addGivenFlags(command);
addEffortFlags(command);
command.addHelpText(
  'after',
  examplesText(
    'quantize model.onnx --out small.onnx --inputs valid.npz',
    'quantize model.onnx --to int8-storage --out web.onnx',
  ),
);
command.action(quantizeCommand);

async function quantizeCommand(path: string, flags: QuantizeFlags): Promise<void> {
  try {
    const result = await quantizeFile(path, flags);
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

async function quantizeFile(path: string, flags: QuantizeFlags): Promise<QuantizeResult> {
  const { out, to, bound, inputs } = flags;
  requireOneKindOfInputs(flags);
  if (flags.bits !== undefined && to !== 'int8') throw new UsageError('--bits goes with --to int8');
  checkNewFile(path, out, flags.force);
  const { model, original, forGiven, bytes } = await openModel(path, flags);
  for (const input of original.graph.inputs) refuseEmpty(input);
  const bits = flags.bits === '8' ? 8 : 7;
  const { model: quantized, weights, kept } = quantizeModel(model, { to, bits });
  refuseLarger(path, bytes, savedBytes(out, quantized));
  const states = statesOf(prepareModel(model));
  const feeds = inputs === undefined ? { seed: flags.seed ?? 1 } : { feeds: await loadFeeds(inputs, model, states) };
  note('measuring how far the outputs are apart');
  tellModels([path], nodeRuntime);
  const { unverifiedBranches = false } = flags;
  const verify = await withinSeconds(flags.verifySeconds, (onWindow) =>
    assertWithin(nodeRuntime, original, quantized, bound, { ...feeds, states, unverifiedBranches, onWindow }),
  );
  const latencies = flags.latency ? await latenciesOf(original, quantized) : [];
  const written = await saveModel(out, quantized);
  return {
    ...{ model: path, written: true, out, to, ...(to === 'int8' && { bits }), forGiven, bound, inputs: inputs ?? null },
    ...{ bytes: { before: bytes, after: written }, weights, kept, verify, latencies },
  };
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
