import { LOGITS, languageModel } from '../models/languageModel.ts';
import { randomStream } from '../random.ts';
import type { PartialConfig } from '../train/config.ts';
import { checkConfig } from '../train/config.ts';
import { presets } from '../train/presets.ts';
import { createMethod, planSparsity } from '../train/sparsity.ts';
import { Stepper } from '../train/stepper.ts';
import { groupsOf } from '../train/trainee.ts';
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
  const random = randomStream(2);
  const words = () => Int32Array.from({ length: batch * steps }, () => Math.floor(random() * vocabulary));
  const model = languageModel({ vocabulary, embedding: hidden, hidden: [hidden, hidden], initScale: 0.05 });
  const steppers: Stepper[] = [];
  const updates: number[][] = methods.map(() => []);
  const shares: number[][] = methods.map(() => []);
  const runs: (() => Promise<void>)[] = [];
  for (const [i, [name, fields]] of methods.entries()) {
    const sizes = { hidden: [hidden, hidden], embedding: hidden, batch, steps, ...fields };
    const config = checkConfig({ ...presets['zaremba-medium'], ...sizes }, name);
    const groups = groupsOf(model, config);
    const sparsity = createMethod(planSparsity(config, model, groups, 1000), model.graph, groups);
    const { clip, seed } = config;
    const stepper = await Stepper.create(model, {
      ...{ runtime, logits: LOGITS, batch, time: steps, clip, sparsity, seed, threads },
    });
    steppers.push(stepper);
    const [indices, targets] = [words(), words()];
    stepper.targets.set(targets);
    let index = 0;
    runs.push(async () => {
      const start = performance.now();
      const { updateTime } = await stepper.step(indices, 0.01, index++);
      updates[i]!.push(updateTime);
      shares[i]!.push(updateTime / (performance.now() - start));
    });
  }
  await interleave(runs, { rounds, burst: 5 });
  for (const stepper of steppers) await stepper.release();
  return methods.map(([method], i) => ({ method, milliseconds: spread(updates[i]!), share: median(shares[i]!) }));
}
