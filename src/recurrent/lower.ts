import { SlimError } from '../errors.ts';
import { intAttribute, stringAttribute } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import {
  add,
  apply,
  concat,
  gather,
  matmul,
  scan,
  shapeOf,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from '../graph/ops.ts';
import type { Graph, Node } from '../graph/types.ts';
import type { Cell } from './cell.ts';
import { lstm } from './lstm.ts';

/** The cells whose ONNX operators can be lowered, by operator. */
export const cells: Readonly<Record<string, Cell>> = { LSTM: lstm };

/** ONNX's recurrent operators. */
const recurrentOperators = new Set(['LSTM', 'GRU', 'RNN']);

/** True for a recurrent layer of a graph. */
export function isRecurrent(node: Node): boolean {
  return node.domain === '' && recurrentOperators.has(node.op);
}

/**
 * Replaces every recurrent operator by a Scan over its cell's equations. Parameters keep their names and layouts,
 * values keep theirs; the result computes the same and can be differentiated. W·x for all steps is one product before
 * the loop.
 */
export function lowerRecurrent(graph: Graph): Graph {
  if (!graph.nodes.some(isRecurrent)) return graph;
  const b = GraphBuilder.from({ ...graph, nodes: [], outputs: [] });
  b.reserve(graph);
  for (const node of graph.nodes) {
    if (isRecurrent(node)) lowerNode(b, node);
    else b.addNode(node);
  }
  return { ...b.build(), outputs: graph.outputs };
}

function lowerNode(b: GraphBuilder, node: Node): void {
  const cell = cells[node.op];
  const fail = (reason: string): never => {
    throw new SlimError(`${node.op} '${node.name}' ${reason}`);
  };
  if (cell === undefined)
    throw new SlimError(
      `${node.op} '${node.name}' cannot be trained yet; known cells: ${Object.keys(cells).join(', ')}`,
    );
  cell.check(node);
  if (node.inputs[4]) fail('has sequence lengths (input 4), which are not supported');
  if (intAttribute(node, 'layout', 0) === 1)
    fail('is batch-first (layout 1), which is not supported; transpose its input');
  const direction = stringAttribute(node, 'direction', 'forward');
  const reversed = direction === 'bidirectional' ? [false, true] : [direction === 'reverse'];
  const optional = (i: number) => (node.inputs[i] ? b.value(node.inputs[i]) : undefined);
  const x = b.value(node.inputs[0]!);
  const perDirection = (value: Value | undefined): (Value | undefined)[] =>
    value === undefined ? reversed.map(() => undefined) : split(value, reversed.length, 0).map((v) => squeeze(v, [0]));
  const weights = perDirection(b.value(node.inputs[1]!));
  const recurrents = perDirection(b.value(node.inputs[2]!));
  const biases = perDirection(optional(3));
  const initial = Array.from({ length: cell.states }, (_, s) => perDirection(optional(5 + s)));
  const results = reversed.map((reverse, d) =>
    runCell(b, cell, {
      x,
      weight: weights[d]!,
      recurrent: recurrents[d]!,
      bias: biases[d],
      // [B, H] → feature-major [H, B]
      initial: initial.map((s) => (s[d] === undefined ? zeroState(x, recurrents[d]!) : transpose(s[d], [1, 0]))),
      reverse,
      name: node.name || node.outputs[0] || node.op,
    }),
  );
  const outputs = [
    concat(
      results.map((r) => unsqueeze(r.sequence, [1])),
      1,
    ),
    ...Array.from({ length: cell.states }, (_, s) =>
      concat(
        results.map((r) => unsqueeze(transpose(r.finals[s]!, [1, 0]), [0])),
        0,
      ),
    ),
  ];
  node.outputs.forEach((name, i) => {
    if (name !== '') b.node('Identity', [outputs[i]], {}, [name]);
  });
}

interface Direction {
  readonly x: Value;
  readonly weight: Value;
  readonly recurrent: Value;
  readonly bias: Value | undefined;
  readonly initial: readonly Value[];
  readonly reverse: boolean;
  readonly name: string;
}

/** One direction of a layer: X[T, B, I] → the outputs [T, B, H] and the final states [H, B]. */
function runCell(b: GraphBuilder, cell: Cell, d: Direction): { sequence: Value; finals: Value[] } {
  let projected = matmul(d.x, transpose(d.weight, [1, 0]));
  if (d.bias) {
    const [input, recurrent] = split(d.bias, 2, 0);
    projected = add(projected, add(input!, recurrent!));
  }
  const featureMajor = transpose(projected, [0, 2, 1]);
  const body = new GraphBuilder(b.fresh(`${d.name}_step`), b);
  const states = d.initial.map((s) => body.input(b.fresh('state'), s.type.elementType, s.type.shape));
  const xt = body.input(b.fresh('projected'), featureMajor.type.elementType, featureMajor.type.shape?.slice(1));
  const next = cell.step(xt, states, d.recurrent);
  for (const value of [...next, next[0]!]) body.output(value);
  const results = scan(d.initial, [featureMajor], body.build(), {
    reverseInputs: [d.reverse],
    reverseOutputs: [d.reverse],
  });
  return { sequence: transpose(results[cell.states]!, [0, 2, 1]), finals: results.slice(0, cell.states) };
}

/** A zero state [H, B], its batch taken from X[T, B, I] and its size from R[GH, H] at run time. */
function zeroState(x: Value, recurrent: Value): Value {
  const b = x.builder;
  const batch = gather(shapeOf(x), b.ints([1]));
  const hidden = slice(shapeOf(recurrent), [1], [2], [0]);
  return apply('ConstantOfShape', [concat([hidden, batch], 0)]);
}
