import type { Part } from '../../data/parts.ts';
import { PARTS } from '../../data/parts.ts';
import { QUESTION_INPUTS } from '../../models/bidaf.ts';
import type { Tensors } from '../../runtime/runtime.ts';
import type { Problem } from '../task.ts';
import { type Padding, paddingOf, questionBatches, type Spelled } from './batches.ts';
import { questionLossGraph } from './lossGraph.ts';
import type { QuestionSet } from './questionData.ts';
import { questionScores } from './scores.ts';

/** Mean loss from which nothing is learned any more: far above that of a guess, 2 log T. */
const HOPELESS = 60;
/** How many batches two forms of a model are compared on, and the questions in each. */
const COMPARED = 3;
const SIDE_BY_SIDE = 4;

/** Questions of each part, ready for training. */
export interface QuestionSets extends Partial<Record<Part, QuestionSet>> {
  readonly train: QuestionSet;
}

/** The answering of questions as the trainer sees it. Free of Node. */
export function questionProblem(sets: QuestionSets, spelled: Spelled, batch: number, sha256: string): Problem {
  const padding = paddingOf(
    sets.train,
    PARTS.flatMap((part) => sets[part] ?? []),
  );
  return {
    items: 'questions',
    scores: questionScores,
    splits: PARTS.filter((part) => sets[part] !== undefined),
    digest: sha256,
    carriesState: false,
    scoresAnyShape: false,
    hopeless: HOPELESS,
    lossGraph: questionLossGraph,
    batches: (split, order) =>
      questionBatches(
        sets[split] ?? { passages: [], questions: [] },
        spelled,
        padding,
        batch,
        order,
        split === 'train',
      ),
    samples: () => samplesOf(sets.valid ?? sets.train, spelled, padding),
  };
}

/** Batches of a few questions, from short passages to long ones. */
function samplesOf(set: QuestionSet, spelled: Spelled, padding: Padding): Tensors[] {
  const order = { epoch: 0, seed: 0, rank: 0, ranks: 1 };
  const batches = questionBatches(set, spelled, padding, SIDE_BY_SIDE, order, false);
  const count = Math.min(COMPARED, batches.count);
  return Array.from({ length: count }, (_, i) => {
    const at = Math.floor((i * batches.count) / count);
    const feeds = batches.feeds(batches.shapeOf(at));
    batches.fill(at, feeds);
    return Object.fromEntries(Object.values(QUESTION_INPUTS).map((name) => [name, feeds[name]!]));
  });
}
