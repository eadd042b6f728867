import { SlimError } from '../../base/errors.ts';
import { modelOf } from '../../graph/model.ts';
import { removeDeadNodes } from '../../graph/rewrite.ts';
import type { Model } from '../../graph/types.ts';
import { parametersAsInputs } from '../../passes/parametersAsInputs.ts';
import { withoutDropout } from '../../passes/withoutDropout.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { LOSS } from '../../train/trainingGraph.ts';
import { batchFeeds } from './batches.ts';
import { boundGraph } from './bound.ts';
import type { FinetuneConfig } from './config.ts';
import { scoredGraph } from './scoring.ts';
import { accuracyIn, type BatchResult, batchSize, type ScoredExamples } from './stepper.ts';
import type { Weights } from './weights.ts';

/** Scores examples with a model whose weights may change between calls. */
export interface ExampleScorer {
  score(): Promise<BatchResult>;
  release(): Promise<void>;
}

/** A scorer over a model's structure; `weights` gives the current values of what is trained. */
export async function exampleScorer(
  model: Model,
  { examples, targets, scored }: ScoredExamples,
  config: FinetuneConfig,
  runtime: Runtime,
  weights: () => Weights,
): Promise<ExampleScorer> {
  const batch = batchSize(examples, config.batch);
  const bound = withoutDropout({ ...model, graph: boundGraph(model, examples, batch) }).graph;
  const { graph, hasCorrect } = scoredGraph(bound, scored, config.loss);
  const { graph: fed, parameters } = parametersAsInputs(removeDeadNodes(graph), new Set(weights().keys()));
  const session = await runtime.createSession(modelOf(fed), { threads: config.threads });
  const batches = batchFeeds(examples, targets, batch, bound.inputs);
  const score = async (): Promise<BatchResult> => {
    const current = weights();
    const feeds = { ...batches.feeds };
    for (const { name, dims } of parameters) feeds[name] = { ...current.get(name)!, dims };
    let [loss, right, count] = [0, 0, 0];
    for (let start = 0; start < examples.count; start += batch) {
      const size = Math.min(batch, examples.count - start);
      const counted = batches.fill(Uint32Array.from({ length: size }, (_, i) => start + i));
      if (counted === 0) continue;
      const results = await session.run(feeds);
      loss += counted * (results[LOSS]!.data[0] as number);
      right += counted * (accuracyIn(results) ?? 0);
      count += counted;
    }
    if (count === 0) throw new SlimError(`${examples.source}: no target counts`);
    return { loss: loss / count, accuracy: hasCorrect ? right / count : undefined, count };
  };
  return { score, release: () => session.release() };
}
