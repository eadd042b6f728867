import { SlimError } from '../../base/errors.ts';
import { constantTensor, integers } from '../../graph/attributes.ts';
import { isStatic, sizeOf } from '../../graph/dims.ts';
import { isFloat } from '../../graph/elementTypes.ts';
import { Scope } from '../../graph/infer/infer.ts';
import { titleOf } from '../../graph/names.ts';
import { isLoop, moves, type Op, type RecurrentOp } from '../../graph/operators.ts';
import { ruleFor } from '../../graph/rules.ts';
import { stateSlots } from '../../graph/slots.ts';
import type { StatePair } from '../../graph/states.ts';
import type { Dim, Graph, Node, Tensor, ValueInfo } from '../../graph/types.ts';
import { alongTraces } from './along.ts';
import { obstruct, type TraceContext, type TraceRule } from './context.ts';
import { controlTraces } from './control.ts';
import { convolutionTraces } from './convolution.ts';
import { copyTraces } from './copies.ts';
import { elementwiseTraces } from './elementwise.ts';
import { FIXED, Identities, NONE } from './identities.ts';
import { indexingTraces } from './indexing.ts';
import { matrixTraces } from './matrix.ts';
import { movementTraces } from './movement.ts';
import { alongAxis, asFlow, fix, flow, idsOf, type Traced, uniform, valueAxis, weight } from './traced.ts';

/** Operators that the trace does not meet: it goes through graphs whose layers are loops, and knows constants by itself. */
type Unmet = RecurrentOp | 'Constant';
/** Operators behind which no model computes anything. */
type Untraced = 'SoftmaxCrossEntropyLoss';

const rules: Readonly<Record<Exclude<Op, Unmet | Untraced>, TraceRule>> = {
  ...elementwiseTraces,
  ...matrixTraces,
  ...movementTraces,
  ...copyTraces,
  ...indexingTraces,
  ...alongTraces,
  ...convolutionTraces,
  ...controlTraces,
};

/** A graph whose data has been followed from the inputs to the outputs. */
export interface Trace {
  readonly identities: Identities;
  /** What is known of each value, by name; values inside loops included. */
  readonly values: ReadonlyMap<string, Traced>;
  /** Integers that are known before the run (shapes, sizes), by name; free elements are names. */
  readonly ints: ReadonlyMap<string, readonly Dim[]>;
}

/**
 * Follows the data through a graph of primitive operators. `opset` says over which axes Softmax runs. Throws a SlimError
 * when shapes do not fit, or when the graph spells out sizes that are too large to follow.
 */
export function walk(graph: Graph, states: readonly StatePair[], opset = NEWEST): Trace {
  const walker = new Walker(opset);
  const { identities, values } = walker;
  const scope = new Scope();
  const kept = new Set(states.map((s) => s.input));
  for (const input of graph.inputs) {
    walker.define(scope, input, kept.has(input.name) ? stateValue(input, identities) : fixedValue(input));
    if (!kept.has(input.name)) walker.origins.set(input.name, input.name);
  }
  const outputs = walker.run(graph, scope);
  const streamed = new Map(states.map((s) => [s.output, s.input]));
  graph.outputs.forEach((output, i) => {
    const state = values.get(streamed.get(output.name) ?? '');
    identities.at = `output '${output.name}'`;
    if (state === undefined) fix(outputs[i]!, identities);
    else tie(state, outputs[i]!, identities);
  });
  identities.at = '';
  return { identities, values, ints: walker.ints };
}

const NEWEST = 24;
/** Identities that one trace may hand from value to value: far more than a model needs that fits into memory. */
const MOST_ENTRIES = 1e8;
/** Longer axes that a node itself makes are no channels. */
const LONGEST_OWN = 1 << 16;

/** What has been found out so far. ONNX gives every value of a graph and its loops a name of its own. */
class Walker implements Trace {
  readonly identities = new Identities();
  readonly values = new Map<string, Traced>();
  readonly ints = new Map<string, readonly Dim[]>();
  /** The input of the graph that a value is, only moved. */
  readonly origins = new Map<string, string>();
  private readonly tensors = new Map<string, Tensor>();
  /** Identities that nodes made, by value and axis. */
  private readonly owned = new Map<string, Int32Array>();
  private budget = MOST_ENTRIES;
  private loops = 0;
  private readonly opset: number;

  constructor(opset: number) {
    this.opset = opset;
  }

  define(scope: Scope, { name, type }: Pick<ValueInfo, 'name' | 'type'>, value: Traced): void {
    scope.define(name, type);
    this.values.set(name, value);
  }

  /** Follows the nodes in order; inputs must be defined. Returns what the outputs are. */
  run(graph: Graph, scope: Scope): Traced[] {
    scope.declare(graph.valueInfo);
    for (const [name, tensor] of graph.initializers) {
      scope.defineTensor(name, tensor);
      this.store(scope, name, tensor);
    }
    for (const node of graph.nodes) this.step(node, scope);
    return graph.outputs.map((o) => this.values.get(o.name) ?? uniform(o.type.shape, FIXED));
  }

  private step(node: Node, scope: Scope): void {
    const inputTypes = node.inputs.map((name) => (name === '' ? undefined : scope.type(name)));
    const outputTypes = scope.defineNode(node);
    for (const name of node.outputs) this.learn(scope, name);
    const constant = constantTensor(node);
    if (constant) {
      this.store(scope, node.outputs[0]!, constant);
      return;
    }
    const context: TraceContext = {
      node,
      inputs: node.inputs.map((name) => (name === '' ? undefined : this.values.get(name))),
      inputTypes,
      outputTypes,
      identities: this.identities,
      opset: this.opset,
      ints: (i) => this.known(scope, node.inputs[i]),
      own: (axis, size) => this.own(`${axis} ${node.outputs[0]}`, size),
      runBody: (body, inputs, types) => {
        const inner = new Scope(scope);
        for (const [i, { name }] of body.inputs.entries()) this.define(inner, { name, type: types[i]! }, inputs[i]!);
        this.loops += isLoop(node) ? 1 : 0;
        const results = this.run(body, inner);
        this.loops -= isLoop(node) ? 1 : 0;
        return results;
      },
    };
    const outer = this.identities.at;
    // What stands in a loop has names that nobody gave it where the loop was a recurrent operator.
    if (this.loops === 0) this.identities.at = this.holderAt(node);
    const rule = ruleFor<TraceRule>(rules, node);
    const results = [rule ? rule(context) : obstruct(context, 'the trace does not know this operator')].flat();
    node.outputs.forEach((name, i) => {
      if (name === '') return;
      const value = results[i] ?? uniform(outputTypes[i]?.shape, FIXED);
      this.pay(value, node);
      this.values.set(name, value);
    });
    this.identities.at = outer;
  }

  /** What holds the channels that a node fixes: an input of the graph that they meet there, else the operator. */
  private holderAt(node: Node): string {
    const origin = this.origins.get(node.inputs[0] ?? '');
    if (origin !== undefined && moves(node)) for (const name of node.outputs) this.origins.set(name, origin);
    // Of a loop's inputs only states meet its units; what it scans is read step by step.
    const slots = isLoop(node) ? stateSlots(node)!.inputs : node.inputs.keys();
    for (const i of slots) {
      const met = this.origins.get(node.inputs[i] ?? '');
      if (met !== undefined) return `input '${met}'`;
    }
    return titleOf(node);
  }

  /** Keeps a file of few bytes from making identities without end. */
  private pay(value: Traced, node: Node): void {
    for (const ids of idsOf(value)) this.budget -= ids.length;
    if (this.budget < 0) throw new SlimError(`${titleOf(node)}: the sizes up to here are too large to be followed`);
  }

  /** Notes what integers a value has, where they are known. */
  private learn(scope: Scope, name: string): void {
    const known = scope.ints(name);
    if (known) this.ints.set(name, known);
  }

  private known(scope: Scope, name: string | undefined): readonly number[] | undefined {
    if (!name) return undefined;
    const known = scope.ints(name);
    return isStatic(known) ? known : integers(this.tensors.get(name));
  }

  private own(key: string, size: number): Int32Array {
    const found = this.owned.get(key);
    if (found?.length === size) return found;
    const ids = size > LONGEST_OWN ? new Int32Array(0) : this.identities.fresh(size);
    this.owned.set(key, ids);
    return ids;
  }

  /** A float tensor has identities on each axis; integers are indices and sizes, which are never cut. */
  private store(scope: Scope, name: string, tensor: Tensor): void {
    this.tensors.set(name, tensor);
    if (isFloat(tensor.elementType)) {
      this.values.set(name, weight(this.identities.axesOf(name, tensor.dims).map((a) => valueAxis(a.ids, [a]))));
      return;
    }
    this.learn(scope, name);
    this.values.set(name, uniform(tensor.dims, sizeOf(tensor.dims) > 1 ? FIXED : NONE));
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
  const a = asFlow(state, identities);
  const b =
    next.kind === 'flow' || a.axis === undefined ? asFlow(next, identities) : alongAxis(next, a.axis, identities);
  if (a.axis !== undefined && a.axis === b.axis && a.ids.length === b.ids.length) identities.unite(a.ids, b.ids);
  else {
    identities.fix(a.ids);
    identities.fix(b.ids);
  }
}
