import { titleOf } from '../../graph/names.ts';
import type { Graph, Node, TensorType } from '../../graph/types.ts';
import { FIXED, type Identities } from './identities.ts';
import { asFlow, type Flow, idsOf, type Traced, uniform } from './traced.ts';

/** What a rule of the trace sees of one node. */
export interface TraceContext {
  readonly node: Node;
  /** Undefined for an input that is left out. */
  readonly inputs: readonly (Traced | undefined)[];
  readonly inputTypes: readonly (TensorType | undefined)[];
  readonly outputTypes: readonly TensorType[];
  readonly identities: Identities;
  /** Operator set of the model. */
  readonly opset: number;
  /** Known values of an integer input, or undefined. */
  ints(input: number): readonly number[] | undefined;
  /** Identities that this node makes for an axis of an output, the same at every visit; none for too long an axis. */
  own(axis: number, size: number): Int32Array;
  /** Follows the data through a graph inside the node: what its outputs are, given its inputs. */
  runBody(body: Graph, inputs: readonly Traced[], types: readonly TensorType[]): Traced[];
  /** What the outputs of all bodies were when they were followed last. */
  bodyResults(): readonly Traced[];
}

/** Says how identities pass through an operator, for each output or the only one; those that are left out are fixed. */
export type TraceRule = (c: TraceContext) => Traced | readonly Traced[];

/** An activation with channels. */
export interface Channels extends Flow {
  readonly axis: number;
}

/**
 * What an operator does with the channels of its first input, as an activation of so many axes (0: not known). One
 * without channels only takes the shapes of the outputs, unless `otherwise` says what it becomes.
 */
export const forChannels =
  (
    rule: (c: TraceContext, x: Channels, rank: number) => ReturnType<TraceRule>,
    otherwise: (c: TraceContext, x: Flow) => ReturnType<TraceRule> = inShapes,
  ): TraceRule =>
  (c) => {
    const x = asFlow(operand(c, 0), c.identities);
    const { axis } = x;
    return axis === undefined ? otherwise(c, x) : rule(c, { ...x, axis }, x.shape?.length ?? 0);
  };

/** The same channels in the shape of each output. */
export function inShapes(c: TraceContext, x: Flow): readonly Traced[] {
  return c.node.outputs.map((_, i) => ({ ...x, shape: outputShape(c, i) }));
}

/** An output without channels of its own. */
export function fixed(c: TraceContext): Flow {
  return uniform(outputShape(c), FIXED);
}

/** A required input. */
export function operand(c: TraceContext, index: number): Traced {
  return c.inputs[index] ?? uniform(c.inputTypes[index]?.shape, FIXED);
}

/** Shape of an output, undefined when its rank is not known. */
export function outputShape(c: TraceContext, index = 0): TensorType['shape'] {
  return c.outputTypes[index]?.shape;
}

/** Ends the trace at this node: channels get no further, and layers whose units are among them are blocked. */
export function obstruct(c: TraceContext, reason: string): Flow {
  for (const x of [...c.inputs, ...c.bodyResults()]) {
    if (x === undefined || (x.kind === 'flow' && x.axis === undefined)) continue;
    for (const ids of idsOf(x)) obstructAt(c, ids, reason);
  }
  return fixed(c);
}

/** Makes this node an obstacle to some channels. */
export function obstructAt(c: TraceContext, ids: Int32Array, reason: string): void {
  if (ids.length > 0) c.identities.obstacles.push({ ids, reason: `${titleOf(c.node)}: ${reason}` });
}

/** Says that an operator looks at all these channels together, so that none can leave without loss. */
export function entangle(c: TraceContext, ids: Int32Array): void {
  c.identities.entanglements.push({ ids, reason: `${titleOf(c.node)} looks at all units together` });
}
