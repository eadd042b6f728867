import { intAttribute } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { isRecurrent, operators, type RecurrentNode, type RecurrentOp } from '../graph/operators.ts';
import {
  add,
  apply,
  cast,
  concat,
  gather,
  matmul,
  mul,
  reshape,
  scan,
  shapeOf,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
  where,
  withinLengths,
} from '../graph/ops.ts';
import { allNodes, bodiesOf, readNames, rewriteAll } from '../graph/rewrite.ts';
import { RECURRENT_INPUT as INPUT } from '../graph/slots.ts';
import type { Graph, Node } from '../graph/types.ts';
import { activationsOf, scalar } from '../recurrent/activations.ts';
import type { Cell, Step } from '../recurrent/cell.ts';
import { directionsOf } from '../recurrent/directions.ts';
import { gru } from '../recurrent/gru.ts';
import { lstm } from '../recurrent/lstm.ts';
import { rnn } from '../recurrent/rnn.ts';

/** ONNX's recurrent operators, by name. */
const cells: Readonly<Record<RecurrentOp, Cell>> = { LSTM: lstm, GRU: gru, RNN: rnn };

/**
 * Replaces every recurrent operator, those inside loops and branches too, by a Scan over its cell's equations, which can
 * be differentiated. Parameters and values keep their names and layouts; W·x for all steps is one product before the
 * loop. Outputs that nothing reads are left out. Throws a SlimError for a node that is not as the ONNX standard has it. `made` hears which nodes stand for which.
 */
export function lowerRecurrent(graph: Graph, made?: (from: Node, nodes: readonly Node[]) => void): Graph {
  const nodes = allNodes(graph);
  const read = new Set([
    ...readNames(graph),
    ...nodes.flatMap((n) => [...n.inputs, ...bodiesOf(n).flatMap(outputNames)]),
  ]);
  return rewriteAll(graph, isRecurrent, (b, node) => {
    if (!isRecurrent(node)) return false;
    const before = b.nodes.length;
    lowerNode(b, { ...node, outputs: node.outputs.map((name) => (read.has(name) ? name : '')) });
    made?.(node, b.nodes.slice(before));
    return true;
  });
}

const outputNames = ({ outputs }: Graph) => outputs.map(({ name }) => name);

/** X with three axes, the last as long as W [D, GH, I] says, also where an unknown operator made it. */
function ranked(x: Value, weight: Value): Value {
  const size = weight.type.shape?.[2];
  return x.type.shape === undefined && typeof size === 'number' ? reshape(x, [0, 0, size]) : x;
}

function lowerNode(b: GraphBuilder, node: RecurrentNode): void {
  const cell = cells[node.op];
  const input = (i: number) => (node.inputs[i] ? b.value(node.inputs[i]) : undefined);
  const reversed = directionsOf(node);
  const batchFirst = intAttribute(node, 'layout', 0) === 1;
  const given = ranked(b.value(node.inputs[INPUT.x]!), b.value(node.inputs[INPUT.weight]!));
  const x = batchFirst ? transpose(given, [1, 0, 2]) : given;
  /** A tensor's part of each direction, without the axis that counts them. */
  const perDirection = (value: Value | undefined, axis = 0): (Value | undefined)[] =>
    value ? split(value, reversed.length, axis).map((v) => squeeze(v, [axis])) : [];
  const weights = perDirection(input(INPUT.weight));
  const recurrents = perDirection(input(INPUT.recurrent));
  const biases = perDirection(input(INPUT.bias));
  const peepholes = perDirection(input(INPUT.peepholes));
  const activations = activationsOf(node, reversed.length, cell.activations);
  const states = operators[node.op].recurrent.states.map((_, s) =>
    perDirection(input(INPUT.hidden + s), batchFirst ? 1 : 0),
  );
  const lengths = input(INPUT.lengths);
  // bool [T, 1, B]
  const valid = lengths && unsqueeze(withinLengths(x, lengths), [1]);
  const givesStates = node.outputs.slice(1).some((name) => name !== '');
  const results = reversed.map((reverse, d) => {
    const recurrent = recurrents[d]!;
    const [input, inLoop] = splitBias(biases[d], cell.biasInLoop(node));
    return runCell(b, {
      name: node.name || node.outputs[0] || node.op,
      projected: project(x, weights[d]!, input),
      // [B, H] → feature-major [H, B]
      initial: states.map((s) => (s[d] === undefined ? zeroState(x, recurrent) : transpose(s[d], [1, 0]))),
      startsAtZero: states.every((s) => s[d] === undefined),
      givesStates,
      step: cell.equations({
        node,
        recurrent,
        recurrentBias: inLoop && unsqueeze(inLoop, [1]),
        peepholes: peepholes[d] && unsqueeze(peepholes[d], [1]),
        activations: activations[d]!,
      }),
      valid,
      reverse,
    });
  });
  node.outputs.forEach((name, i) => {
    if (name === '') return;
    const parts = results.map((outputs) => outputs[i]!);
    const output =
      i === 0
        ? sideBySide(parts, batchFirst ? [2, 0, 1] : [0, 2, 1], batchFirst ? 2 : 1)
        : sideBySide(parts, [1, 0], batchFirst ? 1 : 0);
    b.node('Identity', [output], {}, [name]);
  });
}

/** [T, H, B] of each direction → Y [T, D, B, H] or [B, T, D, H]; [H, B] → states [D, B, H] or [B, D, H]. */
function sideBySide(parts: readonly Value[], perm: readonly number[], axis: number): Value {
  const laid = parts.map((part) => unsqueeze(transpose(part, perm), [axis]));
  return concat(laid, axis);
}

/** B [2GH] as what is added to W·x and what stays for the loop; their sum where both can be added. */
function splitBias(bias: Value | undefined, inLoop: boolean): (Value | undefined)[] {
  if (bias === undefined) return [];
  const [input, recurrent] = split(bias, 2, 0);
  return inLoop ? [input, recurrent] : [add(input!, recurrent!)];
}

/** W·x + b for all steps: X [T, B, I] → feature-major [T, GH, B]. */
function project(x: Value, weight: Value, bias: Value | undefined): Value {
  const product = matmul(x, transpose(weight, [1, 0]));
  return transpose(bias ? add(product, bias) : product, [0, 2, 1]);
}

/** One direction of a layer; tensors are feature-major. */
interface Direction {
  readonly name: string;
  /** [T, GH, B] */
  readonly projected: Value;
  /** Each [H, B]. */
  readonly initial: readonly Value[];
  readonly step: Step;
  /** Which steps of which examples count, bool [T, 1, B]; all when left out. */
  readonly valid: Value | undefined;
  readonly reverse: boolean;
  /** Whether the initial states are the cell's own zeros, and whether final ones are asked for. */
  readonly startsAtZero: boolean;
  readonly givesStates: boolean;
}

/**
 * Runs a direction: outputs [T, H, B], then final states [H, B]. A step beyond an example's length gives zero and keeps
 * the state. In reverse these steps come first, so the state is still the initial one when the last step arrives: one
 * that is zero is kept by a product. Forward they come last: where no final state is asked for, outputs are all that counts.
 */
function runCell(b: GraphBuilder, d: Direction): Value[] {
  const { valid, initial } = d;
  if (valid === undefined) return runLoop(b, d, undefined, ([x], states) => repeatFirst(d.step(x!, states)));
  if (!d.reverse && !d.givesStates) {
    const [outputs, ...states] = runLoop(b, d, undefined, ([x], before) => repeatFirst(d.step(x!, before)));
    return [where(valid, outputs!, scalar(outputs!, 0)), ...states];
  }
  if (d.reverse && d.startsAtZero) {
    const counts = cast(valid, initial[0]!.type.elementType);
    return runLoop(b, d, counts, ([x, count], states) => repeatFirst(d.step(x!, states).map((s) => mul(s, count!))));
  }
  return runLoop(b, d, valid, ([x, isValid], states) => {
    const next = d.step(x!, states);
    const kept = next.map((state, i) => where(isValid!, state, states[i]!));
    return [...kept, where(isValid!, next[0]!, scalar(next[0]!, 0))];
  });
}

/** New states and the output, which is the first of them. */
function repeatFirst(states: readonly Value[]): Value[] {
  return [...states, states[0]!];
}

/** The loop over steps; `step` takes what is scanned, W·x first, and gives the next states and the output. */
function runLoop(
  b: GraphBuilder,
  { name, projected, initial, reverse }: Direction,
  mask: Value | undefined,
  step: (scanned: readonly Value[], states: readonly Value[]) => Value[],
): Value[] {
  const body = new GraphBuilder(b.fresh(`${name}_step`), b);
  const scanned = mask ? [projected, mask] : [projected];
  const states = initial.map((s) => body.input(b.fresh('state'), s.type.elementType, s.type.shape));
  const inputs = scanned.map((v, i) =>
    body.input(b.fresh(i === 0 ? 'projected' : 'valid'), v.type.elementType, v.type.shape?.slice(1)),
  );
  for (const result of step(inputs, states)) body.output(result);
  const results = scan(initial, scanned, body.build(), {
    reverseInputs: scanned.map(() => reverse),
    reverseOutputs: [reverse],
  });
  return [results[states.length]!, ...results.slice(0, states.length)];
}

/** A zero state [H, B], its batch taken from X [T, B, I] and its size from R [GH, H] at run time. */
function zeroState(x: Value, recurrent: Value): Value {
  const b = x.builder;
  const batch = gather(shapeOf(x), b.ints([1]));
  const hidden = slice(shapeOf(recurrent), [1], [2], [0]);
  const zeros = apply('ConstantOfShape', [concat([hidden, batch], 0)]);
  const { elementType } = x.type;
  return elementType === 'float32' ? zeros : cast(zeros, elementType);
}
