import type { Tensor } from '../../src/graph/types.ts';
import { TOKENS } from '../../src/models/languageModel.ts';
import { languageModelProblem } from '../../src/tasks/language-model/problem.ts';
import { type BatchShape, type Problem, TARGETS } from '../../src/tasks/task.ts';
import type { ScoringGraph } from '../../src/train/compile.ts';
import { rowsOf } from './lossCheck.ts';

/*
 * For tests: windows of text that are spelled out, such as those of which PyTorch's results are stored.
 */

/** Words of a window and what follows them, [T, B] with element t·B + b. */
export interface Window {
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
}

/** Sizes of all windows. */
export interface WindowSizes {
  readonly batch: number;
  readonly time: number;
}

/** The problem of a language model whose training text is these windows, one after the other. */
export function windowProblem(windows: readonly Window[], { batch, time }: WindowSizes): Problem {
  const ids = new Int32Array(batch * (time + 1));
  const vocabulary = { words: [], ids: new Map<string, number>() };
  const corpus = { name: '', source: '', vocabulary, train: ids, valid: ids, test: ids, sha256: 'windows' };
  const problem = languageModelProblem({ task: { kind: 'language-model', steps: time }, batch }, corpus);
  const { feeds } = problem.batches('train', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
  return {
    ...problem,
    batches: () => ({
      count: windows.length,
      items: windows.length * batch * time,
      shapeOf: () => ({ batch, time }),
      feeds: (shape: BatchShape) => feeds(shape),
      fill(i, into) {
        (into[TOKENS]!.data as Int32Array).set(windows[i]!.tokens);
        (into[TARGETS]!.data as Int32Array).set(windows[i]!.targets);
        return batch * time;
      },
    }),
  };
}

/** Everything but states and masks that a graph takes for a window: weights of the given model, its words and targets. */
export function windowFeeds(
  weights: ReadonlyMap<string, Tensor>,
  { parameters, lookups, graph }: ScoringGraph,
  { tokens, targets }: Window,
  { batch, time }: WindowSizes,
): Record<string, Tensor> {
  const ints = (dims: readonly number[], values: readonly number[]): Tensor => ({
    elementType: 'int32',
    dims,
    data: Int32Array.from(values),
  });
  const words = ints([time, batch], tokens);
  const feeds: Record<string, Tensor> = { [TARGETS]: ints([time * batch], targets) };
  // Only the mask of words asks which words they are, and a graph that looks them up itself.
  if (graph.inputs.some((v) => v.name === TOKENS)) feeds[TOKENS] = words;
  for (const { name, dims } of parameters) feeds[name] = { ...weights.get(name)!, dims };
  for (const { table, values } of lookups) feeds[values] = rowsOf(weights.get(table)!, words);
  return feeds;
}
