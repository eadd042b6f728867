import type { Settings } from '../../src/base/fields.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { apply, matmul, squeeze, transpose, unsqueeze } from '../../src/graph/ops.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { NamedArrays } from '../../src/tasks/arrays/examples.ts';
import { loadedDistillation } from '../../src/tasks/distillation/loadedDistillation.ts';
import { scoreModel } from '../../src/train/scorer.ts';
import { randomTensor } from './graphs.ts';
import { type Case, configOf } from './training.ts';

/*
 * For tests: students and teachers whose answers are known, and how far they are apart.
 */

/** A student and its teacher on arrays, as a task. */
export async function taughtCase(
  student: Model,
  teacher: Model,
  arrays: ReadonlyMap<string, Tensor>,
  settings: Settings = {},
  valid?: ReadonlyMap<string, Tensor>,
): Promise<Case> {
  const config = configOf({ task: 'distillation', batch: 4, epochs: 1, threads: 1, ...settings });
  const named = (source: string, own: ReadonlyMap<string, Tensor>): NamedArrays => ({ source, arrays: own });
  const data = { train: named('data', arrays), ...(valid && { valid: named('held out', valid) }) };
  return { config, task: await loadedDistillation(config, { student, teacher, data }, nodeRuntime) };
}

/** The scores of a student as it is, on the examples that it would learn from. */
export async function scoresOfPair(
  student: Model,
  teacher: Model,
  arrays: ReadonlyMap<string, Tensor>,
  settings: Settings = {},
): Promise<Record<string, number>> {
  const { config, task } = await taughtCase(student, teacher, arrays, settings);
  const options = { problem: task.problem, runtime: nodeRuntime, settings: config };
  return (await scoreModel(task.model(), options, ['train'])).scores.train!;
}

/** Features of a step, and numbers that come out of one. */
export const [FEATURES, CLASSES] = [3, 4];

/** Weights by which the numbers of a step are made: z = x W. */
export function stepWeights(seed: number): Tensor {
  return randomTensor([FEATURES, CLASSES], seed, 1);
}

/** x [batch, time, 3] → z [batch, time, 4] = x W for each step, then an ending of one's own: y. */
export function stepwise(seed: number, end: (z: Value, b: GraphBuilder) => Value): Model {
  const b = new GraphBuilder('stepwise');
  const x = b.input('x', 'float32', ['batch', 'time', FEATURES]);
  b.output(end(matmul(x, b.parameter('W', stepWeights(seed))), b), 'y');
  return modelOf(b.build());
}

/** A layer that runs for a step (x [B, 3], h, c → y, h_next, c_next), or over a sequence, x [B, T, 3] → y [B, T, 2]. */
export function layer({
  hidden,
  seed,
  form,
}: {
  hidden: number;
  seed: number;
  form: 'step' | 'alone' | 'whole';
}): Model {
  const b = new GraphBuilder(form);
  const batch = form === 'alone' ? 1 : 'B';
  const weights = [
    [1, 4 * hidden, FEATURES],
    [1, 4 * hidden, hidden],
    [1, 8 * hidden],
  ].map((dims, i) => b.parameter(['W', 'R', 'bias'][i]!, randomTensor(dims, seed + i, 0.5)));
  const head = () => b.parameter('O', randomTensor([hidden, 2], seed + 3, 0.5));
  if (form === 'whole') {
    const x = b.input('x', 'float32', ['B', 'T', FEATURES]);
    const y = apply('LSTM', [transpose(x, [1, 0, 2]), ...weights], { hidden_size: hidden });
    b.output(matmul(transpose(squeeze(y, [1]), [1, 0, 2]), head()), 'y');
    return modelOf(b.build());
  }
  const x = b.input('x', 'float32', [batch, FEATURES]);
  const states = ['h', 'c'].map((name) => b.input(name, 'float32', [1, batch, hidden]));
  const inputs = [unsqueeze(x, [0]), ...weights, undefined, ...states];
  const [y, h, c] = b.node('LSTM', inputs, { hidden_size: hidden }, 3);
  b.output(matmul(squeeze(y!, [0, 1]), head()), 'y');
  b.output(h!, 'h_next');
  b.output(c!, 'c_next');
  return modelOf(b.build());
}
