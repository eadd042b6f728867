import { SlimError } from '../../base/errors.ts';
import { constantTensor, integers } from '../../graph/attributes.ts';
import { isStatic, sizeOf } from '../../graph/dims.ts';
import { isFloat } from '../../graph/elementTypes.ts';
import { Scope } from '../../graph/infer/infer.ts';
import { titleOf } from '../../graph/names.ts';
import { moves, type Op, type RecurrentOp } from '../../graph/operators.ts';
import { bodiesOf, capturedNames } from '../../graph/rewrite.ts';
import { ruleFor } from '../../graph/rules.ts';
import type { StatePair } from '../../graph/states.ts';
import type { Dim, Graph, Node, Tensor, ValueInfo } from '../../graph/types.ts';
import { movesStates } from '../../passes/states/parts.ts';
import { lostIds, markOf, placed, stopped } from './accounted.ts';
import { alongTraces } from './along.ts';
import { obstruct, obstructAt, type TraceContext, type TraceRule } from './context.ts';
import { controlTraces } from './control.ts';
import { convolutionTraces } from './convolution.ts';
import { copyTraces } from './copies.ts';
import { elementwiseTraces } from './elementwise.ts';
import { FIXED, Identities, NONE } from './identities.ts';
import { indexingTraces } from './indexing.ts';
import { isAlongLast, traceAlongLast } from './lastAxis.ts';
import { matrixTraces } from './matrix.ts';
import { movementTraces } from './movement.ts';
import { stateValue, tieState } from './states.ts';
import { fix, idsOf, type Traced, uniform, valueAxis, weight } from './traced.ts';

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
 * Follows the data through a graph of primitive operators. `opset` says over which axes Softmax runs, `titles` what
 * nodes are called that stand for another one. Throws a SlimError when shapes do not fit, or when the graph spells out
 * sizes that are too large to follow.
 */
export function walk(
  graph: Graph,
  states: readonly StatePair[],
  opset = NEWEST,
  titles: ReadonlyMap<Node, string> = new Map(),
): Trace {
  const walker = new Walker(opset, titles);
  const { identities, values } = walker;
  const scope = new Scope();
  const kept = new Set(states.map((s) => s.input));
  for (const input of graph.inputs) {
    walker.origins.set(input.name, input.name);
    walker.define(scope, input, kept.has(input.name) ? stateValue(input, identities) : fixedValue(input));
  }
  const outputs = walker.run(graph, scope);
  const streamed = new Map(states.map((s) => [s.output, s.input]));
  graph.outputs.forEach((output, i) => {
    identities.at = `output '${output.name}'`;
    const state = values.get(streamed.get(output.name) ?? '');
    if (state === undefined) fix(outputs[i]!, identities);
    else tieState(state, outputs[i]!, identities);
  });
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
  private readonly tensors = new Map<string, Tensor>();
  /** Identities that nodes made, by value and axis. */
  private readonly owned = new Map<string, Int32Array>();
  private budget = MOST_ENTRIES;
  private readonly opset: number;
  private readonly titles: ReadonlyMap<Node, string>;
  /** Inputs of the graph by the values that are parts of them, only moved. */
  readonly origins = new Map<string, string>();
  /** True inside a node that stands for another one. */
  private standsIn = false;

  constructor(opset: number, titles: ReadonlyMap<Node, string>) {
    this.opset = opset;
    this.titles = titles;
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
    const mark = markOf(this.identities);
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.values.get(name)));
    const bodies = new Map<Graph, readonly Traced[]>();
    const entered: Traced[] = [];
    const context: TraceContext = {
      node,
      inputs,
      inputTypes,
      outputTypes,
      identities: this.identities,
      opset: this.opset,
      ints: (i) => this.known(scope, node.inputs[i]),
      own: (axis, size) => this.own(`${axis} ${node.outputs[0]}`, size),
      runBody: (body, given, types) => {
        const inner = new Scope(scope);
        for (const [i, { name }] of body.inputs.entries()) this.define(inner, { name, type: types[i]! }, given[i]!);
        const results = this.run(body, inner);
        bodies.set(body, results);
        entered.push(...given);
        return results;
      },
      bodyResults: () => [...bodies.values()].flat(),
    };
    const results = [this.applyAt(context)].flat();
    const made = node.outputs.map((_, i) =>
      this.followed(context, results[i] ?? uniform(outputTypes[i]?.shape, FIXED)),
    );
    node.outputs.forEach((name, i) => {
      if (name === '') return;
      this.pay(made[i]!, node);
      this.values.set(name, made[i]!);
    });
    // What goes into a body is accounted for where it is used; an operator may leave out elements of its first input.
    const given = inputs.slice(leavesOut(node) ? 1 : 0).filter((x) => x !== undefined);
    const lost = lostIds(this.identities, mark, [...given, ...context.bodyResults()], [...made, ...entered]);
    if (lost.length > 0) obstructAt(context, lost, 'what it does with them is not known');
    this.identities.readings.length = mark.readings;
  }

  /** What the rule of the node says, while messages name the node. */
  private applyAt(context: TraceContext): ReturnType<TraceRule> {
    const { node } = context;
    const outside = this.identities.at;
    const { standsIn } = this;
    // What stands for another node stands for it with all that is inside.
    if (!standsIn) this.identities.at = this.placeOf(node);
    this.standsIn ||= this.titles.has(node);
    const results = this.apply(context);
    this.identities.at = outside;
    this.standsIn = standsIn;
    return results;
  }

  private apply(context: TraceContext): ReturnType<TraceRule> {
    const { node } = context;
    const rule = ruleFor<TraceRule>(rules, node);
    if (rule === undefined) {
      // What bodies of an unknown operator take from outside is among its inputs.
      const captured = bodiesOf(node).flatMap((body) => [...capturedNames(body)]);
      const inputs = [...context.inputs, ...captured.map((name) => this.values.get(name))];
      return obstruct({ ...context, inputs }, 'the trace does not know this operator');
    }
    const unranked = context.inputs.find(isAlongLast);
    if (unranked === undefined) return rule(context);
    const reason = `it takes units of ${unranked.from}, whose branches give them different numbers of axes`;
    return traceAlongLast(context) ?? obstruct(context, reason);
  }

  /** What came out, where its channels are known to lie on one of its axes. */
  private followed(context: TraceContext, x: Traced): Traced {
    const found = placed(x);
    if (found !== undefined) return found;
    for (const ids of idsOf(x)) obstructAt(context, ids, 'the shape of its output is not known');
    return stopped(x);
  }

  /** What a node is called in messages, with the inputs of the graph that it works on as they come. */
  private placeOf(node: Node): string {
    const origins = new Set(node.inputs.flatMap((name) => this.origins.get(name) ?? []));
    const [origin] = origins;
    if (origin !== undefined && movesStates(node)) for (const name of node.outputs) this.origins.set(name, origin);
    const title = this.titles.get(node) ?? titleOf(node);
    return origins.size === 0 ? title : `${title} with input '${[...origins].join("', '")}'`;
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

/** True for an operator that only measures its first input, or gives some elements of it. */
function leavesOut(node: Node): boolean {
  const how = moves(node);
  return how === 'drops' || how === 'picks' || (node.domain === '' && (node.op === 'Shape' || node.op === 'Size'));
}

function fixedValue(input: ValueInfo): Traced {
  return uniform(input.type.shape, FIXED);
}
