import { describe, expect, it } from 'vitest';
import { largestDifference, loop, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { taskCases } from '../../test/support/tasks.ts';
import { optionsFor } from '../../test/support/training.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { add, mul, sub, tanh } from '../graph/ops.ts';
import { allNodes } from '../graph/rewrite.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { trainingGraph } from '../train/compile.ts';
import { trainableForm } from '../train/trainableForm.ts';
import { unrollLoops } from './unrollLoops.ts';

const STEPS = 4;

const scans = (graph: Graph) => allNodes(graph).filter(({ op }) => op === 'Scan').length;

/** s ← tanh(s + x_t) · y_t − c, with s handed out at every step; `c` is a constant of the body. */
function body(outer: GraphBuilder): Graph {
  const b = new GraphBuilder('body', outer);
  const [s, x, y] = ['s', 'x_t', 'y_t'].map((name) => b.input(b.fresh(name), 'float32', [3])) as [Value, Value, Value];
  const next = sub(mul(tanh(add(s, x)), y), b.float([0.1, 0.2, 0.3]));
  b.output(next, b.fresh('next'));
  b.output(mul(next, next), b.fresh('squared'));
  return b.build();
}

/** A loop over `x` along one axis and `y` along another one, from either end. */
function plainLoop(attributes: Partial<Record<string, readonly number[]>>, dims: { x: number[]; y: number[] }): Graph {
  const b = new GraphBuilder('loop');
  const s = b.input('s', 'float32', [3]);
  const x = b.input('x', 'float32', dims.x);
  const y = b.input('y', 'float32', dims.y);
  const inner = { type: 'graph', value: body(b) } as const;
  const [last, all] = b.node('Scan', [s, x, y], { body: inner, num_scan_inputs: 2, ...attributes }, 2);
  b.output(last!, 'last');
  b.output(all!, 'all');
  return b.build();
}

async function agree(graph: Graph, feeds: Tensors): Promise<void> {
  const flat = unrollLoops(graph);
  expect(scans(graph)).toBeGreaterThan(0);
  expect(scans(flat)).toBe(0);
  const [made, expected] = [await runGraph(flat, feeds), await runGraph(graph, feeds)];
  expect(Object.keys(made).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, tensor] of Object.entries(expected)) {
    expect(made[name]!.dims, name).toEqual(tensor.dims);
    const size = Math.max(1, ...numbersOf(tensor).map(Math.abs));
    expect(largestDifference(numbersOf(made[name]!), numbersOf(tensor)) / size, name).toBeLessThan(1e-6);
  }
}

describe('a loop that is written out computes what it did', () => {
  it.each([
    ['forwards', {}, { x: [STEPS, 3], y: [STEPS, 3] }],
    ['along other axes', { scan_input_axes: [1, -1], scan_output_axes: [1] }, { x: [3, STEPS], y: [3, STEPS] }],
    ['stacked along the last axis', { scan_output_axes: [-1] }, { x: [STEPS, 3], y: [STEPS, 3] }],
    ['from the end', { scan_input_directions: [1, 0], scan_output_directions: [1] }, { x: [STEPS, 3], y: [STEPS, 3] }],
    ['in one step', { scan_input_directions: [1, 1] }, { x: [1, 3], y: [1, 3] }],
  ])('%s', async (_name, attributes, dims) => {
    const feeds = { s: randomTensor([3], 1), x: randomTensor(dims.x, 2), y: randomTensor(dims.y, 3) };
    await agree(plainLoop(attributes, dims), feeds);
  });

  it('with a loop inside', async () => {
    const b = new GraphBuilder('outer');
    const s = b.input('s', 'float32', [3]);
    const x = b.input('x', 'float32', [2, STEPS, 3]);
    const [end, stacked] = loop([s], [x], ([before], [rows]) =>
      loop([before!], [rows!, rows!], ([h], [row, same]) => {
        const next = add(tanh(add(h!, row!)), same!);
        return [next, mul(next, next)];
      }),
    );
    b.output(end!, 'end');
    b.output(stacked!, 'stacked');
    await agree(b.build(), { s: randomTensor([3], 1), x: randomTensor([2, STEPS, 3], 2) });
  });

  it.each(taskCases)('with its gradient: $name', async (task) => {
    const options = optionsFor(task.make());
    const { model, weights } = trainableForm(options.model, options);
    const batches = options.problem.batches('train', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
    const plan = trainingGraph(model, options.problem, new Set(weights.keys()), batches.shapeOf(0));
    const batch = batches.feeds(batches.shapeOf(0));
    batches.fill(0, batch);
    const feeds = plan.graph.inputs.map(({ name, type }, i): [string, Tensor] => {
      const dims = type.shape as number[];
      const weight = weights.get(name);
      return [name, batch[name] ?? (weight ? { ...weight, dims } : randomTensor(dims, i))];
    });
    await agree(plan.graph, Object.fromEntries(feeds));
  });

  it('and stays a loop where nobody knows how long it is', () => {
    const graph = plainLoop({}, { x: [STEPS, 3], y: [STEPS, 3] });
    const free = { ...graph, inputs: graph.inputs.map((v) => (v.name === 's' ? v : freed(v))) };
    expect(scans(unrollLoops(free))).toBe(1);
  });
});

const freed = (v: Graph['inputs'][number]) => ({ ...v, type: { ...v.type, shape: ['time', 3] } });
