import { graphAttribute, intAttribute, intsAttribute } from '../graph/attributes.ts';
import { GraphBuilder, isConstant, type Value } from '../graph/builder.ts';
import { traits } from '../graph/operators.ts';
import { scan } from '../graph/ops.ts';
import { initializersAsConstants, liveNodes, removeDeadNodes, rewriteNodes, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';
import { repeated, type Stacking, stepsOf } from './stackedRules.ts';
import { insideLoop } from './stackedScan.ts';

/**
 * Moves what loops compute but no later step reads behind every Scan that runs forwards over first axes, where it is
 * computed for all steps at once: the counterpart of `hoistLoops`. The result computes the same values.
 */
export function sinkLoops(graph: Graph): Graph {
  const sunk = rewriteNodes(graph, (b, node) => {
    const body = node.op === 'Scan' && node.domain === '' && isPlain(node) ? graphAttribute(node, 'body') : undefined;
    return body !== undefined && sinkScan(b, node, initializersAsConstants(body));
  });
  return removeDeadNodes(sunk);
}

function isPlain(node: Node): boolean {
  const keys = ['scan_input_axes', 'scan_output_axes', 'scan_input_directions', 'scan_output_directions'];
  return keys.every((key) => intsAttribute(node, key)?.every((value) => value === 0) ?? true);
}

/** A loop whose nodes are parted into those that stay and those that follow it. */
interface Parted {
  readonly b: GraphBuilder;
  readonly node: Node;
  readonly body: Graph;
  readonly step: GraphBuilder;
  readonly stateCount: number;
  readonly steps: number;
  readonly stays: ReadonlySet<Node>;
  /** Names of values that differ from step to step, as far as the loop itself makes them. */
  readonly inLoop: ReadonlySet<string>;
}

function sinkScan(b: GraphBuilder, node: Node, body: Graph): boolean {
  const stateCount = node.inputs.length - intAttribute(node, 'num_scan_inputs', 0);
  const steps = stepsOf(b.value(node.inputs[stateCount]!));
  if (steps === undefined) return false;
  const step = GraphBuilder.from(body, { outer: b });
  const finals = body.outputs.slice(0, stateCount).map((o) => o.name);
  let stays = new Set(liveNodes(body.nodes, finals));
  for (;;) {
    const parted = { b, node, body, step, stateCount, steps, stays, inLoop: valuesOf(body, stateCount, stays) };
    if (body.nodes.every((n) => stays.has(n) || isConstant(n))) return false;
    const stuck = firstStuck(parted);
    if (stuck === undefined) {
      writeParted(parted);
      return true;
    }
    stays = new Set([...stays, ...liveNodes(body.nodes, stuck.outputs)]);
  }
}

function valuesOf({ inputs }: Graph, stateCount: number, stays: ReadonlySet<Node>): Set<string> {
  const made = [...stays].flatMap((n) => (isConstant(n) ? [] : n.outputs));
  return new Set([...inputs.slice(0, stateCount).map((v) => v.name), ...made]);
}

/** The nodes that follow the loop, in order. */
function followers({ body, stays }: Parted): Node[] {
  return body.nodes.filter((n) => !stays.has(n) || isConstant(n));
}

/** Values of all steps: what the loop gives out, and what it scans. */
function stackingOf(parted: Parted, b: GraphBuilder, given: (name: string) => Value): Stacking {
  const { step, body, node, stateCount, inLoop } = parted;
  const scanned = new Map(body.inputs.slice(stateCount).map((v, j) => [v.name, node.inputs[stateCount + j]!]));
  return {
    b,
    scope: step,
    isStacked: (name) => inLoop.has(name) || scanned.has(name),
    value: (name) => (inLoop.has(name) ? given(name) : b.value(scanned.get(name) ?? name)),
  };
}

/** The first node that cannot be written for all steps at once, tried out in a graph that is thrown away. */
function firstStuck(parted: Parted): Node | undefined {
  const { b, step, steps } = parted;
  const trial = new GraphBuilder(b.fresh('trial'), b);
  const inputs = new Map<string, Value>();
  const given = (name: string) => {
    const { elementType, shape } = step.value(name).type;
    const known = inputs.get(name) ?? trial.input(trial.fresh(name), elementType, shape && [steps, ...shape]);
    inputs.set(name, known);
    return known;
  };
  const writer = insideLoop(stackingOf(parted, trial, given), trial, step);
  return followers(parted).find((n) => traits(n).random || !writer.add(n));
}

function writeParted(parted: Parted): void {
  const { b, node, body, step, stateCount, inLoop, steps } = parted;
  const follow = followers(parted);
  const outputs = body.outputs.slice(stateCount).map((o, k) => ({ name: o.name, to: node.outputs[stateCount + k] }));
  const stacked = new Map<string, string>();
  const give = (name: string, as: string | undefined) => {
    if (inLoop.has(name) && !stacked.has(name)) stacked.set(name, as || b.fresh(`${name}_steps`));
  };
  for (const { name, to } of outputs) give(name, to);
  for (const name of follow.flatMap(usedNames)) give(name, undefined);
  writeLoop(parted, stacked);
  const given = (name: string) => b.value(stacked.get(name)!);
  const writer = insideLoop(stackingOf(parted, b, given), b, step);
  for (const n of follow) writer.add(n);
  for (const { name, to } of outputs) {
    if (!to || to === stacked.get(name)) continue;
    const value = writer.isStacked(name) ? writer.value(name) : repeated(writer, name, steps);
    b.node('Identity', [value], {}, [to]);
  }
}

/** The loop with the nodes that stay, which gives out `stacked`: values by their names in the body, named outside. */
function writeLoop({ b, node, body, step, stateCount, stays }: Parted, stacked: ReadonlyMap<string, string>): void {
  const kept = body.nodes.filter((n) => stays.has(n));
  const used = new Set(kept.flatMap(usedNames));
  const scanned = body.inputs.flatMap((v, i) => {
    const isFirst = i === stateCount;
    return i >= stateCount && (isFirst || used.has(v.name)) ? [{ name: v.name, outer: node.inputs[i]! }] : [];
  });
  const inner = new GraphBuilder(body.name, b);
  for (const { name } of [...body.inputs.slice(0, stateCount), ...scanned]) {
    const { elementType, shape } = step.value(name).type;
    inner.input(name, elementType, shape);
  }
  for (const n of kept) inner.addNode(n);
  for (const { name } of body.outputs.slice(0, stateCount)) inner.output(inner.value(name));
  for (const name of stacked.keys()) inner.output(inner.value(name));
  const finals = node.outputs.slice(0, stateCount).map((name) => name || b.fresh(`${body.name}_unused`));
  scan(
    node.inputs.slice(0, stateCount).map((name) => b.value(name)),
    scanned.map(({ outer }) => b.value(outer)),
    inner.build(),
    { outputs: [...finals, ...stacked.values()], label: node.name },
  );
}
