import { Command } from 'commander';
import { SlimError, UnchangedError } from '../base/errors.ts';
import { quantizedNodes } from '../graph/foreign.ts';
import { titleOf } from '../graph/names.ts';
import { statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { type TracedModel, traceModel } from '../groups/traceModel.ts';
import { costsOf } from '../inspect/costs.ts';
import { saveModel } from '../onnx/file.ts';
import { openStates } from '../passes/detectStates.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { planCut } from '../slim/cut.ts';
import { foldConstantUnits } from '../slim/foldConstantUnits.ts';
import { layersAsMade } from '../slim/layersOf.ts';
import { rankings } from '../slim/ranking.ts';
import { type Shrunk, type ShrunkLayer, shrinkModel } from '../slim/shrink.ts';
import { withoutSmallWeights } from '../slim/smallWeights.ts';
import { refuseEmpty } from '../verify/randomInputs.ts';
import { assertEqual, type VerifyOptions, verifyEqual } from '../verify/verify.ts';
import { compensateCut, type MeasuredInputs, measureInputs } from './compensateCut.ts';
import { addCutFlags, type CutFlags, cutTargetFrom } from './cutFlags.ts';
import { checkNewFile, number } from './flags.ts';
import { openModel, sizeHints } from './givenFlags.ts';
import { tellModels, withinSeconds } from './guarded.ts';
import { heldText, noLayersText, quantizedLines } from './heldText.ts';
import { addExamples } from './helpTexts.ts';
import { addInputFlags, type InputFlags, requireOneKindOfInputs } from './inputFlags.ts';
import { loadFeeds } from './loadFeeds.ts';
import { modelFile } from './modelFile.ts';
import { fileSize, grouped, isPrintedAsJson, note, print } from './output.ts';
import { addRankFlags, type RankFlags, rankingFrom } from './rankFlags.ts';
import { type ShrinkResult, shrinkText, type UnchangedResult } from './shrinkText.ts';
import { addTraceFlags, stateHints, type TraceFlags, traceOptionsFrom } from './traceFlags.ts';
import { addVerifyFlags, type VerifyFlags, verifyOptionsFrom } from './verifyFlags.ts';

interface ShrinkFlags extends CutFlags, InputFlags, RankFlags, TraceFlags, VerifyFlags {
  out: string;
  force?: boolean;
  threshold?: number;
}

/** `slimrnn shrink model.onnx --out slim.onnx` */
export const command = new Command('shrink')
  .description(
    'Removes the hidden units whose output no surviving weight reads. Both models then run on the same inputs, ' +
      'and the small one is written only if their outputs agree up to rounding.\n' +
      'With one of --keep, --params, --below and --units more units go, those with the smallest group norms; with ' +
      '--threshold small weights become zero first. How far the outputs are apart is then reported.\n' +
      'With --inputs, a cut makes up for the removed units in the weights and biases that read them, as far as three ' +
      'quarters of the inputs show how; the rest of the inputs says how far the outputs are apart.\n' +
      'Layers that keep their units are named first, with what holds them. Where nothing can be removed, or the result would ' +
      'not be smaller, nothing is written and the exit code is 3.',
  )
  .argument('<model>', 'an ONNX file, or a run directory')
  .requiredOption('--out <file>', 'where to write the smaller model')
  .option('--force', 'replace --out if it exists');
addCutFlags(command);
addRankFlags(command);
command.option(
  '--threshold <τ>',
  'set the weights of the groups with |w| < τ to zero first, then remove what nothing reads any more',
  number('--threshold', 'a number above 0, for example 0.02', (τ) => τ > 0 && Number.isFinite(τ)),
);
addTraceFlags(command);
addInputFlags(command);
addVerifyFlags(command);
addExamples(command, [
  'shrink runs/iss-small --out slim.onnx',
  'shrink model.onnx --params 0.5 --inputs valid.npz --out half.onnx',
  'shrink model.onnx --threshold 0.001 --out slim.onnx',
]);
command.action((path: string, flags: ShrinkFlags) => shrinkCommand(modelFile(path), flags));

async function shrinkCommand(path: string, flags: ShrinkFlags): Promise<void> {
  const result = await shrinkFile(path, flags);
  if (result.written) print(result, () => shrinkText(result, flags.inputs));
  else {
    if (isPrintedAsJson()) print(result, () => '');
    throw new UnchangedError([result.problem, ...result.stayed].join('\n  '));
  }
}

async function shrinkFile(path: string, flags: ShrinkFlags): Promise<ShrinkResult | UnchangedResult> {
  const target = cutTargetFrom(flags);
  const rank = rankingFrom(flags, target !== undefined, flags.inputs !== undefined);
  requireOneKindOfInputs(flags);
  checkNewFile(path, flags.out, flags.force);
  const { model, original, forGiven, bytes } = await openModel(path, flags);
  for (const input of original.graph.inputs) refuseEmpty(input);
  for (const line of sizeHints(model)) note(line);
  const wanted = traceOptionsFrom(model, flags);
  const found = traceModel(model, wanted);
  const traced = foldConstantUnits(flags.threshold === undefined ? found : withoutSmallWeights(found, flags.threshold));
  for (const hint of stateHints(openStates(model, wanted.states))) note(hint);
  const states = statesOf(traced.prepared);
  const feeds = flags.inputs === undefined ? undefined : await loadFeeds(flags.inputs, model, states);
  const before = costsOf(model);
  tellModels([path], nodeRuntime);
  const ranking = rankings[rank];
  const isMeasured = flags.compensate || ranking.needsInputs;
  const measured =
    target && feeds && isMeasured ? await measureInputs(model, traced, feeds, flags, ranking) : undefined;
  const plan = planCut(traced, target ?? { kind: 'lossless' }, before.parameters, {
    ...{ ranking, multiple: flags.round },
    ...measured,
  });
  const quantized = quantizedLines(quantizedNodes(model.graph).map(titleOf));
  const lossless = target === undefined && flags.threshold === undefined;
  const stayed = [...quantized, ...stayingLayers(traced, plan.layers, !lossless)];
  const outset = { model: path, lossless, stayed };
  const unchanged = (problem: string): UnchangedResult => ({
    ...outset,
    written: false,
    out: null,
    problem,
    layers: plan.layers,
  });
  if (!plan.removed.includes(1)) return unchanged(nothingToRemove(path, model, traced.groups, flags));
  const cut = { model, original, traced, removed: plan.removed, lossless, feeds, measured };
  const { slim, resized, verify, compensation } = await cutAndCompare(cut, flags);
  const after = costsOf(slim);
  if (after.parameters >= before.parameters) {
    const change = `${grouped(before.parameters)} parameters before, ${grouped(after.parameters)} after`;
    const layers = layersAsMade(plan.layers, slim.graph);
    return { ...unchanged(`${path} would not get smaller: ${change}; nothing was written`), layers };
  }
  const written = await saveModel(flags.out, slim);
  const grown = `the file grows from ${fileSize(bytes)} to ${fileSize(written)}, though parameters are fewer`;
  return {
    ...outset,
    written: true,
    out: flags.out,
    stayed: written > bytes ? [grown, ...stayed] : stayed,
    layers: layersAsMade(plan.layers, slim.graph),
    parameters: { before: before.parameters, after: after.parameters },
    multiplyAdds: { before: before.multiplyAdds, after: after.multiplyAdds },
    bytes: { before: bytes, after: written },
    resized,
    forGiven,
    verify,
    ...(target && (flags.inputs !== undefined || flags.rank !== undefined) && { ranking: rank }),
    ...(compensation && { compensation }),
  };
}

/** A cut that is decided. */
interface Cut {
  readonly model: Model;
  /** The model as it is run for comparing. */
  readonly original: Model;
  readonly traced: TracedModel;
  readonly removed: Uint8Array;
  readonly lossless: boolean;
  /** Given inputs, and what was measured on them. */
  readonly feeds: readonly Tensors[] | undefined;
  readonly measured: MeasuredInputs | undefined;
}

/** Makes the smaller model and says how far its outputs are from the original's. Throws a SlimError where they may not be. */
async function cutAndCompare({ model, original, traced, removed, lossless, feeds, measured }: Cut, flags: ShrinkFlags) {
  note(lossless ? 'verifying that both models compute the same' : 'measuring how far the outputs are apart');
  const compensates = measured !== undefined && flags.compensate;
  const options = {
    ...comparedOn(compensates ? measured : undefined, feeds, flags),
    states: statesOf(traced.prepared),
    removal: { groups: traced.groups, removed, prepared: traced.prepared },
    ...verifyOptionsFrom(flags),
  };
  const request = { model, traced, removed, original, verify: options };
  const compensated = compensates ? await compensateCut(measured, request, flags.verifySeconds) : undefined;
  // The smaller model is made after the first has run, so that memory holds less at a time.
  let shrunk: Shrunk | undefined;
  const makeSlim = () => {
    shrunk = shrinkModel(model, compensated?.best ?? traced, removed);
    return shrunk.model;
  };
  // A cut changes what comes out, by as much as is wanted unless somebody says how much.
  const compare = lossless || flags.tolerance !== undefined ? assertEqual : verifyEqual;
  const verify = await withinSeconds(flags.verifySeconds, (onWindow) =>
    compare(nodeRuntime, original, makeSlim, { ...options, onWindow }),
  );
  if (!Number.isFinite(verify.maxAbsDifference)) {
    throw new SlimError('refused: the smaller model gives NaN or infinity where the model itself does not');
  }
  return { slim: shrunk!.model, resized: shrunk!.resized, verify, compensation: compensated?.result };
}

/** What both models run on: held-out inputs after those that they follow, else all that are given, else random ones. */
function comparedOn(
  held: MeasuredInputs | undefined,
  feeds: readonly Tensors[] | undefined,
  { seed = 1 }: ShrinkFlags,
): Pick<VerifyOptions, 'feeds' | 'warmUp' | 'seed'> {
  if (held) return { feeds: [...held.before, ...held.heldOut], warmUp: held.before.length };
  return feeds ? { feeds } : { seed };
}

/** Lines on the layers that keep all that they have: in a cut any, else those that something holds. */
function stayingLayers({ groups }: TracedModel, planned: readonly ShrunkLayer[], isCut: boolean): string[] {
  return groups.layers.flatMap(({ name, components, ...layer }, i) => {
    const units = components.length;
    const fixed = components.filter((k) => k < 0).length;
    if (planned[i]!.after < units) return [];
    const held = heldText({ ...layer, name, units, fixed });
    if (held !== undefined) return [`${name}: ${held}`];
    return isCut ? [`${name}: all ${grouped(units)} units stay`] : [];
  });
}

/** Why nothing goes, in one line. */
function nothingToRemove(path: string, { graph }: Model, groups: Groups, flags: ShrinkFlags): string {
  const target = cutTargetFrom(flags);
  const { threshold, round } = flags;
  const nothing = `nothing can be removed from ${path}, and nothing was written`;
  if (groups.layers.length === 0) {
    const isQuantized = quantizedNodes(graph).length > 0;
    return `${nothing}: ${isQuantized ? 'no layer has weights that can be cut' : noLayersText(graph)}`;
  }
  if (groups.count === 0) return `${nothing}: no layer can lose a unit`;
  if (round !== undefined) return `${nothing}: in multiples of ${round} (--round) every layer keeps its units`;
  if (target?.kind === 'below') return `${nothing}: no unit has a norm below ${target.norm} (inspect shows the norms)`;
  if (target !== undefined) return `${nothing}: the cut leaves every layer its units`;
  if (threshold !== undefined) return `${nothing}: weights of at least ${threshold} read every unit`;
  return `${nothing}: something reads every unit; --keep, --params, --below and --units cut units that are read`;
}
