import { SlimError, UsageError } from '../../base/errors.ts';
import { epochStream } from '../../base/random.ts';
import { type BatchOptions, batchWindows } from '../../data/batches.ts';
import type { Corpus } from '../../data/makeCorpus.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { multiplyDims } from '../../graph/dims.ts';
import { crossEntropy, flatten } from '../../graph/ops.ts';
import type { Graph, Model } from '../../graph/types.ts';
import { LOGITS, TOKENS } from '../../models/languageModel.ts';
import { bindDims } from '../../passes/bindDims.ts';
import { lowerRecurrent } from '../../passes/lowerRecurrent.ts';
import type { Tensors } from '../../runtime/runtime.ts';
import { perplexity } from '../score.ts';
import {
  type Batches,
  type BatchOrder,
  LOSS,
  type LoadedTask,
  type Problem,
  type Split,
  splitLabels,
  TARGETS,
  type TaskConfig,
} from '../task.ts';
import { readTaskFields } from './definition.ts';
import { freshModel } from './model.ts';

/** Windows on which two forms of a model are compared. */
const COMPARED_WINDOWS = 5;
/** Windows on which units are measured. */
const CALIBRATED_WINDOWS = 50;

/** Cross entropy of a token in nats from which no training comes back; that of the smallest probability is 87. */
const HOPELESS = 60;

/**
 * Truncated back-propagation through time over a text: windows of T steps over B sequences, states carried from window
 * to window. The loss is the cross entropy summed over a window, its gradient averaged over the batch, as in Zaremba et
 * al. (2014). Throws a UsageError when a text is too short for one window.
 */
export function languageModelProblem({ task, batch }: Pick<TaskConfig, 'task' | 'batch'>, corpus: Corpus): Problem {
  const { steps, shiftWindows = false } = readTaskFields(task);
  const batches = (split: Split, order: BatchOrder = { epoch: 0, seed: 0, rank: 0, ranks: 1 }): Batches => {
    const rows = split === 'test' ? 1 : batch;
    return textBatches(part(corpus[split], rows, order), rows, steps, {
      // Training leaves out what does not fill a window; scoring reads every row to its end.
      keepTail: split !== 'train',
      // The same for all ranks, so that they have as many windows.
      shift: shiftWindows && split === 'train' ? epochStream(order.seed, order.epoch)() : undefined,
      label: `${splitLabels[split]} text`,
    });
  };
  for (const split of ['train', 'valid', 'test'] as const) batches(split);
  return {
    items: 'tokens',
    scores: [perplexity],
    splits: ['train', 'valid', 'test'],
    digest: corpus.sha256,
    carriesState: true,
    scoresAnyShape: true,
    hopeless: HOPELESS,
    lossGraph: (model, shape) => ({
      graph: withLoss(shape ? bindDims(lowerRecurrent(model.graph), shape) : lowerRecurrent(model.graph)),
      sums: {},
      reduction: 'sum',
      gradientScale: 1 / batch,
      lookups: [TOKENS],
    }),
    batches,
    samples: () => textWindows(corpus.valid, { batch, steps }),
    calibration: () => [textWindows(corpus.train, { batch, steps }, CALIBRATED_WINDOWS)],
  };
}

/** The part of a text that is a rank's: its `batch` rows of those into which one process would cut it for all. */
function part(ids: Int32Array, batch: number, { rank, ranks }: Pick<BatchOrder, 'rank' | 'ranks'>): Int32Array {
  if (ranks === 1) return ids;
  const length = batch * Math.floor(ids.length / (batch * ranks));
  return ids.subarray(rank * length, (rank + 1) * length);
}

function textBatches(ids: Int32Array, batch: number, steps: number, options: BatchOptions): Batches {
  const { windows, tokens, fillWindow } = batchWindows(ids, batch, steps, options);
  const tail = tokens / batch - (windows - 1) * steps;
  return {
    count: windows,
    items: tokens,
    shapeOf: (i) => ({ batch, time: i === windows - 1 ? tail : steps }),
    feeds: ({ time }) => ({
      [TOKENS]: { elementType: 'int32', dims: [time!, batch], data: new Int32Array(time! * batch) },
      [TARGETS]: { elementType: 'int32', dims: [time! * batch], data: new Int32Array(time! * batch) },
    }),
    fill(i, feeds) {
      return batch * fillWindow(i, feeds[TOKENS]!.data as Int32Array, feeds[TARGETS]!.data as Int32Array);
    },
  };
}

/** A graph with the total cross entropy of its logits against targets in place of the logits. */
function withLoss(graph: Graph): Graph {
  const b = GraphBuilder.from(graph, { keepOutputs: false });
  if (!graph.outputs.some((o) => o.name === LOGITS))
    throw new SlimError(`the model has no output '${LOGITS}' to score`);
  const inputs = graph.inputs.filter((v) => v.type.elementType === 'int32').map((v) => v.name);
  if (inputs.join() !== TOKENS) {
    throw new UsageError(
      `a language model reads its words from one input, '${TOKENS}'; this one has ${inputs.join(', ')}`,
    );
  }
  const scores = b.value(LOGITS);
  const shape = scores.type.shape ?? [];
  const rows = shape.length === 2 ? scores : flatten(scores, shape.length - 1);
  const targets = b.input(TARGETS, 'int32', [multiplyDims(shape.slice(0, -1))]);
  b.output(crossEntropy(rows, targets), LOSS);
  const made = b.build();
  return { ...made, outputs: [...made.outputs, ...graph.outputs.filter((o) => o.name !== LOGITS)] };
}

/** The first consecutive windows of a text as feeds of a language model, at `most` so many. */
export function textWindows(
  ids: Int32Array,
  { batch, steps }: { readonly batch: number; readonly steps: number },
  most = COMPARED_WINDOWS,
): Tensors[] {
  const windows = textBatches(ids, batch, steps, { keepTail: true, label: `${splitLabels.valid} text` });
  return Array.from({ length: Math.min(most, windows.count) }, (_, i) => {
    const feeds = windows.feeds(windows.shapeOf(i));
    windows.fill(i, feeds);
    return { [TOKENS]: feeds[TOKENS]! };
  });
}

/** A corpus in memory as a task, trained from `first` (default: untrained). Throws a UsageError for too short a text. */
export function loadedText(config: TaskConfig, corpus: Corpus, first?: Model): LoadedTask {
  const { name, source, sha256, vocabulary } = corpus;
  const model = first ?? freshModel(config, vocabulary);
  return {
    problem: languageModelProblem(config, corpus),
    withBatch: (batch) => languageModelProblem({ ...config, batch }, corpus),
    data: { name, source, sha256, facts: { vocabulary: vocabulary.words.length } },
    model: () => model,
    notes: [],
    files: { 'vocabulary.txt': `${vocabulary.words.join('\n')}\n` },
  };
}
