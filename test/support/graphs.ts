import { floats } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { sizeOf } from '../../src/graph/dims.ts';
import { modelOf } from '../../src/graph/model.ts';
import { choose, scan } from '../../src/graph/ops.ts';
import type { Dim, Graph, Tensor } from '../../src/graph/types.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { Tensors } from '../../src/runtime/runtime.ts';

/*
 * For tests: small graphs, values for their inputs, and one call that executes them.
 */

/** All outputs of a graph, executed once by ONNX Runtime. */
export async function runGraph(graph: Graph, feeds: Tensors): Promise<Record<string, Tensor>> {
  const session = await nodeRuntime.createSession(modelOf(graph), { threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/**
 * A graph over inputs that take the given values; `shapes` declares free dimensions where sizes should not be known.
 */
export function graphOver<K extends string>(
  inputs: Readonly<Record<K, Tensor>>,
  build: (values: Record<K, Value>, b: GraphBuilder) => Value | readonly Value[],
  shapes: Partial<Record<K, readonly Dim[]>> = {},
): Graph {
  const b = new GraphBuilder('test');
  const values = {} as Record<K, Value>;
  for (const name of Object.keys(inputs) as K[]) {
    values[name] = b.input(name, inputs[name].elementType, shapes[name] ?? inputs[name].dims);
  }
  for (const output of [build(values, b)].flat()) b.output(output);
  return b.build();
}

/** One step of a loop: states and one step's inputs → new states, then outputs. */
export type Step = (states: Value[], inputs: Value[]) => Value[];

/** A Scan over the first axis of `inputs`, its body written as a function. */
export function loop(
  states: readonly Value[],
  inputs: readonly Value[],
  step: Step,
  options: Parameters<typeof scan>[3] = {},
): Value[] {
  const outer = inputs[0]!.builder;
  const body = new GraphBuilder(outer.fresh('body'), outer);
  const s = states.map((v) => body.input(body.fresh('state'), v.type.elementType, v.type.shape ?? []));
  const x = inputs.map((v) => body.input(body.fresh('x'), v.type.elementType, v.type.shape?.slice(1) ?? []));
  for (const output of step(s, x)) body.output(output);
  return scan(states, inputs, body.build(), options);
}

/** An If, each branch written as a function of its builder. */
export function either(condition: Value, branches: readonly [Branch, Branch], label?: string): Value[] {
  const [taken, otherwise] = branches.map((make): Graph => {
    const body = new GraphBuilder(condition.builder.fresh('branch'), condition.builder);
    for (const value of [make(body)].flat()) body.output(value);
    return body.build();
  });
  return choose(condition, taken!, otherwise!, label);
}

/** What a branch of an If gives. */
export type Branch = (b: GraphBuilder) => Value | readonly Value[];

/** Largest absolute difference of two lists; NaN when their lengths differ. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  return a.length === b.length ? Math.max(0, ...a.map((x, i) => Math.abs(x - b[i]!))) : Number.NaN;
}

/** Values of a numeric tensor; float16 is decoded nowhere here. */
export function numbersOf(tensor: Tensor): number[] {
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Uniform values in ±scale. */
export function randomTensor(dims: readonly number[], seed = 1, scale = 1): Tensor {
  const next = randomNumbers(seed);
  return floats(
    dims,
    Array.from({ length: sizeOf(dims) }, () => (2 * next() - 1) * scale),
  );
}

/**
 * Shuffled values that lie at least 0.2 from zero and 0.15 from each other, for operators with kinks. Tensors of
 * different `phase` (0, 1, 2) have no value in common either.
 */
export function distinct(dims: readonly number[], phase = 0): Tensor {
  const next = randomNumbers(7 + phase);
  const values = Array.from({ length: sizeOf(dims) }, (_, k) => {
    const size = 0.2 + 0.15 * Math.floor(k / 2) + 0.05 * phase;
    return k % 2 === 0 ? size : -size;
  });
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
  return floats(dims, values);
}

/** The same without the signs, for logarithms and roots. */
export function positive(dims: readonly number[], phase = 0): Tensor {
  return floats(
    dims,
    numbersOf(distinct(dims, phase)).map((v) => Math.abs(v) + (v < 0 ? 0.08 : 0)),
  );
}
