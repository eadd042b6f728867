import { statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { type PrepareOptions, prepareModel } from '../passes/prepareModel.ts';
import { type TracedGroups, type TraceOptions, traceGroups } from './trace.ts';

/** A prepared model and its groups. */
export interface TracedModel {
  readonly prepared: Model;
  readonly groups: TracedGroups;
}

/** How a model is prepared and traced; its streaming states are those of the preparation. */
export type TraceModelOptions = PrepareOptions & Omit<TraceOptions, 'states'>;

/** Prepares a model and traces its groups, which are those of the prepared model. Throws what `traceGroups` throws. */
export function traceModel(model: Model, options: TraceModelOptions = {}): TracedModel {
  const prepared = prepareModel(model, options);
  return {
    prepared,
    groups: traceGroups(prepared.graph, { opset: prepared.opsets[''], ...options, states: statesOf(prepared) }),
  };
}
