import { SlimError } from '../../base/errors.ts';
import { intAttribute } from '../attributes.ts';
import { broadcastShapes, differ, formatShape, isStatic, normalizeAxis } from '../dims.ts';
import { elementTypeOf } from '../elementTypes.ts';
import type { Dim, ElementType, Graph, Node, TensorType } from '../types.ts';

/** A graph's operator does not fit its inputs; the message names the node and the shapes. */
export class ShapeError extends SlimError {
  override readonly name: string = 'ShapeError';
}

/** What a shape rule sees of one node. */
export interface InferContext {
  readonly node: Node;
  /** Types of the inputs; undefined for one that is left out. */
  readonly inputs: readonly (TensorType | undefined)[];
  /** Known contents of an integer input (a shape, axes, sizes); elements may be free dimensions. */
  ints(input: number): readonly Dim[] | undefined;
  /** Contents of a float constant of a few elements (scales), or undefined. */
  floats(input: number): readonly number[] | undefined;
  /** Types of a subgraph's outputs, given the types of its inputs; `maybe` where it may not be run at all. */
  inferBody(body: Graph, inputs: readonly TensorType[], maybe?: boolean): TensorType[];
  /** A free dimension's name that stands nowhere else. */
  freshDim(): string;
  /** Hears of two sizes that must be the same, for whoever wants to know what follows for free ones. */
  meet(a: Dim, b: Dim): void;
}

/** Computes the types of a node's outputs. */
export type InferRule = (c: InferContext) => TensorType[];

/** Stops with node name, shapes and reason: `MatMul 'head' ([20, 200], [300, 10]): …`. */
export function fail({ node, inputs }: InferContext, reason: string): never {
  const shapes = inputs.map((t) => (t === undefined ? '-' : formatShape(t.shape))).join(', ');
  throw new ShapeError(`${node.op} '${node.name || node.outputs[0]}' (${shapes}): ${reason}`);
}

/** The first input's type comes out. */
export const same: InferRule = (c) => [inputType(c, 0)];

/** A rule for one output of the first input's element type: its shape from that input's, unknown where that is. */
export const shaped =
  (shapeOf: (c: InferContext, shape: readonly Dim[]) => readonly Dim[] | undefined): InferRule =>
  (c) => {
    const { elementType, shape } = inputType(c, 0);
    return [tensor(elementType, shape && shapeOf(c, shape))];
  };

/** Type of a required input. */
export function inputType(c: InferContext, index: number): TensorType {
  return c.inputs[index] ?? fail(c, `input ${index} is missing`);
}

/** Shape of a required input, undefined when the rank is unknown. */
export function inputShape(c: InferContext, index: number): readonly Dim[] | undefined {
  return inputType(c, index).shape;
}

/** The shape that an input holds: where it is not known, its length is the rank still. */
export function shapeFrom(c: InferContext, input: number): readonly Dim[] | undefined {
  const known = c.ints(input);
  const length = c.inputs[input]?.shape?.[0];
  if (known !== undefined || typeof length !== 'number' || length > LARGEST_RANK) return known;
  return Array.from({ length }, () => c.freshDim());
}

/** Values of more axes than this do not exist. */
const LARGEST_RANK = 16;

/** The element type that an attribute names by its number; undefined when it is absent or none that is known. */
export function elementTypeAttribute(c: InferContext, name: string): ElementType | undefined {
  return elementTypeOf(intAttribute(c.node, name, 0));
}

/** Axis attribute as an index into a shape of the given rank. */
export function axisOf(c: InferContext, axis: number, rank: number): number {
  return normalizeAxis(axis, rank) ?? fail(c, `axis ${axis} is outside rank ${rank}`);
}

/** Whether two sizes that must be the same can be. */
export function canEqual(c: InferContext, a: Dim, b: Dim): boolean {
  c.meet(a, b);
  return !differ(a, b);
}

/** What two shapes broadcast to, or undefined; a free size that meets one greater than 1 is taken to be the same. */
export function broadcastOf(c: InferContext, a: readonly Dim[], b: readonly Dim[]): Dim[] | undefined {
  for (let i = 1; i <= Math.min(a.length, b.length); i++) {
    const [x, y] = [a.at(-i)!, b.at(-i)!];
    if (x !== 1 && y !== 1) c.meet(x, y);
  }
  return broadcastShapes(a, b);
}

/** Numbers only, or undefined. */
export function numbers(dims: readonly Dim[] | undefined): readonly number[] | undefined {
  return isStatic(dims) ? dims : undefined;
}

/** Shorthand for a result type. */
export function tensor(elementType: ElementType, shape: readonly Dim[] | undefined): TensorType {
  return { elementType, shape };
}
