import { SlimError, UsageError } from '../base/errors.ts';
import { bindDim, formatShape, sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { floatToHalf } from '../graph/half.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { FreeSizes } from '../graph/infer/sizes.ts';
import { emptyData } from '../graph/tensors.ts';
import type { Dim, ElementType, Graph, Tensor, ValueInfo } from '../graph/types.ts';
import { bindDims } from '../passes/bindDims.ts';
import { dimRoles, freeDims } from '../slim/dimRoles.ts';
import { type InputUse, useOfInput } from './inputUses.ts';

/** Sizes for free dimensions: small, and different from each other where that is possible. */
const usualSizes = { time: 7, batch: 3 } as const;
const otherSizes = [3, 5, 4, 6];

/**
 * A size for every free dimension of a graph's inputs: what its operators imply, else 7 for time, 3 for batch, others in
 * turn. `given` ones come first. Where the operators need more (a window of a convolution), free sizes grow.
 */
export function smallSizes(graph: Graph, given: Readonly<Record<string, number>> = {}): Record<string, number> {
  const roles = dimRoles(graph);
  const free = freeDims(graph);
  let sizes: Record<string, number> = {};
  for (let factor = 1; factor <= LARGEST_FACTOR; factor *= 2) {
    const found = new FreeSizes(graph);
    for (const [name, size] of Object.entries(given)) found.set(name, size);
    for (const name of free) {
      const role = roles.get(name);
      if (role) found.set(name, usualSizes[role] * (role === 'time' ? factor : 1));
    }
    let others = 0;
    for (const name of free) {
      if (found.size(name) === undefined) found.set(name, otherSizes[others++ % otherSizes.length]! * factor);
    }
    const tried = Object.fromEntries(free.map((name) => [name, found.size(name)!]));
    if (fits(graph, tried)) return tried;
    // What never fits is the engine's to explain, on the smallest sizes.
    if (factor === 1) sizes = tried;
  }
  return sizes;
}

/** How much longer sequences may get than usual. */
const LARGEST_FACTOR = 2 ** 12;

/** Whether the operators of a graph take inputs of these sizes, as far as that can be told without running it. */
export function fits(graph: Graph, sizes: Readonly<Record<string, number>>): boolean {
  try {
    inferTypes(bindDims(graph, sizes));
    return true;
  } catch (error) {
    if (error instanceof SlimError) return false;
    throw error;
  }
}

/** More numbers than this are not drawn for one input: 0.4 GB of float32. */
const MOST_NUMBERS = 1e8;

/**
 * Dimensions of an input with its free ones bound. Throws a UsageError that names the input when its rank or a size is
 * unknown, when a size is 0, and when no computer has the memory; `advice` ends the message.
 */
export function boundDims(input: ValueInfo, sizes: Readonly<Record<string, Dim>>, advice = ADVICE): number[] {
  const { name, type } = input;
  refuseEmpty(input);
  const dims = type.shape?.map((d) => bindDim(d, sizes));
  if (!dims?.every((d) => typeof d === 'number')) {
    throw new UsageError(`the shape of input '${name}' is not known${advice}`);
  }
  if (sizeOf(dims) > MOST_NUMBERS) {
    const declared = `the model declares ${formatShape(type.shape)} for input '${name}'`;
    throw new UsageError(`${declared}, which is too much to draw at random ([${dims.join(', ')}])${advice}`);
  }
  return dims;
}

const ADVICE = '; give example inputs (--inputs FILE; in the library: feeds)';

/** Throws a UsageError for an input that declares a size of 0: engines end the process on such inputs. */
export function refuseEmpty({ name, type }: ValueInfo): void {
  const axis = type.shape?.indexOf(0) ?? -1;
  if (axis < 0) return;
  throw new UsageError(
    `input '${name}' declares 0 for axis ${axis} (${formatShape(type.shape)}), so that there is nothing to compute; ` +
      'export the model with the real size there, or with a free one',
  );
}

/**
 * Random values for an input, the same for the same state of `random`: normal numbers; indices that are valid in every
 * table that the graph looks up with them; the full length for lengths of sequences; else 0 and 1 for integers and
 * masks. `sizes` are those of all free dimensions of the graph.
 */
export function randomTensor(
  input: ValueInfo,
  graph: Graph,
  dims: readonly number[],
  random: () => number,
  sizes: Readonly<Record<string, Dim>> = smallSizes(graph),
): Tensor {
  const { elementType } = input.type;
  if (elementType === 'string') {
    throw new UsageError(`input '${input.name}' has type ${elementType}${ADVICE}`);
  }
  const draw = drawer(useOfInput(graph, input.name, sizes), elementType, random);
  const data = emptyData(elementType, sizeOf(dims));
  for (let i = 0; i < data.length; i++) data[i] = stored(draw(), elementType);
  return { elementType, dims, data };
}

/** Draws one number after the other. Keras looks up embeddings with floats, so indices may be of any type. */
function drawer(use: InputUse, type: ElementType, random: () => number): () => number {
  if (use.kind === 'length') return () => use.steps;
  if (use.kind === 'index') {
    const below = Math.min(use.below, type === 'int8' ? 128 : type === 'uint8' ? 256 : use.below);
    return () => Math.floor(random() * below);
  }
  return isFloat(type) ? () => normal(random) : () => (random() < 0.5 ? 0 : 1);
}

/** A number as a type's array holds it. */
function stored(value: number, type: ElementType): number | bigint {
  if (type === 'float16') return floatToHalf(value);
  // The upper half of a float32.
  if (type === 'bfloat16') return new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16;
  return type === 'int64' || type === 'uint64' ? BigInt(value) : value;
}

/** Standard normal, by Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
