import { PARTS, type Part } from '../../data/parts.ts';
import { TOKENS } from '../../models/languageModel.ts';
import { LENGTHS } from '../../models/textClassifier.ts';
import type { Tensors } from '../../runtime/runtime.ts';
import type { Problem } from '../task.ts';
import { textBatches, textLengths } from './batches.ts';
import type { TextConfig } from './definition.ts';
import { balancedWeights, textLossGraph } from './lossGraph.ts';
import { confusionOf, textScores } from './scores.ts';
import type { TextData, TextSet } from './textData.ts';

/** Mean loss from which nothing is learned any more: far above that of a guess, log C. */
const HOPELESS = 20;
/** How many batches two forms of a model are compared on. */
const COMPARED = 5;

/** The classification of texts as the trainer sees it. Free of Node. */
export function textProblem(data: TextData, { task, batch }: Pick<TextConfig, 'task' | 'batch'>): Problem {
  const { classes, sets } = data;
  const padded = textLengths(sets.train, Object.values(sets));
  const weights = task.classWeights === 'balanced' ? balancedWeights(sets.train.classes, classes.length) : undefined;
  const setOf = (part: Part): TextSet => sets[part] ?? { texts: [], classes: new Int32Array(0) };
  return {
    items: 'texts',
    scores: textScores,
    splits: PARTS.filter((part) => sets[part] !== undefined),
    digest: data.sha256,
    carriesState: false,
    scoresAnyShape: true,
    hopeless: HOPELESS,
    lossGraph: (model, shape) => textLossGraph(model, classes.length, weights, shape),
    batches: (split, order) => textBatches(setOf(split), padded, batch, order, split === 'train'),
    samples: () => samplesOf(sets.valid, padded, batch),
    details: (sums) => ({ confusion: { classes, counts: confusionOf(sums) } }),
  };
}

/** Batches of validation texts, from short ones to long ones. */
function samplesOf(set: TextSet, padded: readonly number[], batch: number): Tensors[] {
  const order = { epoch: 0, seed: 0, rank: 0, ranks: 1 };
  const batches = textBatches(set, padded, batch, order, false);
  const count = Math.min(COMPARED, batches.count);
  return Array.from({ length: count }, (_, i) => {
    const at = Math.floor((i * batches.count) / count);
    const feeds = batches.feeds(batches.shapeOf(at));
    batches.fill(at, feeds);
    return { [TOKENS]: feeds[TOKENS]!, [LENGTHS]: feeds[LENGTHS]! };
  });
}
