import { constantTensor, integers } from '../../graph/attributes.ts';
import { isStatic } from '../../graph/dims.ts';
import { isFloat } from '../../graph/elementTypes.ts';
import { Scope } from '../../graph/infer/infer.ts';
import type { StatePair } from '../../graph/states.ts';
import type { Graph, Node, Tensor, TensorType, ValueInfo } from '../../graph/types.ts';
import { alongTraces } from './along.ts';
import { obstruct, type TraceRule } from './context.ts';
import { elementwiseTraces } from './elementwise.ts';
import { FIXED, Identities, NONE } from './identities.ts';
import { matrixTraces } from './matrix.ts';
import { movementTraces } from './movement.ts';
import { loopTraces } from './scan.ts';
import { asFlow, fix, flow, type Traced, uniform, weight } from './traced.ts';

const rules: Readonly<Record<string, TraceRule>> = {
  ...elementwiseTraces,
  ...matrixTraces,
  ...movementTraces,
  ...alongTraces,
  ...loopTraces,
};

/** A graph whose data has been followed from the inputs to the outputs. */
export interface Trace {
  readonly identities: Identities;
  /** What is known of each value, by name; values inside loops included. */
  readonly values: ReadonlyMap<string, Traced>;
}

/**
 * Follows the data through a graph of primitive operators. Throws when shapes do not fit or a state has no fixed size.
 */
export function walk(graph: Graph, states: readonly StatePair[]): Trace {
  const frame = new Frame(new Identities());
  const kept = new Set(states.map((s) => s.input));
  for (const input of graph.inputs) {
    frame.define(
      input.name,
      input.type,
      kept.has(input.name) ? stateValue(input, frame.identities) : fixedValue(input),
    );
  }
  const outputs = frame.run(graph);
  const streamed = new Map(states.map((s) => [s.output, s.input]));
  graph.outputs.forEach((output, i) => {
    const state = frame.values.get(streamed.get(output.name) ?? '');
    if (state === undefined) fix(outputs[i]!, frame.identities);
    else tie(state, outputs[i]!, frame.identities);
  });
  return { identities: frame.identities, values: frame.values };
}

/** Names and what is known of them in one graph; the body of a loop sees the outer ones. */
class Frame {
  readonly identities: Identities;
  readonly values: Map<string, Traced>;
  private readonly scope: Scope;
  private readonly tensors: Map<string, Tensor>;

  constructor(identities: Identities, outer?: Frame) {
    this.identities = identities;
    this.scope = new Scope(outer?.scope);
    // ONNX gives every value of a graph and its loops a name of its own, so that one table holds them all.
    this.values = outer?.values ?? new Map();
    this.tensors = outer?.tensors ?? new Map();
  }

  define(name: string, type: TensorType, value: Traced): void {
    this.scope.define(name, type);
    this.values.set(name, value);
  }

  /** Follows the nodes in order; inputs must be defined. Returns what the outputs are. */
  run(graph: Graph): Traced[] {
    for (const [name, tensor] of graph.initializers) {
      this.scope.defineTensor(name, tensor);
      this.store(name, tensor);
    }
    for (const node of graph.nodes) this.step(node);
    return graph.outputs.map((o) => this.values.get(o.name) ?? uniform(o.type.shape, FIXED));
  }

  private step(node: Node): void {
    const outputTypes = this.scope.defineNode(node);
    const constant = constantTensor(node);
    if (constant) {
      this.store(node.outputs[0]!, constant);
      return;
    }
    const inputTypes = node.inputs.map((name) => (name === '' ? undefined : this.scope.type(name)));
    const context = {
      node,
      inputs: node.inputs.map((name) => (name === '' ? undefined : this.values.get(name))),
      inputTypes,
      outputTypes,
      identities: this.identities,
      ints: (i: number) => this.ints(node.inputs[i]),
      runBody: (body: Graph, inputs: readonly Traced[], types: readonly TensorType[]) => {
        const inner = new Frame(this.identities, this);
        for (const [i, v] of body.inputs.entries()) inner.define(v.name, types[i]!, inputs[i]!);
        return inner.run(body);
      },
    };
    const rule = node.domain === '' ? rules[node.op] : undefined;
    const results = rule ? rule(context) : obstruct(context, 'the trace does not know this operator');
    node.outputs.forEach((name, i) => {
      if (name !== '') this.values.set(name, results[i]!);
    });
  }

  private ints(name: string | undefined): readonly number[] | undefined {
    if (!name) return undefined;
    const known = this.scope.ints(name);
    return isStatic(known) ? known : integers(this.tensors.get(name));
  }

  /** A float tensor has identities on each axis; integers are indices and sizes. */
  private store(name: string, tensor: Tensor): void {
    this.tensors.set(name, tensor);
    this.values.set(
      name,
      isFloat(tensor.elementType)
        ? weight(this.identities.axesOf(name, tensor.dims).map((a) => ({ ids: a.ids, sources: [a] })))
        : uniform(tensor.dims, NONE),
    );
  }
}

function fixedValue(input: ValueInfo): Traced {
  return uniform(input.type.shape, FIXED);
}

/** A streaming state: its channels lie along the last axis that has a fixed size (of more than 1, if there is one). */
function stateValue(input: ValueInfo, identities: Identities): Traced {
  const { shape } = input.type;
  if (shape === undefined) return fixedValue(input);
  const sized = shape.flatMap((d, i) => (typeof d === 'number' ? [i] : []));
  const axis = sized.findLast((i) => shape[i] !== 1) ?? sized[sized.length - 1];
  if (axis === undefined) return fixedValue(input);
  return flow(shape, axis, identities.stateAxis(input.name, axis, shape[axis] as number));
}

/** What comes out as a state goes in again. */
function tie(state: Traced, next: Traced, identities: Identities): void {
  const [a, b] = [asFlow(state, identities), asFlow(next, identities)];
  if (a.axis !== undefined && a.axis === b.axis && a.ids.length === b.ids.length) identities.unite(a.ids, b.ids);
  else {
    identities.fix(a.ids);
    identities.fix(b.ids);
  }
}
