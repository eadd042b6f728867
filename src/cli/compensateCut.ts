import { statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { type Activity, measureActivity } from '../slim/activity.ts';
import { type CompensationRequest, type CutCandidate, chooseCompensation } from '../slim/chooseCompensation.ts';
import type { UnitRanking } from '../slim/ranking.ts';
import { measureTaylor } from '../slim/taylor.ts';
import { type SplitInputs, splitInputs } from '../verify/splitInputs.ts';
import { withinSeconds } from './guarded.ts';
import { note } from './output.ts';
import type { CompensationResult } from './shrinkText.ts';
import type { TraceFlags } from './traceFlags.ts';
import type { VerifyFlags } from './verifyFlags.ts';

/** Given inputs in two parts, and what was measured on the first. */
export interface MeasuredInputs extends SplitInputs {
  /** What readers of units read. */
  readonly activity: Activity;
  /** How much the outputs change without each component; where its ranking asks for it. */
  readonly sensitivities?: Float64Array;
}

/** Splits given windows, and runs a model on the first part. Throws what `measureActivity` and `measureTaylor` throw. */
export async function measureInputs(
  model: Model,
  traced: TracedModel,
  windows: readonly Tensors[],
  { resizeState, verifySeconds }: TraceFlags & VerifyFlags,
  { needsDerivatives }: Pick<UnitRanking, 'needsDerivatives'>,
): Promise<MeasuredInputs> {
  const states = new Set(statesOf(traced.prepared).map((s) => s.input));
  const split = splitInputs(model.graph, states, windows);
  // States that lie side by side have another shape than those that are given, and start at zero.
  const stateless = (window: Tensors) =>
    Object.fromEntries(Object.entries(window).filter(([name]) => !states.has(name)));
  const fit = resizeState ? split.fit.map(stateless) : split.fit;
  note('measuring what the units do on the inputs');
  const activity = await withinSeconds(verifySeconds, () => measureActivity(nodeRuntime, traced, [fit]));
  if (!needsDerivatives) return { ...split, activity };
  note('measuring what the outputs lose without each unit, to first order');
  const sensitivities = await withinSeconds(verifySeconds, () => measureTaylor(nodeRuntime, traced, fit));
  return { ...split, activity, sensitivities };
}

/** The compensation that loses least on the held-out inputs, and what to say of it. */
export async function compensateCut(
  { activity, isSplit }: MeasuredInputs,
  request: Omit<CompensationRequest, 'activity'>,
  seconds: number,
): Promise<{ best: CutCandidate; result: CompensationResult }> {
  const { best, differences } = await withinSeconds(seconds, (onWindow) =>
    chooseCompensation(nodeRuntime, { ...request, activity, verify: { ...request.verify, onWindow } }),
  );
  const { kind, compensated, left, difference } = best;
  const figures = { without: differences.none, with: difference, differences };
  return { best, result: { kind, compensated, left, isHeldOut: isSplit, ...figures } };
}
