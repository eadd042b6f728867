import { int64s } from '../graph/attributes.ts';
import type { AttributeValues, GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, normalizeAxis } from '../graph/dims.ts';
import { expand, unsqueeze } from '../graph/ops.ts';
import type { Dim, Node, Tensor } from '../graph/types.ts';

/*
 * Steps of a loop side by side. A value that differs from step to step is stacked: [S, …], the steps first.
 */

/** Steps that are computed side by side. */
export interface Stacking {
  /** Where nodes for all steps go. */
  readonly b: GraphBuilder;
  /** Knows the types of the values in one step. */
  readonly scope: GraphBuilder;
  isStacked(name: string): boolean;
  /** A value for all steps: [S, …] where it is stacked, else the value itself. */
  value(name: string): Value;
}

/** A node, and what its inputs are in one step. */
export interface Stacked extends Stacking {
  readonly node: Node;
  /** Rank of an input in one step. */
  rank(input: number): number;
  /** Sizes of an input in one step; undefined where one is free. */
  shape(input: number): readonly number[] | undefined;
  /** The value of an input for all steps. */
  input(input: number): Value;
  differs(input: number): boolean;
}

/** The outputs for all steps; undefined where that is not known to be possible. */
export type StackRule = (s: Stacked) => Value | readonly Value[] | undefined;

/** The same value at every step, stacked; undefined where the number of steps is not known. */
export function repeated({ value }: Stacking, name: string, steps: number): Value {
  const once = value(name);
  return expand(once, [steps, ...(once.type.shape ?? []).map(() => 1)]);
}

/** Integers that a node computes from sizes alone, the same at every step: the shape of a stacked value. */
export function fixedIntegers(scope: GraphBuilder, { outputs }: Node): Tensor | undefined {
  const [name = ''] = outputs;
  if (outputs.length !== 1 || name === '') return undefined;
  const value = scope.value(name);
  const ints = scope.knownInts(value);
  const { elementType, shape } = value.type;
  if (elementType !== 'int64' || !isStatic(ints) || !isStatic(shape)) return undefined;
  return int64s(shape, ints);
}

/** The number of steps, from a stacked value. */
export function stepsOf(stacked: Value): number | undefined {
  const first = stacked.type.shape?.[0];
  return typeof first === 'number' ? first : undefined;
}

export function staticShape(shape: readonly Dim[] | undefined): readonly number[] | undefined {
  return isStatic(shape) ? shape : undefined;
}

/** Inputs behind the first one, where they are the same at every step. */
export function settings(s: Stacked): (Value | undefined)[] | undefined {
  const rest = s.node.inputs.slice(1);
  if (rest.some((_, i) => s.differs(i + 1))) return undefined;
  return rest.map((name) => (name === '' ? undefined : s.value(name)));
}

/** Integers that an input holds at every step. */
export function known(s: Stacked, input: number): readonly number[] | undefined {
  const name = s.node.inputs[input];
  if (!name || s.differs(input)) return undefined;
  const ints = s.scope.knownInts(s.scope.value(name));
  return isStatic(ints) ? ints : undefined;
}

/** Axes are aligned at the right, so that a stacked operand of fewer axes gets ones behind the steps. */
export function aligned(s: Stacked, rank: number): Value[] {
  return s.node.inputs.map((_, i) => {
    const added = s.differs(i) ? Array.from({ length: rank - s.rank(i) }, (_, k) => 1 + k) : [];
    return added.length === 0 ? s.input(i) : unsqueeze(s.input(i), added);
  });
}

/** The node over other inputs, with other attributes. */
export function again(s: Stacked, inputs: readonly (Value | undefined)[], attributes: AttributeValues = {}): Value[] {
  return s.b.node(s.node.op, inputs, { ...s.node.attributes, ...attributes }, s.node.outputs.length);
}

/** An axis of one step as one of all steps. */
export function behindSteps(s: Stacked, axis: number): number {
  return (normalizeAxis(axis, s.rank(0)) ?? 0) + 1;
}
