import { SlimError } from '../base/errors.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic } from '../graph/dims.ts';
import { ShapeError } from '../graph/infer/context.ts';
import type { OpWith } from '../graph/operators.ts';
import { add, reduceSum, reshape, shapeOf } from '../graph/ops.ts';
import type { Rules } from '../graph/rules.ts';
import type { Dim, Node } from '../graph/types.ts';

/** A node whose gradient is asked for, in the builder that the gradient nodes go to. */
interface NodeGradient {
  readonly builder: GraphBuilder;
  readonly node: Node;
  /** Inputs by position; undefined for one that is left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** Outputs by position; undefined for one that is left out. */
  readonly outputs: readonly (Value | undefined)[];
  /** ∂loss/∂output by position; undefined where the loss does not depend on it. */
  readonly gradients: readonly (Value | undefined)[];
  /** True when the gradient of this input is asked for; rules may skip the others. */
  needs(input: number): boolean;
  /** True when the gradient of this value is asked for, which a body in the node may use. */
  wants(name: string): boolean;
  /** Adds to the gradient of a value that a body in the node uses. */
  addToCaptured(name: string, gradient: Value): void;
  readonly backpropagate: Backpropagate;
}

/** What a gradient rule sees of one node. */
export interface GradientContext extends NodeGradient {
  /** A required input. */
  input(index: number): Value;
  /** An output that somebody takes. */
  output(index: number): Value;
  /** The gradient of the only differentiable output. */
  gradient(): Value;
}

export function gradientContext(of: NodeGradient): GradientContext {
  const missing = (what: string): never => {
    throw new SlimError(`${of.node.op} '${of.node.name}': ${what}`);
  };
  const context: GradientContext = {
    ...of,
    input: (index) => of.inputs[index] ?? missing(`input ${index} is missing`),
    output: (index) => of.outputs[index] ?? unsupported(context, `output ${index} is left out`),
    gradient: () => of.gradients[0] ?? missing('no gradient reaches its first output'),
  };
  return context;
}

/**
 * The reverse sweep over `nodes`, whose values live in `b`: from gradients of some values (`seeds`) to the gradients of
 * `wrt`, as new nodes of `b`. What `defer` says so of is left to the caller: a loop computes it once outside.
 */
export type Backpropagate = (
  b: GraphBuilder,
  nodes: readonly Node[],
  seeds: ReadonlyMap<string, Value>,
  wrt: Iterable<string>,
  defer?: (c: GradientContext, input: number) => boolean,
) => Map<string, Value>;

/** Vector-Jacobian product: from the gradients of a node's outputs to those of its inputs (undefined: none). */
export type GradientRule = (c: GradientContext) => (Value | undefined)[];

/** An operator that must have a rule. */
export type Differentiable = OpWith<{ gradient: 'rule' }>;

/** Rules of one family of operators. */
export type GradientRules = Rules<GradientRule, Differentiable>;

/** Stops: the operator exists but this use of it has no gradient here. */
export function unsupported(c: GradientContext, reason: string): never {
  throw new SlimError(`cannot differentiate ${c.node.op} '${c.node.name || c.node.outputs[0]}': ${reason}`);
}

/** Known shape of a value. */
export function shapeOfType(x: Value): readonly Dim[] {
  if (x.type.shape === undefined) throw new ShapeError(`'${x.name}' needs a known rank to be differentiated`);
  return x.type.shape;
}

/** Known rank of a value. */
export function rankOf(x: Value): number {
  return shapeOfType(x).length;
}

/**
 * Undoes broadcasting: sums a gradient over the axes along which `like` was repeated. A free dimension is taken to be
 * as long as what it met: where it may turn out to be 1, fix it first (`bindDims`).
 */
export function sumTo(gradient: Value, like: Value): Value {
  const from = shapeOfType(gradient);
  const to = shapeOfType(like);
  const lead = from.length - to.length;
  const added = Array.from({ length: lead }, (_, i) => i);
  const repeated = to.flatMap((d, i) => (d === 1 && from[lead + i] !== 1 ? [lead + i] : []));
  if (added.length === 0 && repeated.length === 0) return gradient;
  if (repeated.length === 0) return reduceSum(gradient, added);
  const summed = reduceSum(gradient, [...added, ...repeated], true);
  return lead === 0 ? summed : reshapeLike(summed, like);
}

/** Reshapes to the shape of another value, computed at run time when more than one dimension is free. */
export function reshapeLike(x: Value, like: Value): Value {
  const shape = shapeOfType(like);
  if (isStatic(shape)) return reshape(x, shape);
  const free = shape.filter((d) => typeof d !== 'number').length;
  return reshape(x, free === 1 ? shape.map((d) => (typeof d === 'number' ? d : -1)) : shapeOf(like));
}

/** Sum of two gradients, either of which may be absent. */
export function addGradients(a: Value | undefined, b: Value): Value {
  return a === undefined ? b : add(a, b);
}
