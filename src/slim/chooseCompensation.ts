import type { Model } from '../graph/types.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Difference } from '../verify/difference.ts';
import { type VerifyOptions, verifyEqual } from '../verify/verify.ts';
import type { Activity } from './activity.ts';
import { type CompensatedModel, type CompensationKind, compensate } from './compensate.ts';
import { shrinkModel } from './shrink.ts';

/** What is cut, and what its outputs are compared with. */
export interface CompensationRequest {
  /** The model that is cut, traced; `removed` has 1 for each component that goes. */
  readonly model: Model;
  readonly traced: TracedModel;
  readonly removed: Uint8Array;
  /** What it must compute the same as, where that is not the model itself. */
  readonly original?: Model;
  readonly activity: Activity;
  /** How the smaller models are compared with the original: on inputs that `activity` does not come from. */
  readonly verify: VerifyOptions;
}

/** A cut without compensation, or with one. */
export interface CutCandidate extends CompensatedModel {
  readonly kind: CompensationKind | 'none';
  /** How far the outputs of the smaller model are from the original's. */
  readonly difference: Difference;
}

/** How a cut does with and without compensation. */
export interface CompensationChoice {
  /** What loses least, by the mean relative difference. */
  readonly best: CutCandidate;
  /** How far the outputs are apart with each. */
  readonly differences: Readonly<Record<CutCandidate['kind'], Difference>>;
}

/** Cuts a model plainly and with each compensation, and compares their outputs with the original's. */
export async function chooseCompensation(runtime: Runtime, request: CompensationRequest): Promise<CompensationChoice> {
  const { model, traced, removed, original = model, activity, verify } = request;
  const removal = { groups: traced.groups, removed, prepared: traced.prepared };
  const tried = async (kind: CutCandidate['kind'], made: CompensatedModel): Promise<CutCandidate> => {
    const cut = () => shrinkModel(model, made, removed).model;
    return { ...made, kind, difference: await verifyEqual(runtime, original, cut, { ...verify, removal }) };
  };
  const plain = await tried('none', { ...traced, compensated: 0, left: 0 });
  const mean = await tried('mean', compensate(traced, removed, activity, 'mean'));
  const squares = await tried('least-squares', compensate(traced, removed, activity, 'least-squares'));
  const loss = (candidate: CutCandidate) => candidate.difference.meanRelativeDifference;
  return {
    best: [mean, squares].reduce((best, each) => (loss(each) < loss(best) ? each : best), plain),
    differences: { none: plain.difference, mean: mean.difference, 'least-squares': squares.difference },
  };
}
