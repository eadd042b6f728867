import { stat } from 'node:fs/promises';
import { Command } from 'commander';
import { SlimError, UsageError } from '../base/errors.ts';
import { loadArrays } from '../data/arrays.ts';
import { formatShape } from '../graph/dims.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { traceModel } from '../groups/traceModel.ts';
import { costsOf } from '../inspect/costs.ts';
import { saveModel } from '../onnx/file.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { planCut } from '../slim/cut.ts';
import { type ResizedValue, type Shrunk, shrinkModel } from '../slim/shrink.ts';
import type { Difference } from '../verify/difference.ts';
import { givenInputs } from '../verify/givenInputs.ts';
import { assertEqual, verifyEqual } from '../verify/verify.ts';
import { addCutFlags, type CutFlags, cutTargetFrom } from './cutFlags.ts';
import { checkNewFile, number } from './flags.ts';
import { openModel } from './givenFlags.ts';
import { agreement, fileSize, grouped, note, print, rounded, table } from './output.ts';
import { addTraceFlags, type TraceFlags, traceOptionsFrom } from './traceFlags.ts';

interface ShrinkFlags extends CutFlags, TraceFlags {
  out: string;
  force?: boolean;
  inputs?: string;
  seed?: number;
}

/** `slimrnn shrink model.onnx --out slim.onnx` */
export const command = new Command('shrink')
  .summary('remove units that nothing reads, without loss, or cut a model to size')
  .description(
    'Removes the hidden units whose output no surviving weight reads. Both models then run on the same inputs, ' +
      'and the small one is written only if their outputs agree up to rounding.\n' +
      'With one of --keep, --params, --below and --units more units go, those with the smallest group norms; how far ' +
      'the outputs are apart is then reported.',
  )
  .argument('<model>', 'an ONNX file')
  .requiredOption('--out <file>', 'where to write the smaller model')
  .option('--force', 'replace --out if it exists');
addCutFlags(command);
addTraceFlags(command);
command
  .option('--inputs <file>', 'compare both models on these arrays (.npz, .safetensors, .jsonl), named as the inputs')
  .option(
    '--seed <number>',
    'seed of the random inputs that both models are compared on without --inputs (default: 1)',
    number('--seed', 'a whole number', (v) => Number.isSafeInteger(v) && v >= 0),
  )
  .action(shrinkCommand);

async function shrinkCommand(path: string, flags: ShrinkFlags): Promise<void> {
  const result = await shrinkFile(path, flags);
  print(result, () => resultText(result, flags.inputs));
}

async function shrinkFile(path: string, flags: ShrinkFlags) {
  const target = cutTargetFrom(flags);
  if (flags.seed !== undefined && flags.inputs !== undefined) {
    throw new UsageError('--seed makes random inputs and --inputs gives others; give one of them');
  }
  checkNewFile(path, flags.out, flags.force);
  const { model, original } = await openModel(path, flags);
  const traced = traceModel(model, traceOptionsFrom(model, flags));
  const states = statesOf(traced.prepared);
  const feeds = flags.inputs === undefined ? undefined : await loadFeeds(flags.inputs, model, states);
  const before = costsOf(model);
  const plan = planCut(traced, target ?? { kind: 'lossless' }, before.parameters);
  note(target ? 'measuring how far the outputs are apart' : 'verifying that both models compute the same');
  const removal = { groups: traced.groups, removed: plan.removed, prepared: traced.prepared };
  // The smaller model is made after the first has run, so that memory holds less at a time.
  let shrunk: Shrunk | undefined;
  const makeSlim = () => {
    shrunk = shrinkModel(model, traced, plan.removed);
    return shrunk.model;
  };
  const compare = target ? verifyEqual : assertEqual;
  const verify = await compare(nodeRuntime, original, makeSlim, {
    ...(feeds ? { feeds: [feeds] } : { seed: flags.seed ?? 1 }),
    states,
    removal,
  });
  const { model: slim, resized } = shrunk!;
  if (!Number.isFinite(verify.maxAbsDifference)) {
    throw new SlimError('refused: the smaller model gives NaN or infinity where the model itself does not');
  }
  await saveModel(flags.out, slim);
  const after = costsOf(slim);
  return {
    model: path,
    out: flags.out,
    lossless: target === undefined,
    layers: plan.layers,
    parameters: { before: before.parameters, after: after.parameters },
    multiplyAdds: { before: before.multiplyAdds, after: after.multiplyAdds },
    bytes: {
      before: Math.max((await stat(path)).size, weightBytes(model)),
      after: Math.max((await stat(flags.out)).size, weightBytes(slim)),
    },
    resized,
    verify,
  };
}

/** Bytes of the weights, which may lie in a data file beside the model. */
function weightBytes({ graph }: Model): number {
  let bytes = 0;
  for (const { data } of graph.initializers.values()) if (!Array.isArray(data)) bytes += data.byteLength;
  return bytes;
}

async function loadFeeds(path: string, model: Model, states: readonly StatePair[]): Promise<Tensors> {
  const { feeds, unused } = givenInputs(model.graph, new Set(states.map((s) => s.input)), await loadArrays(path), path);
  if (unused.length > 0) note(`arrays of ${path} that are no inputs of the model: ${unused.join(', ')}`);
  return feeds;
}

interface Change {
  readonly before: number;
  readonly after: number;
}

function resultText(result: Awaited<ReturnType<typeof shrinkFile>>, inputs: string | undefined): string {
  const row = (name: string, { before, after }: Change, format: (n: number) => string) => [
    name,
    format(before),
    format(after),
  ];
  const rows = [
    ...result.layers.map((l) => row(`${l.name} units`, l, grouped)),
    row('parameters', result.parameters, grouped),
    row('multiply-adds per time step', result.multiplyAdds, grouped),
    row('file', result.bytes, fileSize),
  ];
  const { verify, model, out, resized } = result;
  const same = inputs === undefined ? 'the same random inputs' : inputs;
  const outcome = result.lossless
    ? [`verified on ${same}: outputs of the smaller model ${agreement(verify)} those of ${model}`]
    : [`outputs of the smaller model against those of ${model}, on ${same}:`, ...differenceLines(verify)];
  return [table(['', 'before', 'after'], rows), '', ...outcome, ...resizedLines(resized), `written to ${out}`].join(
    '\n',
  );
}

/** Values that change alike share a line. */
function resizedLines(resized: readonly ResizedValue[]): string[] {
  const alike = new Map<string, string[]>();
  for (const { name, before, after } of resized) {
    const change = `${formatShape(before)} → ${formatShape(after)}`;
    alike.set(change, [...(alike.get(change) ?? []), name]);
  }
  return [...alike].map(([change, names]) => `inputs and outputs ${change}: ${names.join(', ')}`);
}

function differenceLines(verify: Difference): string[] {
  const percent = (part: number) => `${rounded(100 * part)} %`;
  const { maxAbsDifference, meanAbsDifference, maxRelativeDifference, meanRelativeDifference, agreement } = verify;
  return [
    `  mean difference ${rounded(meanAbsDifference)}, ${percent(meanRelativeDifference)} relative`,
    `  largest         ${rounded(maxAbsDifference)}, ${percent(maxRelativeDifference)} relative`,
    ...(agreement === undefined ? [] : [`  ${percent(agreement)} of the elements that are not real numbers are equal`]),
  ];
}
