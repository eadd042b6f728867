import { SlimError } from '../../errors.ts';
import { constantTensor, integers } from '../attributes.ts';
import type { Dim, Graph, Node, Tensor, TensorType } from '../types.ts';
import { describeNode, type InferContext, type InferRule, ShapeError } from './context.ts';
import { elementwiseShapes } from './elementwise.ts';
import { inferIntegers } from './integers.ts';
import { loopShapes } from './loops.ts';
import { matrixShapes } from './matrix.ts';
import { movementShapes } from './movement.ts';
import { reduceShapes } from './reduce.ts';

const rules: Readonly<Record<string, InferRule>> = {
  ...elementwiseShapes,
  ...matrixShapes,
  ...movementShapes,
  ...reduceShapes,
  ...loopShapes,
};

/** Integer tensors longer than this are data, not shapes, and are not followed. */
const LONGEST_SHAPE = 64;

/** Types and known integer contents of the values in scope; inner scopes (loop bodies) see the outer ones. */
export class Scope {
  private readonly types = new Map<string, TensorType>();
  private readonly known = new Map<string, readonly Dim[]>();
  private readonly outer: Scope | undefined;
  private readonly counter: { next: number };

  constructor(outer?: Scope) {
    this.outer = outer;
    this.counter = outer?.counter ?? { next: 0 };
  }

  type(name: string): TensorType | undefined {
    return this.types.get(name) ?? this.outer?.type(name);
  }

  ints(name: string): readonly Dim[] | undefined {
    return this.known.get(name) ?? this.outer?.ints(name);
  }

  define(name: string, type: TensorType): void {
    this.types.set(name, type);
  }

  defineTensor(name: string, tensor: Tensor): void {
    this.types.set(name, { elementType: tensor.elementType, shape: tensor.dims });
    if (tensor.dims.length > 1 || tensor.data.length > LONGEST_SHAPE) return;
    const values = integers(tensor);
    if (values) this.known.set(name, values);
  }

  /** Infers a node's outputs, records and returns their types. Throws ShapeError when something does not fit. */
  defineNode(node: Node): TensorType[] {
    const rule = rules[node.op];
    const inputs = node.inputs.map((name) => {
      if (name === '') return undefined;
      const type = this.type(name);
      if (type === undefined) throw new ShapeError(`${node.op} '${node.name}' uses '${name}', which nothing defines`);
      return type;
    });
    if (rule === undefined || node.domain !== '') {
      const operator = `${node.domain ? `${node.domain}.` : ''}${node.op}`;
      throw new SlimError(`${describeNode(node, inputs)}: the shape of operator ${operator} is not known here`);
    }
    const ints = (i: number) => {
      const name = node.inputs[i];
      return name ? this.ints(name) : undefined;
    };
    const context: InferContext = {
      node,
      inputs,
      ints,
      inferBody: (body, types) => inferGraph(body, new Scope(this), types),
      freshDim: () => `?${this.counter.next++}`,
    };
    const types = rule(context);
    node.outputs.forEach((name, i) => {
      if (name !== '' && types[i]) this.types.set(name, types[i]);
    });
    const constant = constantTensor(node);
    if (constant) this.defineTensor(node.outputs[0]!, constant);
    else {
      const values = inferIntegers(node, inputs, ints);
      if (values) this.known.set(node.outputs[0]!, values);
    }
    return types;
  }
}

/**
 * Infers every value of a graph into `scope`; `inputs` override the declared input types (a loop's body). Returns the
 * outputs' types.
 */
export function inferGraph(graph: Graph, scope: Scope, inputs?: readonly TensorType[]): TensorType[] {
  for (const [name, tensor] of graph.initializers) scope.defineTensor(name, tensor);
  graph.inputs.forEach((input, i) => {
    const given = inputs?.[i];
    scope.define(input.name, given?.shape === undefined ? input.type : given);
  });
  for (const node of graph.nodes) scope.defineNode(node);
  return graph.outputs.map((output) => {
    const type = scope.type(output.name);
    if (type === undefined)
      throw new ShapeError(`graph '${graph.name}' outputs '${output.name}', which nothing defines`);
    return type.shape === undefined ? output.type : type;
  });
}

/**
 * Types of all values of a graph, by name (bodies of loops not included). Throws ShapeError naming the node that does
 * not fit.
 */
export function inferTypes(graph: Graph): (name: string) => TensorType | undefined {
  const scope = new Scope();
  inferGraph(graph, scope);
  return (name) => scope.type(name);
}
