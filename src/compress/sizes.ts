import { benchLatency } from '../bench/latency.ts';
import type { Model } from '../graph/types.ts';
import { costsOf } from '../inspect/costs.ts';
import { describeModel } from '../inspect/describe.ts';
import { savedBytes } from '../onnx/file.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { SizeName } from './goal.ts';

/** What a model takes to store and to run. */
export interface ModelSizes {
  readonly parameters: number;
  /** For each time step of one example. */
  readonly multiplyAdds: number;
  /** Of its file. */
  readonly bytes: number;
  /** Units of its layers, from the bottom. */
  readonly units: readonly number[];
}

/** Counts what a model takes. */
export function sizesOf(model: Model): ModelSizes {
  const { layers, parameters, multiplyAdds } = describeModel(model);
  return { parameters, multiplyAdds, bytes: bytesOf(model), units: layers.map((l) => l.units) };
}

function bytesOf(model: Model): number {
  return savedBytes('model.onnx', model);
}

/** Steps of a run that is timed, where a model's time is free, and turns. */
const TIMED = { batch: 1, steps: 30, rounds: 5, threads: 1 } as const;

/** The size of a smaller model as a share of the original's. Latency takes a second or so, and is not the same twice. */
export function shareOf(size: SizeName, original: Model, runtime: Runtime): (model: Model) => Promise<number> {
  if (size === 'latency') {
    return async (model) => {
      const pair = [
        { name: 'original', model: original },
        { name: 'smaller', model },
      ];
      const [before, after] = await benchLatency(pair, { runtime, ...TIMED });
      return after!.milliseconds.median / before!.milliseconds.median;
    };
  }
  const measure: Readonly<Record<Exclude<SizeName, 'latency'>, (model: Model) => number>> = {
    params: (model) => costsOf(model).parameters,
    'multiply-adds': (model) => costsOf(model).multiplyAdds,
    bytes: bytesOf,
    units: (model) => describeModel(model).layers.reduce((sum, { units }) => sum + units, 0),
  };
  const whole = measure[size](original);
  return async (model) => measure[size](model) / whole;
}
