import { float } from '../../src/graph/attributes.ts';
import type { AttributeValues, Value } from '../../src/graph/builder.ts';
import type { Attribute, Dim, Graph, Tensor } from '../../src/graph/types.ts';
import { graphOver, randomTensor } from './graphs.ts';

/*
 * For tests: one recurrent operator with any of its options, and random values for all its inputs.
 */

/** A recurrent node to test; B = 2 and I = 3 unless given, the node's optional inputs absent. */
export interface TestLayer {
  readonly op: 'LSTM' | 'GRU' | 'RNN';
  readonly direction?: 'forward' | 'reverse' | 'bidirectional';
  readonly time?: number;
  readonly batch?: number;
  readonly hidden?: number;
  readonly bias?: boolean;
  /** Initial states. */
  readonly states?: boolean;
  readonly peepholes?: boolean;
  /** sequence_lens, one per example. */
  readonly lengths?: readonly number[] | undefined;
  /** 1: batch-first. */
  readonly layout?: 0 | 1;
  readonly attributes?: AttributeValues;
}

/** Rows of W per hidden unit. */
export const gates = { LSTM: 4, GRU: 3, RNN: 1 } as const;

/** Number of directions. */
export function directionsOf({ direction = 'forward' }: TestLayer): number {
  return direction === 'bidirectional' ? 2 : 1;
}

/** The node's inputs that are there, by the names x, w, r, b, lengths, h, c, p. */
export function tensorsOf(layer: TestLayer): Record<string, Tensor> {
  const { op, time = 4, batch = 2, hidden = 2, layout = 0 } = layer;
  const directions = directionsOf(layer);
  const rows = gates[op] * hidden;
  const state = layout === 1 ? [batch, directions, hidden] : [directions, batch, hidden];
  return {
    x: randomTensor(layout === 1 ? [batch, time, 3] : [time, batch, 3], 1),
    w: randomTensor([directions, rows, 3], 2),
    r: randomTensor([directions, rows, hidden], 3),
    ...(layer.bias && { b: randomTensor([directions, 2 * rows], 4) }),
    ...(layer.lengths && {
      lengths: { elementType: 'int32', dims: [batch], data: Int32Array.from(layer.lengths) },
    }),
    ...(layer.states && { h: randomTensor(state, 5) }),
    ...(layer.states && op === 'LSTM' && { c: randomTensor(state, 6) }),
    ...(layer.peepholes && { p: randomTensor([directions, 3 * hidden], 7) }),
  };
}

/** Outputs of the operator: Y, Y_h and, for LSTM, Y_c. */
export function outputCount({ op }: TestLayer): number {
  return op === 'LSTM' ? 3 : 2;
}

/** The node on values of those names. */
export function recurrentNode(v: Record<string, Value>, layer: TestLayer): Value[] {
  const { op, direction = 'forward', hidden = 2, layout, attributes } = layer;
  const inputs = [v.x, v.w, v.r, v.b, v.lengths, v.h, v.c, v.p];
  return v.x!.builder.node(op, inputs, { hidden_size: hidden, direction, layout, ...attributes }, outputCount(layer));
}

/** A graph of one recurrent node with all its inputs fed; `shapes` declares free dimensions. */
export function layerGraph(layer: TestLayer, shapes: Record<string, readonly Dim[]> = {}): Graph {
  return graphOver(tensorsOf(layer), (v: Record<string, Value>) => recurrentNode(v, layer), shapes);
}

/** An attribute that lists names. */
export function strings(...value: string[]): Attribute {
  return { type: 'strings', value };
}

/** An attribute that lists reals. */
export function reals(...value: number[]): Attribute {
  return { type: 'floats', value };
}

/** Every cell with each of its own options. */
export const cellVariants: readonly (TestLayer & { readonly variant: string })[] = [
  { variant: 'LSTM', op: 'LSTM' },
  { variant: 'LSTM with peepholes', op: 'LSTM', peepholes: true },
  { variant: 'LSTM with coupled gates', op: 'LSTM', attributes: { input_forget: 1 } },
  { variant: 'coupled LSTM with peepholes', op: 'LSTM', peepholes: true, attributes: { input_forget: 1 } },
  { variant: 'clipped LSTM with peepholes', op: 'LSTM', peepholes: true, attributes: { clip: float(0.4) } },
  { variant: 'GRU, reset before the product', op: 'GRU' },
  { variant: 'GRU, reset after the product', op: 'GRU', attributes: { linear_before_reset: 1 } },
  { variant: 'clipped GRU', op: 'GRU', attributes: { clip: float(0.4), linear_before_reset: 1 } },
  { variant: 'RNN', op: 'RNN' },
  { variant: 'clipped RNN', op: 'RNN', attributes: { clip: float(0.4) } },
];

/** The three directions. */
export const directionNames = ['forward', 'reverse', 'bidirectional'] as const;
