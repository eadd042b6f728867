import {
  type Batches,
  type BatchOrder,
  bindDims,
  GraphBuilder,
  LOSS,
  lowerRecurrent,
  type Model,
  meanLoss,
  modelOf,
  nn,
  ops,
  type Problem,
  type Split,
  sectionReader,
  TARGETS,
  type Task,
  uniformInitializer,
} from 'slimrnn';
import { z } from 'zod';

/** Fields become flags: `--delay 3`. */
const fields = {
  delay: z.int().positive().describe('steps between a number and its echo'),
  steps: z.int().positive().describe('steps of a sequence'),
};
const modelFields = { hidden: z.int().positive().describe('hidden size') };
const [readFields, readModel] = [sectionReader(fields), sectionReader(modelFields)];
type Fields = ReturnType<typeof readFields>;

/** Sequences of random numbers; at each step the network says the number that came `delay` steps before. */
export const echoTask: Task = {
  name: 'echo',
  about: 'repeats a sequence of numbers after some steps',
  fields,
  models: [{ name: 'gru', fields: modelFields }],
  presets: { echo: {} },
  defaults: () => ({
    ...{ delay: 2, steps: 12, hidden: 16, batch: 16, epochs: 4, optimizer: 'adam', learningRate: 0.02 },
    ...{ threshold: 0.01, shrink: true, shrinkEvery: 20, seed: 1, checkpointEvery: 1000 },
  }),
  async load({ task, model, batch, seed }) {
    const wanted = readFields(task);
    const { hidden } = readModel(model);
    return {
      problem: echoProblem(wanted, batch),
      data: { name: 'echo', source: 'random numbers', sha256: JSON.stringify(wanted), facts: {} },
      model: () => echoModel(hidden, seed),
      notes: [`numbers are repeated after ${wanted.delay} steps`],
      files: {},
    };
  },
};

/** x [T, B, 1] → GRU → linear → y [T, B, 1] */
function echoModel(hidden: number, seed: number): Model {
  const b = new GraphBuilder('echo');
  const init = uniformInitializer(0.3, seed);
  const x = b.input('x', 'float32', ['time', 'batch', 1]);
  const lengths = b.input('lengths', 'int32', ['batch']);
  const sizes = { name: 'gru_0', inputs: 1, hidden, reverse: false };
  const { outputs } = nn.sequenceLayer(b, 'gru', sizes, x, lengths, init);
  b.output(nn.linear(b, 'head', outputs, hidden, 1, init), 'y');
  return modelOf(b.build());
}

/** How many batches each part of the data has. */
const COUNTS: Readonly<Record<Split, number>> = { train: 40, valid: 5, test: 5 };

function echoProblem({ delay, steps }: Fields, batch: number): Problem {
  return {
    items: 'steps',
    scores: [{ ...meanLoss, name: 'mse' }],
    splits: ['train', 'valid', 'test'],
    digest: `echo ${delay} ${steps}`,
    carriesState: false,
    scoresAnyShape: true,
    hopeless: Number.POSITIVE_INFINITY,
    lossGraph({ graph }, shape) {
      const b = GraphBuilder.from(lowerRecurrent(shape ? bindDims(graph, shape) : graph), { keepOutputs: false });
      const targets = b.input(TARGETS, 'float32', ['time', 'batch', 1]);
      const difference = ops.sub(b.value('y'), shape ? ops.reshape(targets, [shape.time!, shape.batch!, 1]) : targets);
      b.output(ops.reduceMean(ops.mul(difference, difference)), LOSS);
      return { graph: bindDims(b.build(), shape ?? {}), sums: {}, reduction: 'mean', gradientScale: 1, lookups: [] };
    },
    batches: (split, order) => echoBatches({ delay, steps, batch, split, order }),
    samples: () => [batchOf({ delay, steps, batch, seed: 7 }).inputs],
  };
}

interface BatchRequest extends Fields {
  readonly batch: number;
  readonly split: Split;
  readonly order: BatchOrder;
}

function echoBatches({ split, order, ...sizes }: BatchRequest): Batches {
  const { batch, steps } = sizes;
  const own = Array.from({ length: COUNTS[split] }, (_, i) => i).filter((i) => i % order.ranks === order.rank);
  const epoch = split === 'train' ? order.epoch : 0;
  return {
    count: own.length,
    items: own.length * batch * steps,
    shapeOf: () => ({ batch, time: steps }),
    feeds: () => ({ ...batchOf({ ...sizes, seed: 0 }).inputs, [TARGETS]: batchOf({ ...sizes, seed: 0 }).targets }),
    fill(i, feeds) {
      const seed = 1000 * epoch + 3 * own[i]! + ['train', 'valid', 'test'].indexOf(split);
      const { inputs, targets } = batchOf({ ...sizes, seed });
      (feeds.x!.data as Float32Array).set(inputs.x.data);
      (feeds[TARGETS]!.data as Float32Array).set(targets.data);
      return batch * steps;
    },
  };
}

/** Numbers between -1 and 1, each the next one of a simple sequence of remainders. */
function batchOf({ delay, steps, batch, seed }: Fields & { readonly batch: number; readonly seed: number }) {
  let state = seed * 7919 + 17;
  const values = Float32Array.from({ length: steps * batch }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return (2 * state) / 2_147_483_647 - 1;
  });
  const echo = values.map((_, i) => values[i - delay * batch] ?? 0);
  const dims = [steps, batch, 1];
  return {
    inputs: {
      x: { elementType: 'float32', dims, data: values },
      lengths: { elementType: 'int32', dims: [batch], data: new Int32Array(batch).fill(steps) },
    },
    targets: { elementType: 'float32', dims, data: echo },
  } as const;
}
