import type { PartialConfig } from '../train/config.ts';
import { checkConfig } from '../train/config.ts';
import { untrainedModel } from '../train/freshModel.ts';
import { presets } from '../train/presets.ts';
import { type RandomSteps, randomSteps } from './randomSteps.ts';
import { interleave, median, type Spread, spread } from './statistics.ts';
import type { StepBenchOptions } from './trainingStep.ts';

/** What a sparsity method costs in each training step. */
export interface MethodCost {
  readonly method: string;
  /** Milliseconds of penalty, clipping, update, threshold and what else the method does. */
  readonly milliseconds: Spread;
  /** Share of the whole step: the median over steps. */
  readonly share: number;
}

/** Each method as a configuration asks for it; magnitude prunes at every tenth update. */
const methods: readonly (readonly [name: string, fields: PartialConfig])[] = [
  ['dense', {}],
  ['group lasso', { iss: 0.003 }],
  ['group lasso with embedding columns', { iss: 0.003, issEmbedding: true }],
  ['proximal', { iss: 0.003, proximal: true }],
  ['target', { target: 'units=0.3' }],
  ['ℓ1', { l1: 1e-4 }],
  ['magnitude', { magnitude: 0.9, pruneFrom: 0, pruneEvery: 10 }],
];

/**
 * Times the update of every sparsity method in turn, in one process. Memory: a model with its gradients for each method.
 * λ and the learning rate are such that nothing dies meanwhile.
 */
export async function benchMethods(options: StepBenchOptions): Promise<MethodCost[]> {
  const { runtime, hidden, vocabulary, batch, steps, threads, rounds } = options;
  const sizes = { hidden: [hidden, hidden], embedding: hidden, batch, steps };
  const updates: number[][] = methods.map(() => []);
  const shares: number[][] = methods.map(() => []);
  const runs: RandomSteps[] = [];
  for (const [name, fields] of methods) {
    const config = checkConfig({ ...presets['zaremba-medium'], keep: 1, ...sizes, ...fields }, name);
    runs.push(await randomSteps(runtime, untrainedModel(config, vocabulary), config, vocabulary, threads));
  }
  const timed = runs.map(({ step }, i) => async () => {
    const start = performance.now();
    const { updateTime } = await step();
    updates[i]!.push(updateTime);
    shares[i]!.push(updateTime / (performance.now() - start));
  });
  await interleave(timed, { rounds, burst: 5 });
  for (const run of runs) await run.release();
  return methods.map(([method], i) => ({ method, milliseconds: spread(updates[i]!), share: median(shares[i]!) }));
}
