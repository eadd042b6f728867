import { randomStream } from '../base/random.ts';
import type { StatePair } from '../graph/states.ts';
import { mapStored } from '../graph/stored.ts';
import type { Graph, Model, Tensor } from '../graph/types.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { Tally } from './difference.ts';
import { type Run, runAll } from './runs.ts';

/** So many times is a model nudged. */
const TRIALS = 2;

/**
 * How far rounding moves the outputs of a model on some runs: the largest relative difference of each that comes of
 * moving every weight to the next number of float32, up or down at random. That is what another order of summation can
 * do, too (backward error analysis: Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). States are
 * not among the results, but their errors are carried on.
 */
export async function noiseOf(
  runtime: Runtime,
  model: Model,
  runs: readonly Run[],
  states: readonly StatePair[],
): Promise<ReadonlyMap<string, number>> {
  const failure = { what: 'the model does not run a second time' };
  const expected: Record<string, Tensor>[] = [];
  await runAll(runtime, model, runs, states, (outputs) => expected.push(outputs), failure);
  const tally = new Tally();
  for (let trial = 0; trial < TRIALS; trial++) {
    let window = 0;
    const compare = (outputs: Record<string, Tensor>) => {
      for (const [name, tensor] of Object.entries(expected[window++]!)) tally.compare(name, tensor, outputs[name]!);
    };
    const nudged = { ...model, graph: nudge(model.graph, randomStream(trial + 1)) };
    await runAll(runtime, nudged, runs, states, compare, failure);
  }
  return tally.worstOf;
}

/** A graph whose float32 weights are the next numbers above or below. Zeros, and numbers that stand alone, stay. */
function nudge(graph: Graph, random: () => number): Graph {
  return mapStored(graph, (tensor) => {
    if (!(tensor.data instanceof Float32Array) || tensor.data.length < 2) return tensor;
    const bits = new Int32Array(Float32Array.from(tensor.data).buffer);
    // Next to each other as integers, too; ±0 are no neighbours of anything that is meant.
    for (let i = 0; i < bits.length; i++) if ((bits[i]! & 0x7fffffff) !== 0) bits[i]! += random() < 0.5 ? 1 : -1;
    return { ...tensor, data: new Float32Array(bits.buffer) };
  });
}
