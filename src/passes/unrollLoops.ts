import { graphAttribute, int64s, intAttribute, intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { concat, gather, squeeze, unsqueeze } from '../graph/ops.ts';
import { initializersAsConstants, renameInputs, rewriteNodes } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/*
 * Loops written out: the body of a Scan once for each step. A loop of one step is flat so; and on a device whose engine has
 * no loop, a step of all its operators stays on the device. The graph grows with the number of steps.
 */

/** Puts the body of every Scan that runs for one step in its place: a recurrent layer of one step is flat. */
export function inlineSingleSteps(graph: Graph): Graph {
  return unroll(graph, (steps) => steps === 1);
}

/** Writes every Scan whose number of steps is known out, step by step. */
export function unrollLoops(graph: Graph): Graph {
  return unroll(graph, () => true);
}

type StepTest = (steps: number) => boolean;

function unroll(graph: Graph, isWanted: StepTest): Graph {
  if (!graph.nodes.some((node) => node.op === 'Scan')) return graph;
  return rewriteNodes(graph, (b, node) => unrollScan(b, node, isWanted));
}

/** A tensor that a loop goes through, or stacks: along which axis, and whether from its end. */
interface Course {
  readonly axis: number;
  readonly isReversed: boolean;
}

function unrollScan(b: GraphBuilder, node: Node, isWanted: StepTest): boolean {
  const found = node.op === 'Scan' && node.domain === '' ? graphAttribute(node, 'body') : undefined;
  if (found === undefined) return false;
  const stateCount = node.inputs.length - intAttribute(node, 'num_scan_inputs', 0);
  const scanned = node.inputs.slice(stateCount).map((name, i) => {
    const value = b.value(name);
    return { value, ...courseOf(node, 'input', i, value.type.shape?.length) };
  });
  const steps = scanned.map(({ value, axis }) => value.type.shape?.[axis]).find((size) => typeof size === 'number');
  if (steps === undefined || !isWanted(steps)) return false;
  const body = initializersAsConstants(found);
  const constants = new Map<string, string>();
  for (const inner of body.nodes) if (inner.op === 'Constant') copyNode(b, inner, constants, isWanted);
  let states = node.inputs.slice(0, stateCount);
  const stacked: Value[][] = body.outputs.slice(stateCount).map(() => []);
  for (let step = 0; step < steps; step++) {
    const names = new Map(constants);
    body.inputs.forEach(({ name }, i) => {
      names.set(name, i < stateCount ? states[i]! : stepOf(scanned[i - stateCount]!, step, steps).name);
    });
    for (const inner of body.nodes) if (inner.op !== 'Constant') copyNode(b, inner, names, isWanted);
    const made = body.outputs.map(({ name }) => names.get(name) ?? name);
    states = made.slice(0, stateCount);
    made.slice(stateCount).forEach((name, i) => {
      stacked[i]!.push(b.value(name));
    });
  }
  node.outputs.forEach((output, i) => {
    if (output === '') return;
    const value = i < stateCount ? b.value(states[i]!) : stackOf(node, stacked[i - stateCount]!, i - stateCount);
    b.node('Identity', [value], {}, [output]);
  });
  return true;
}

/** Appends a node of a body under names of its own, which `names` then has for those in the body. */
function copyNode(b: GraphBuilder, node: Node, names: Map<string, string>, isWanted: StepTest): void {
  const outputs = node.outputs.map((name) => (name === '' ? '' : b.fresh(name)));
  const copy = { ...renameInputs(node, names), name: b.fresh(node.op), outputs };
  if (!unrollScan(b, copy, isWanted)) b.addNode(copy);
  node.outputs.forEach((name, i) => {
    if (name !== '') names.set(name, outputs[i]!);
  });
}

function courseOf(node: Node, side: 'input' | 'output', index: number, rank: number | undefined): Course {
  const axis = intsAttribute(node, `scan_${side}_axes`)?.[index] ?? 0;
  const isReversed = intsAttribute(node, `scan_${side}_directions`)?.[index] === 1;
  return { axis: axis < 0 && rank !== undefined ? normalizeAxis(axis, rank)! : axis, isReversed };
}

/** What a loop of `steps` sees of a tensor at a step. */
function stepOf({ value, axis, isReversed }: Course & { value: Value }, step: number, steps: number): Value {
  if (steps === 1) return squeeze(value, [axis]);
  const at = isReversed ? steps - 1 - step : step;
  return gather(value, value.builder.constant(int64s([], [at])), axis);
}

function stackOf(node: Node, values: readonly Value[], index: number): Value {
  const rank = values[0]!.type.shape?.length;
  const { axis, isReversed } = courseOf(node, 'output', index, rank === undefined ? undefined : rank + 1);
  const parts = values.map((value) => unsqueeze(value, [axis]));
  return concat(isReversed ? parts.toReversed() : parts, axis);
}
