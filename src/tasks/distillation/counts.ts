import { UsageError } from '../../base/errors.ts';
import { withType } from '../../graph/convert.ts';
import { sizeOf } from '../../graph/dims.ts';
import { knownTypes } from '../../graph/infer/infer.ts';
import { namesIn } from '../../graph/infer/sizes.ts';
import type { Dim, Tensor } from '../../graph/types.ts';
import { toOwnOpset } from '../../passes/toOwnOpset.ts';
import type { InputExamples, NamedArrays } from '../arrays/examples.ts';
import { besideArray } from '../arrays/targets.ts';
import { type OutputAxes, placeAxes } from './outputAxes.ts';
import type { Placed } from './wiring.ts';

/** Lengths of the examples, and what messages call them. */
interface Lengths {
  readonly array: Tensor;
  readonly what: string;
}

/**
 * Which places of each output count [N · places], 1 or 0: not the steps beyond an example's length. Lengths are those of
 * the array that --lengths names, else those that the reader of the file padded an input to. Throws UsageError for
 * lengths that do not fit, and where nothing counts.
 */
export function placesThatCount(data: NamedArrays, student: Placed, outputs: readonly OutputAxes[]): Uint8Array[] {
  const { examples, model, wiring } = student;
  const { lengths } = wiring;
  const said = lengths === undefined ? undefined : besideArray(data, examples, lengths, '--lengths');
  const along = outputs.map((output) => inputsAlong(student, output));
  if (said && along.every((inputs) => inputs.length === 0) && !model.graph.inputs.some((v) => v.name === lengths)) {
    throw new UsageError(`--lengths ${lengths} has no effect: no output that is followed has steps`);
  }
  return outputs.map((output, i) => {
    const counts = new Uint8Array(examples.count * sizeOf(output.places)).fill(1);
    const padded = along[i]!.find((v) => v.padded !== undefined && v.array.dims[1] === output.places[stepsAt(output)]);
    const own = padded && { array: padded.padded!, what: `lengths of array '${padded.from}'` };
    const used = along[i]!.length === 0 ? undefined : (said ?? own);
    if (used) applyLengths(used, output, examples.count, counts);
    if (counts.includes(1)) return counts;
    throw new UsageError(`${data.source}: no step of output '${output.name}' counts: all examples have the length 0`);
  });
}

function applyLengths({ array, what }: Lengths, { name, places }: OutputAxes, count: number, counts: Uint8Array): void {
  if (sizeOf(array.dims) !== count) {
    throw new UsageError(`${what} is [${array.dims.join(', ')}]; lengths are one number for each example`);
  }
  const at = stepsAt({ places });
  const [steps, inner] = [places[at]!, sizeOf(places.slice(at + 1))];
  (withType(array, 'int64', what).data as BigInt64Array).forEach((value, n) => {
    const length = Number(value);
    if (length < 0 || length > steps) {
      throw new UsageError(`${what} has the length ${length} for example ${n}; output '${name}' has ${steps} steps`);
    }
    counts.fill(0, (n * steps + length) * inner, (n + 1) * steps * inner);
  });
}

/** Where the steps are among the places, if there are steps: in front, but for axes of size 1. */
function stepsAt({ places }: Pick<OutputAxes, 'places'>): number {
  return Math.max(
    places.findIndex((size) => size !== 1),
    0,
  );
}

/**
 * The inputs along whose steps (the second axis of their arrays) the first axis of an output's places runs: their free
 * size comes out there. Where sizes are fixed, or what comes out is not known, equal ones are taken for the same.
 */
function inputsAlong({ model, examples }: Placed, output: OutputAxes): InputExamples[] {
  const { inputs, sequences } = examples;
  if (sequences) return inputs.filter((v) => sequences.scanned.has(v.name));
  if (output.places.length === 0) return [];
  const graph = toOwnOpset(model);
  const out = knownTypes(graph).type(output.name)?.shape?.[placeAxes(output)[stepsAt(output)]!];
  const free = new Set(graph.inputs.flatMap(({ type }) => type.shape ?? []).flatMap(namesIn));
  const isFollowed = out !== undefined && namesIn(out).some((name) => free.has(name));
  return inputs.filter(({ name, array, batchAxis }) => {
    if (array.dims.length < 2) return false;
    const dim = graph.inputs.find((v) => v.name === name)?.type.shape?.[batchAxis === 0 ? 1 : 0];
    return isSame(dim, out, isFollowed) ?? array.dims[1] === output.places[stepsAt(output)];
  });
}

/** Whether a size that comes out is one that goes in; undefined where neither the one nor the other is known. */
function isSame(into: Dim | undefined, out: Dim | undefined, isFollowed: boolean): boolean | undefined {
  if (typeof into !== 'string') return undefined;
  if (isFollowed) return namesIn(out!).some((name) => namesIn(into).includes(name));
  return typeof out === 'number' ? false : undefined;
}
