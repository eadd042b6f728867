import { interleave, type Spread, spread } from '../../src/bench/statistics.ts';
import type { StepSpeedOptions } from './stepSpeed.ts';
import { type StepFields, type StepTime, stepConfig, type TrainingSteps, trainingSteps } from './trainingStep.ts';

/** What a sparsity method costs in each training step. */
export interface MethodCost {
  readonly method: string;
  /** Milliseconds of penalty, clipping, update, threshold and what else the method does. */
  readonly milliseconds: Spread;
  /** Share of all the steps together, so that what happens at every tenth update counts. */
  readonly share: number;
}

/** Each method as a configuration asks for it; magnitude prunes, and the search for a target looks, at every tenth update. */
const methods: readonly (readonly [name: string, fields: StepFields])[] = [
  ['dense', {}],
  ['group lasso', { iss: 0.003 }],
  ['group lasso with embedding columns', { iss: 0.003, issEmbedding: true }],
  ['proximal', { iss: 0.003, proximal: true }],
  ['target', { target: 'units=0.3' }],
  ['ℓ1', { l1: 1e-4 }],
  ['magnitude', { magnitude: 0.9, pruneFrom: 0, pruneEvery: 10 }],
];

/** Steps of a method in a turn. */
const BURST = 5;

/**
 * Times the update of every sparsity method in turn, in one process. Memory: a model with its gradients for each method.
 * λ and the learning rate are such that nothing dies meanwhile.
 */
export async function benchMethods(options: StepSpeedOptions): Promise<MethodCost[]> {
  const { runtime, hidden, vocabulary, batch, steps, threads, rounds } = options;
  const sizes = { hidden: [hidden, hidden], embedding: hidden, batch, steps };
  const timed: StepTime[][] = methods.map(() => []);
  const runs: TrainingSteps[] = [];
  for (const [, fields] of methods) {
    const config = stepConfig('zaremba-medium', { keep: 1, ...sizes, ...fields });
    runs.push(await trainingSteps(config, vocabulary, { runtime, threads }));
  }
  const works = runs.map(
    ({ step }, i) =>
      async () =>
        void timed[i]!.push(await step()),
  );
  await interleave(works, { rounds, burst: BURST });
  for (const run of runs) await run.release();
  return methods.map(([method], i) => {
    // The first turn is warming up.
    const counted = timed[i]!.slice(BURST);
    const sum = (part: keyof StepTime) => counted.reduce((ms, step) => ms + step[part], 0);
    return { method, milliseconds: spread(counted.map(({ update }) => update)), share: sum('update') / sum('whole') };
  });
}
