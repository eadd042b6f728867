import { SlimError } from '../../base/errors.ts';
import { constantTensor, graphsOf, integers, mapGraphs } from '../attributes.ts';
import type { Op } from '../operators.ts';
import { ruleFor } from '../rules.ts';
import type { Dim, Graph, Node, Tensor, TensorType } from '../types.ts';
import { type InferContext, type InferRule, ShapeError } from './context.ts';
import { controlShapes, takenBranches } from './control.ts';
import { convolutionShapes } from './convolution.ts';
import { einsumShapes } from './einsum.ts';
import { elementwiseShapes } from './elementwise.ts';
import { foreignRule } from './foreign.ts';
import { indexingShapes } from './indexing.ts';
import { inferIntegers, LONGEST_SHAPE } from './integers.ts';
import { loopShapes } from './loops.ts';
import { matrixShapes } from './matrix.ts';
import { movementShapes } from './movement.ts';
import { normalizationShapes } from './normalization.ts';
import { reduceShapes } from './reduce.ts';

const rules: Readonly<Record<Op, InferRule>> = {
  ...elementwiseShapes,
  ...matrixShapes,
  ...movementShapes,
  ...indexingShapes,
  ...reduceShapes,
  ...normalizationShapes,
  ...convolutionShapes,
  ...einsumShapes,
  ...controlShapes,
  ...loopShapes,
};

/** Graphs in graphs in graphs: deeper ones, or ones that take more steps, are meant to do harm. */
const DEEPEST = 32;
const MOST_STEPS = 1_000_000;

/** Hears of two sizes that must be the same; `maybe` where they need not, because a branch may not be taken. */
export type SizeListener = (a: Dim, b: Dim, maybe: boolean) => void;

/** Hears of an If and of the names of its branches that may be taken, as far as can be told here. */
export type BranchListener = (node: Node, taken: readonly string[]) => void;

interface ScopeOptions {
  readonly listener?: SizeListener | undefined;
  /** Gets the types of all values, those of inner scopes included. */
  readonly seen?: Map<string, TensorType> | undefined;
  readonly maybe?: boolean;
  readonly onBranch?: BranchListener | undefined;
}

/** Types and known integer contents of the values in scope; inner scopes (loop bodies) see the outer ones. */
export class Scope {
  private readonly types = new Map<string, TensorType>();
  private readonly known = new Map<string, readonly Dim[]>();
  private readonly reals = new Map<string, readonly number[]>();
  private readonly declared = new Map<string, TensorType>();
  private readonly outer: Scope | undefined;
  /** Types of all values, those of inner scopes included, where somebody wants to know. */
  private readonly seen: Map<string, TensorType> | undefined;
  private readonly depth: number;
  private readonly counter: { next: number; steps: number };
  /** With which types the graphs inside a node were entered last, where somebody wants to know. */
  private entered: Map<Graph, readonly TensorType[]> | undefined;

  private readonly listener: SizeListener | undefined;
  /** Whether what happens here may not happen at all: the branch of an If. */
  private readonly maybe: boolean;
  private readonly onBranch: BranchListener | undefined;

  constructor(outer?: Scope, options: ScopeOptions = {}) {
    const { listener = outer?.listener, seen = outer?.seen, maybe = false, onBranch = outer?.onBranch } = options;
    this.outer = outer;
    this.listener = listener;
    this.seen = seen;
    this.onBranch = onBranch;
    this.maybe = maybe || (outer?.maybe ?? false);
    this.depth = outer === undefined ? 0 : outer.depth + 1;
    this.counter = outer?.counter ?? { next: 0, steps: 0 };
  }

  type(name: string): TensorType | undefined {
    return this.types.get(name) ?? this.outer?.type(name);
  }

  ints(name: string): readonly Dim[] | undefined {
    return this.known.get(name) ?? this.outer?.ints(name);
  }

  /** What a file says of values that cannot be inferred, because an operator that nobody knows makes them. */
  declare(types: ReadonlyMap<string, TensorType> | undefined): void {
    for (const [name, type] of types ?? []) this.declared.set(name, type);
  }

  /** Defines what a graph begins with; `inputs` override the declared types. */
  enter(graph: Graph, inputs: readonly TensorType[] = []): void {
    this.declare(graph.valueInfo);
    graph.inputs.forEach((input, i) => {
      const given = inputs[i];
      this.define(input.name, given?.shape === undefined ? input.type : given);
    });
    for (const [name, tensor] of graph.initializers) this.defineTensor(name, tensor);
  }

  define(name: string, type: TensorType): void {
    this.types.set(name, type);
    this.seen?.set(name, type);
    // A body that is entered again may know less than before.
    this.known.delete(name);
  }

  defineTensor(name: string, tensor: Tensor): void {
    this.types.set(name, { elementType: tensor.elementType, shape: tensor.dims });
    if (tensor.dims.length > 1 || tensor.data.length > LONGEST_SHAPE) return;
    const values = tensor.elementType === 'bool' ? Array.from(tensor.data, Number) : integers(tensor);
    if (values) this.known.set(name, values);
    else if (tensor.data instanceof Float32Array) this.reals.set(name, [...tensor.data]);
  }

  /** Infers, records and returns the types of a node's outputs. Throws ShapeError when something does not fit. */
  defineNode(node: Node): TensorType[] {
    if (++this.counter.steps > MOST_STEPS || this.depth > DEEPEST) {
      throw new ShapeError(`${node.op} '${node.name}' lies too deep in loops and branches to be followed`);
    }
    const inputs = node.inputs.map((name) => {
      if (name === '') return undefined;
      const type = this.type(name);
      if (type === undefined) throw new ShapeError(`${node.op} '${node.name}' uses '${name}', which nothing defines`);
      return type;
    });
    const ints = (i: number) => {
      const name = node.inputs[i];
      return name ? this.ints(name) : undefined;
    };
    const freshDim = () => `?${this.counter.next++}`;
    const floats = (i: number) => this.floats(node.inputs[i] ?? '');
    const inferBody = (body: Graph, types: readonly TensorType[], maybe = false) => {
      this.entered?.set(body, types);
      return inferGraph(body, new Scope(this, { maybe }), types);
    };
    const meet = (a: Dim, b: Dim) => this.listener?.(a, b, this.maybe);
    if (node.op === 'If' && node.domain === '') this.onBranch?.(node, takenBranches(node, ints(0)));
    const context: InferContext = { node, inputs, ints, floats, inferBody, freshDim, meet };
    const inferred = (ruleFor(rules, node) ?? foreignRule(node))?.(context) ?? [];
    const types = node.outputs.map((name, i) => this.refined(name, inferred[i], inputs[0]));
    for (const [i, name] of node.outputs.entries()) if (name !== '') this.define(name, types[i]!);
    const constant = constantTensor(node);
    if (constant) this.defineTensor(node.outputs[0]!, constant);
    else {
      for (const [i, values] of inferIntegers({ ...context, outputs: types }).entries()) {
        if (values && node.outputs[i]) this.known.set(node.outputs[i], values);
      }
    }
    return types;
  }

  /**
   * A node that could be the next one with the graphs inside it changed, whose inputs then have the types that they are
   * entered with (files often leave them out). Graphs that are known not to run stay as they are.
   */
  mapBodies(node: Node, change: (body: Graph) => Graph): Node {
    if (graphsOf(node).length === 0) return node;
    const inner = new Scope(this);
    const entered = new Map<Graph, readonly TensorType[]>();
    inner.entered = entered;
    inner.defineNode(node);
    return mapGraphs(node, (body) => {
      const types = entered.get(body);
      if (types === undefined) return body;
      const inputs = body.inputs.map((v, i) => (types[i]?.shape === undefined ? v : { ...v, type: types[i] }));
      return change({ ...body, inputs });
    });
  }

  /** What is inferred, where that is nothing what is declared; the element type may be a guess in the end. */
  private refined(name: string, inferred: TensorType | undefined, input: TensorType | undefined): TensorType {
    const declared = this.declaredType(name);
    if (inferred === undefined) return declared ?? { elementType: input?.elementType ?? 'float32', shape: undefined };
    const { elementType, shape } = inferred;
    if (declared?.shape === undefined) return inferred;
    if (shape === undefined) return { elementType, shape: declared.shape };
    if (shape.length !== declared.shape.length) return inferred;
    const isFresh = (d: Dim) => typeof d === 'string' && d.startsWith('?');
    return { elementType, shape: shape.map((d, i) => (isFresh(d) ? declared.shape![i]! : d)) };
  }

  private declaredType(name: string): TensorType | undefined {
    return this.declared.get(name) ?? this.outer?.declaredType(name);
  }

  private floats(name: string): readonly number[] | undefined {
    return this.reals.get(name) ?? this.outer?.floats(name);
  }
}

/** Infers a graph into `scope`, a body with `inputs` in place of its declared types. Returns the types of the outputs. */
export function inferGraph(graph: Graph, scope: Scope, inputs?: readonly TensorType[]): TensorType[] {
  scope.enter(graph, inputs);
  for (const node of graph.nodes) scope.defineNode(node);
  return graph.outputs.map((output) => {
    const type = scope.type(output.name);
    if (type === undefined)
      throw new ShapeError(`graph '${graph.name}' outputs '${output.name}', which nothing defines`);
    return type.shape === undefined ? output.type : type;
  });
}

/** Types of a graph's values by name, without bodies. Throws ShapeError naming the node that does not fit. */
export function inferTypes(graph: Graph): (name: string) => TensorType | undefined {
  const scope = new Scope();
  inferGraph(graph, scope);
  return (name) => scope.type(name);
}

/** As `inferTypes`, with the values inside loops and branches; of several values of one name the last. */
export function inferAllTypes(graph: Graph): (name: string) => TensorType | undefined {
  const seen = new Map<string, TensorType>();
  inferGraph(graph, new Scope(undefined, { seen }));
  return (name) => seen.get(name);
}

const knownScopes = new WeakMap<Graph, Scope>();

/** As `inferTypes`, but passes over nodes that do not fit. For guesses at what a model's inputs are. */
export function knownTypes(graph: Graph): Scope {
  const found = knownScopes.get(graph);
  if (found) return found;
  const scope = new Scope();
  knownScopes.set(graph, scope);
  inferWhatFits(graph, scope);
  return scope;
}

/** Infers a graph into `scope`, passing over nodes that do not fit. */
export function inferWhatFits(graph: Graph, scope: Scope): void {
  scope.enter(graph);
  for (const node of graph.nodes) {
    try {
      scope.defineNode(node);
    } catch (error) {
      if (!(error instanceof SlimError)) throw error;
    }
  }
}
