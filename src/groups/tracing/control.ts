import { graphAttribute, intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { normalizeAxis } from '../../graph/dims.ts';
import { scansBatches, takenBranches } from '../../graph/infer/control.ts';
import { titleOf } from '../../graph/names.ts';
import { handsOn } from '../../graph/rewrite.ts';
import type { Rules } from '../../graph/rules.ts';
import type { Dim, Graph, TensorType } from '../../graph/types.ts';
import { obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { FIXED, type Identities, NONE } from './identities.ts';
import { flowAlongLast, idsAlongLast } from './lastAxis.ts';
import {
  alongAxis,
  asData,
  asFlow,
  type Flow,
  fix,
  flow,
  isNone,
  type Open,
  open,
  plainAxis,
  shapeOf,
  type Traced,
  uniform,
  type ValueAxis,
} from './traced.ts';

/** Activations between the steps of a loop; which axis of a zero state carries channels may not have shown yet. */
type State = Flow | Open;

/** What a loop's body is entered with, the types of it all, and the number of outputs that come before the states. */
interface Entry extends Readonly<Record<'before' | 'states' | 'after', readonly Traced[]>> {
  readonly types: readonly TensorType[];
  readonly outputsBefore: number;
}

/**
 * A loop: what a state is after a step, it is before the next one. The body is followed until that changes nothing,
 * which takes two passes or three. Returns the states, then what the body gives behind them; undefined when a state
 * changes the axis of its units. What the body hands on as it is (exporters put weights there) stays what it is.
 */
function iterate(c: TraceContext, body: Graph, entry: Entry): { states: Traced[]; rest: Flow[] } | undefined {
  const { before, after, types, outputsBefore } = entry;
  const handedOn = entry.states.map((_, i) => handsOn(body, before.length + i, outputsBefore + i));
  let states = entry.states.map((s, i) => (handedOn[i] ? s : asData(s)));
  for (;;) {
    const unions = c.identities.unions;
    const results = c.runBody(body, [...before, ...states, ...after], types).slice(outputsBefore);
    const next = states.map((s, i) => (handedOn[i] ? s : merge(asData(s), asData(results[i]!), c.identities)));
    if (!next.every((s) => s !== undefined)) return undefined;
    const settled = c.identities.unions === unions && next.every((s, i) => isAlike(s, states[i]!));
    states = next;
    if (settled) return { states, rest: results.slice(states.length).map((x) => asFlow(x, c.identities)) };
  }
}

function isAlike(a: Traced, b: Traced): boolean {
  return a.kind === 'flow' && b.kind === 'flow' ? a.axis === b.axis && isNone(a) === isNone(b) : a.kind === b.kind;
}

/** What is either of two values as one; undefined when their channels would lie along two axes. */
function merge(a: State, b: State, identities: Identities): State | undefined {
  if (isNone(a)) return b.kind === 'flow' ? { ...b, shape: (a.kind === 'flow' ? a.shape : undefined) ?? b.shape } : b;
  if (isNone(b)) return a;
  if (a.kind === 'open' && b.kind === 'open') return open(mergeAxes(a.axes, b.axes, identities));
  const axis = (a.kind === 'flow' ? a.axis : undefined) ?? (b.kind === 'flow' ? b.axis : undefined);
  if (axis === undefined) {
    fix(a, identities);
    fix(b, identities);
    return uniform(shapeOf(a), FIXED);
  }
  const [x, y] = [alongAxis(a, axis, identities), alongAxis(b, axis, identities)];
  if (isNone(x)) return y;
  if (isNone(y)) return x;
  if (x.axis === undefined || y.axis === undefined) {
    // Data from outside beside units: they stay, and stay where they can be seen.
    identities.fix(x.ids);
    identities.fix(y.ids);
    return x.axis === undefined ? { ...y, shape: x.shape ?? y.shape } : x;
  }
  if (x.axis !== y.axis || x.ids.length !== y.ids.length || x.shape === undefined) return undefined;
  return flow(x.shape, x.axis, identities.unite(x.ids, y.ids));
}

function mergeAxes(a: readonly ValueAxis[], b: readonly ValueAxis[], identities: Identities): ValueAxis[] {
  return a.map((x, i): ValueAxis => {
    const y = b[i];
    if (y === undefined || x.ids.length !== y.ids.length) {
      identities.fix(x.ids);
      if (y) identities.fix(y.ids);
      return plainAxis(x.size);
    }
    return { ...x, ids: identities.unite(x.ids, y.ids), sources: [...new Set([...x.sources, ...y.sources])] };
  });
}

/** A value without its axis `axis`; undefined when that carries its channels. */
function withoutAxis(x: State, axis: number): State | undefined {
  if (x.kind === 'open') return open(x.axes.filter((_, i) => i !== axis));
  if (x.axis === axis) return undefined;
  const shape = x.shape?.filter((_, i) => i !== axis);
  return { ...x, shape, axis: x.axis === undefined ? undefined : x.axis - (x.axis > axis ? 1 : 0) };
}

/** A value with a new axis, in the shape of an output. */
function withAxis(c: TraceContext, x: Traced, output: number, axis: number): Flow {
  const { ids, axis: channels } = asFlow(x, c.identities);
  const moved = channels === undefined ? undefined : channels + (channels >= axis ? 1 : 0);
  return { kind: 'flow', shape: outputShape(c, output), axis: moved, ids };
}

const scan: TraceRule = (c) => {
  const body = graphAttribute(c.node, 'body');
  if (body === undefined) return obstruct(c, 'it has no body');
  const batched = scansBatches(c.node, body);
  const inputs = c.inputs.map((_, i) => operand(c, i)).slice(batched ? 1 : 0);
  const stateCount = inputs.length - intAttribute(c.node, 'num_scan_inputs', 0);
  const inputAxes = intsAttribute(c.node, 'scan_input_axes') ?? [];
  const outputAxes = intsAttribute(c.node, 'scan_output_axes') ?? [];
  const states: Traced[] = [];
  const steps: Flow[] = [];
  for (const [i, given] of inputs.entries()) {
    const x = batched ? withoutAxis(asData(given), 0) : given;
    if (x === undefined) return obstruct(c, 'its batches are units');
    if (i < stateCount) {
      states.push(x);
      continue;
    }
    const sequence = asFlow(x, c.identities);
    const axis = normalizeAxis(inputAxes[i - stateCount] ?? 0, sequence.shape?.length ?? 0) ?? 0;
    const step = withoutAxis(sequence, axis);
    if (step === undefined) return obstruct(c, 'it loops over the units');
    steps.push(asFlow(step, c.identities));
  }
  const elementType = (i: number) => c.inputTypes[i + (batched ? 1 : 0)]?.elementType ?? 'float32';
  const stateTypes = states.map((_, i): TensorType => {
    const shape = outputShape(c, i);
    return { elementType: elementType(i), shape: batched ? shape?.slice(1) : shape };
  });
  const stepTypes = steps.map((x, j): TensorType => ({ elementType: elementType(stateCount + j), shape: x.shape }));
  const types = [...stateTypes, ...stepTypes];
  const found = iterate(c, body, { before: [], states, after: steps, types, outputsBefore: 0 });
  if (found === undefined) return obstruct(c, 'a state changes the axis that carries its units');
  return c.node.outputs.map((_, i) => {
    if (i < stateCount) return batched ? withAxis(c, found.states[i]!, i, 0) : found.states[i]!;
    // [T, …] of the body's [...], and [B, T, …] in operator set 8.
    const rank = (outputShape(c, i)?.length ?? 1) - (batched ? 1 : 0);
    const axis = normalizeAxis(outputAxes[i - stateCount] ?? 0, rank) ?? 0;
    const stacked = withAxis(c, found.rest[i - stateCount]!, i, axis);
    return batched ? withAxis(c, stacked, i, 0) : stacked;
  });
};

/** (trip count, condition, states) → final states and outputs stacked over the steps. */
const loop: TraceRule = (c) => {
  const body = graphAttribute(c.node, 'body');
  if (body === undefined) return obstruct(c, 'it has no body');
  const states = c.inputs.slice(2).map((_, i) => operand(c, i + 2));
  const counter: TensorType = { elementType: 'int64', shape: [] };
  const condition: TensorType = { elementType: 'bool', shape: [] };
  const types = [counter, condition, ...states.map((_, i) => c.outputTypes[i]!)];
  const before = [uniform([], FIXED), uniform([], FIXED)];
  const found = iterate(c, body, { before, states, after: [], types, outputsBefore: 1 });
  if (found === undefined) return obstruct(c, 'a state changes the axis that carries its units');
  return c.node.outputs.map((_, i) =>
    i < states.length ? found.states[i]! : withAxis(c, found.rest[i - states.length]!, i, 0),
  );
};

/** What either branch gives. */
const branch: TraceRule = (c) => {
  fix(operand(c, 0), c.identities);
  const branches = takenBranches(c.node, c.ints(0)).map((name) => graphAttribute(c.node, name));
  const results = branches.map((body) => (body ? c.runBody(body, [], []) : []));
  const merged = c.node.outputs.map((_, i) => {
    const [first, second] = results.map((outputs) => outputs[i]);
    if (first === undefined || second === undefined) return first && inShape(first, outputShape(c, i));
    return eitherOf(c, first, second, outputShape(c, i));
  });
  if (merged.every((x) => x !== undefined)) return merged;
  return obstruct(c, 'its branches carry units along different axes');
};

function inShape(x: Traced, shape: readonly Dim[] | undefined): Traced {
  return x.kind === 'flow' && shape !== undefined ? { ...x, shape } : x;
}

/** One of two values in the shape that both have, if any; undefined when nobody can say where its channels are. */
function eitherOf(c: TraceContext, a: Traced, b: Traced, shape: readonly Dim[] | undefined): Traced | undefined {
  const { identities } = c;
  if (a.kind !== 'flow' && b.kind !== 'flow' && a.axes.length === b.axes.length) {
    const axes = mergeAxes(a.axes, b.axes, identities);
    return { kind: a.kind === 'weight' && b.kind === 'weight' ? 'weight' : 'open', axes };
  }
  if (shape !== undefined) {
    const merged = merge(asData(a), asData(b), identities);
    return merged && inShape(merged, shape);
  }
  const [x, y] = [asFlow(a, identities), asFlow(b, identities)];
  if (x.axis === undefined && y.axis === undefined) return uniform(undefined, isNone(x) && isNone(y) ? NONE : FIXED);
  const [first, second] = [idsAlongLast(x), idsAlongLast(y)];
  const fit = first !== undefined && first.length === second?.length;
  return fit ? flowAlongLast(identities.unite(first, second), titleOf(c.node)) : undefined;
}

/** Rules of operators with graphs inside. */
export const controlTraces = { Scan: scan, Loop: loop, If: branch } satisfies Rules<TraceRule>;
