import { intsAttribute } from '../graph/attributes.ts';
import type { FromOptions } from '../graph/builder.ts';
import { numbersOf } from '../graph/numbers.ts';
import { isLoop, operators } from '../graph/operators.ts';
import { bodiesOf, finishRewrite, startRewrite } from '../graph/rewrite.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import type { Attribute, Graph, Model, Node, ValueInfo } from '../graph/types.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { givenRun, runAll } from '../verify/runs.ts';

/** The smallest and the largest value that something takes. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Ranges by the names of values. */
export type Ranges = ReadonlyMap<string, Range>;

/** Data to measure ranges on, and how they run through a model. */
export interface CalibrationData {
  readonly runtime: Runtime;
  /** Consecutive windows; states that the first one does not have start at zero, and are carried. */
  readonly windows: readonly Tensors[];
  /** Absent: those in the model's metadata. */
  readonly states?: readonly StatePair[] | undefined;
}

/**
 * What values of a model range over on calibration data: the least and the largest of all windows, inside loops of all
 * steps. Values in branches have no range here. Names must be unique. Throws a SlimError where the model does not run.
 */
export async function valueRanges(
  model: Model,
  names: ReadonlySet<string>,
  { runtime, windows, states = statesOf(model) }: CalibrationData,
): Promise<Ranges> {
  const { graph, taps } = tapped(model.graph, names, { opset: model.opsets[''] });
  const ranges = new Map<string, Range>();
  if (taps.length === 0) return ranges;
  const collect = (outputs: Tensors) => {
    for (const { name, least, largest } of taps) {
      for (const tap of [least, largest]) {
        // A loop without steps has no number.
        for (const value of Array.from(numbersOf(outputs[tap]!)!)) {
          const { min, max } = ranges.get(name) ?? { min: value, max: value };
          ranges.set(name, { min: Math.min(min, value), max: Math.max(max, value) });
        }
      }
    }
  };
  const run = givenRun(model, new Set(states.map((s) => s.input)), windows);
  const failure = { what: 'the model does not run on the calibration data' };
  await runAll(runtime, { ...model, graph }, [run], states, collect, failure);
  return ranges;
}

/** The names under which a graph gives out the least and the largest number of a value. */
interface Tap {
  readonly name: string;
  readonly least: string;
  readonly largest: string;
}

/** A graph with outputs more, which are the last ones, in order. */
interface Tapped {
  readonly graph: Graph;
  readonly taps: readonly Tap[];
}

/** The graph with the least and the largest number of values as outputs: scalars, from inside a loop one for each step. */
function tapped(graph: Graph, names: ReadonlySet<string>, options: FromOptions): Tapped {
  const b = startRewrite(graph, options);
  const taps: Tap[] = [];
  const tap = (name: string): void => {
    if (!names.has(name)) return;
    const reduced = (op: string) => b.node(op, [b.value(name)], { keepdims: 0 })[0]!.name;
    taps.push({ name, least: reduced('ReduceMin'), largest: reduced('ReduceMax') });
  };
  for (const { name } of graph.inputs) tap(name);
  for (const node of graph.nodes) {
    let inside: readonly Tap[] = [];
    const open = (body: Graph): Graph => {
      const found = tapped(body, names, { outer: b });
      inside = found.taps;
      return found.graph;
    };
    const changed = isLoop(node) && givesAll(node) ? b.mapBodies(node, open) : node;
    const outside = inside.map(({ name }) => ({ name, least: b.fresh('least'), largest: b.fresh('largest') }));
    b.addNode(
      withOutputs(
        changed,
        outside.flatMap(({ least, largest }) => [least, largest]),
      ),
    );
    taps.push(...outside);
    for (const name of node.outputs) tap(name);
  }
  const infoOf = (name: string): ValueInfo => ({ name, type: b.value(name).type });
  const added = taps.flatMap(({ least, largest }) => [least, largest].map(infoOf));
  return { graph: { ...finishRewrite(b, graph), outputs: [...graph.outputs, ...added] }, taps };
}

/** Whether a loop names all that its body gives out, so that more can follow. */
function givesAll(node: Node): boolean {
  const before = isLoop(node) ? operators[node.op].loop.outputsBefore : 0;
  return bodiesOf(node).every((body) => body.outputs.length === before + node.outputs.length);
}

/** A loop with outputs more, one number for each step, stacked as a Scan stacks them by default. */
function withOutputs(node: Node, added: readonly string[]): Node {
  if (added.length === 0) return node;
  const lists = ['scan_output_axes', 'scan_output_directions'].flatMap((key): [string, Attribute][] => {
    const list = intsAttribute(node, key);
    return list === undefined ? [] : [[key, { type: 'ints', value: [...list, ...added.map(() => 0)] }]];
  });
  const attributes = { ...node.attributes, ...Object.fromEntries(lists) };
  return { ...node, attributes, outputs: [...node.outputs, ...added] };
}
