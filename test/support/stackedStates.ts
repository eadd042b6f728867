import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { apply, concat, matmul, reshape, slice, squeeze, transpose } from '../../src/graph/ops.ts';
import { statesOf } from '../../src/graph/states.ts';
import type { Dim, Model, Tensor } from '../../src/graph/types.ts';
import { numbersOf, randomTensor, runGraph } from './graphs.ts';

/*
 * For tests: models that stream, whose states stack several layers.
 */

const B = 2;
export const H = 3;

export interface StackedOptions {
  readonly layers: number;
  readonly bidirectional?: boolean;
  /** How a layer takes its states out of the stack: by Slice, or by Gather and Unsqueeze. */
  readonly by?: 'slice' | 'gather';
}

/** Stacked LSTM layers as exporters write them: x [T, B, 2], h and c [L·D, B, 3] → logits, h' and c'. */
export function stackedStates({ layers, bidirectional = false, by = 'slice' }: StackedOptions): Model {
  const b = new GraphBuilder('streaming');
  const d = bidirectional ? 2 : 1;
  let x: Value = b.input('x', 'float32', ['time', 'batch', 2]);
  const state = (name: string) => b.input(name, 'float32', [layers * d, 'batch', H]);
  const [h, c] = [state('h'), state('c')];
  const take = (from: Value, i: number) =>
    by === 'slice'
      ? slice(from, [i * d], [(i + 1) * d], [0])
      : apply('Unsqueeze', [apply('Gather', [from, b.constant(int64s([], [i]))], { axis: 0 }), b.ints([0])]);
  const finals: Value[][] = [];
  let size = 2;
  for (let i = 0; i < layers; i++) {
    const weight = (name: string, dims: number[]) =>
      b.parameter(`l${i}.${name}`, randomTensor(dims, 10 * i + dims.length));
    const [y, ...last] = b.node(
      'LSTM',
      [
        x,
        weight('W', [d, 4 * H, size]),
        weight('R', [d, 4 * H, H]),
        weight('B', [d, 8 * H]),
        undefined,
        take(h, i),
        take(c, i),
      ],
      { hidden_size: H, direction: bidirectional ? 'bidirectional' : 'forward' },
      3,
      '',
      `layer_${i}`,
    );
    finals.push(last);
    x = bidirectional ? reshape(transpose(y!, [0, 2, 1, 3]), [0, 0, -1]) : squeeze(y!, [1]);
    size = d * H;
  }
  b.output(matmul(x, b.parameter('head', randomTensor([size, 4], 99))), 'logits');
  for (const [k, name] of ['h_next', 'c_next'].entries()) {
    const all = finals.map((f) => f[k]!);
    b.output(all.length === 1 ? all[0]! : concat(all, 0), name);
  }
  return modelOf(b.build());
}

/** Shape of an input or output. */
export function borderShape(model: Model, name: string): readonly Dim[] | undefined {
  return [...model.graph.inputs, ...model.graph.outputs].find((v) => v.name === name)!.type.shape;
}

/** Runs two windows, the states of the first carried into the second, and returns the logits. */
export async function logitsOfWindows(model: Model): Promise<number[]> {
  const states = statesOf(model);
  let carried: Record<string, Tensor> = {};
  for (const { input } of states) {
    const dims = borderShape(model, input)!.map((s) => (typeof s === 'number' ? s : B));
    carried[input] = randomTensor(dims, 1, 0);
  }
  const results: number[] = [];
  for (const seed of [5, 6]) {
    const got = await runGraph(model.graph, { x: randomTensor([4, B, 2], seed), ...carried });
    results.push(...numbersOf(got.logits!));
    carried = Object.fromEntries(states.map(({ input, output }) => [input, got[output]!]));
  }
  return results;
}
