import type { Graph, Node, TensorType } from '../../graph/types.ts';
import { FIXED, type Identities } from './identities.ts';
import { fix, type Traced, uniform } from './traced.ts';

/** What a rule of the trace sees of one node. */
export interface TraceContext {
  readonly node: Node;
  /** Undefined for an input that is left out. */
  readonly inputs: readonly (Traced | undefined)[];
  readonly inputTypes: readonly (TensorType | undefined)[];
  readonly outputTypes: readonly TensorType[];
  readonly identities: Identities;
  /** Known values of an integer input, or undefined. */
  ints(input: number): readonly number[] | undefined;
  /** Follows the data through the body of a loop: what its outputs are, given its inputs. */
  runBody(body: Graph, inputs: readonly Traced[], types: readonly TensorType[]): Traced[];
}

/** Says how identities pass through an operator: one entry per output. */
export type TraceRule = (c: TraceContext) => Traced[];

/** A required input. */
export function operand(c: TraceContext, index: number): Traced {
  return c.inputs[index] ?? uniform(c.inputTypes[index]?.shape, FIXED);
}

/** Shape of an output, undefined when its rank is not known. */
export function outputShape(c: TraceContext, index = 0): TensorType['shape'] {
  return c.outputTypes[index]?.shape;
}

/**
 * Ends the trace at this node: channels that come in get no further. Weights and channels of other layers stay as they
 * are; when units of a recurrent layer are among them, the trace stops with `reason` in the end.
 */
export function obstruct(c: TraceContext, reason: string): Traced[] {
  for (const x of c.inputs) {
    if (x?.kind === 'flow' && x.axis !== undefined) {
      const node = `${c.node.domain ? `${c.node.domain}.` : ''}${c.node.op} '${c.node.name || c.node.outputs[0]}'`;
      c.identities.obstacles.push({ node, reason, ids: x.ids });
    } else if (x) fix(x, c.identities);
  }
  return fixedOutputs(c);
}

/** Outputs without channels of their own. */
export function fixedOutputs(c: TraceContext): Traced[] {
  return c.node.outputs.map((_, i) => uniform(outputShape(c, i), FIXED));
}
