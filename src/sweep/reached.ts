import type { RunConfig } from '../config/runConfig.ts';
import { trainParts } from '../config/trainParts.ts';
import { numbersOf } from '../graph/numbers.ts';
import type { Model } from '../graph/types.ts';
import { biasShares, countParameters } from '../inspect/costs.ts';
import { describeModel } from '../inspect/describe.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { shrinkZeros } from '../slim/shrink.ts';
import type { ScoreValues } from '../tasks/score.ts';
import type { RungEntry } from './runRecord.ts';

/** What a run came to by an epoch. */
export interface Reached {
  readonly epoch: number;
  readonly epochs: number;
  readonly scores: ScoreValues;
}

/** How a trained model stands without its dead units, whether or not the training shrank it. */
export function standingOf(trained: Model, config: RunConfig, { epoch, epochs, scores }: Reached): RungEntry {
  const { method, settings } = trainParts(config);
  const whole = withoutDropout(trained);
  // In dense training no unit dies, and its model need not be one whose units can be traced.
  const { model } = method.isDense
    ? { model: whole }
    : shrinkZeros(whole, { embeddings: method.embeddings, fix: settings.fix ?? [] });
  const hidden = describeModel(model).layers.map((layer) => layer.units);
  const sizes = { hidden, parameters: countParameters(model.graph), nonzero: countNonzero(model) };
  return { epoch, epochs, scores: { ...scores }, ...sizes };
}

/** Weights that are not zero, counted as `countParameters` counts weights. */
function countNonzero({ graph }: Model): number {
  const shares = biasShares(graph);
  let count = 0;
  for (const [name, tensor] of graph.initializers) {
    if (tensor.elementType !== 'float32' || tensor.dims.length === 0) continue;
    let nonzero = 0;
    for (const value of numbersOf(tensor) ?? []) if (value !== 0) nonzero++;
    count += nonzero * (shares.get(name) ?? 1);
  }
  return Math.round(count);
}
