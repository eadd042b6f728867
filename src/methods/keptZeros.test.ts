import { describe, expect, it } from 'vitest';
import { withZeros } from '../../test/support/sparse.ts';
import { taskCases } from '../../test/support/tasks.ts';
import { copied, optionsFor, stateOf, steps } from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';

const fields: readonly (readonly [title: string, fields: Settings])[] = [
  ['alone', {}],
  ['with group lasso over embedding columns', { iss: 0.01, issEmbedding: true }],
  ['with the proximal step', { iss: 0.01, proximal: true, threshold: 0 }],
  ['with ℓ1', { l1: 0.001 }],
];
const optimizers: readonly Settings[] = [
  { optimizer: 'sgd', learningRate: 0.5 },
  { optimizer: 'momentum', learningRate: 0.05, weightDecay: 0.01 },
  { optimizer: 'adam', learningRate: 0.01, ema: 0.9 },
  { optimizer: 'adamw', learningRate: 0.01 },
];
/** Distillation differs from arrays in its loss alone. */
const tasks = taskCases.filter(({ name }) => name !== 'distillation');
/** A Latin square: every pair of fields, a task and an optimizer, but not all three at once. */
const all = fields.flatMap(([title, own], f) =>
  tasks.map((task, t) => ({ title, own, task, by: optimizers[(f + t) % optimizers.length]! })),
);

describe('zeros that are kept', () => {
  it.each(all)(
    'stay zero, $title, and the other weights learn: $task.name, $by.optimizer',
    async ({ own, task, by }) => {
      const made = task.make({ ...by, ...own, keepZeros: true });
      const model = withZeros(made.task.model(), 3);
      const { state } = await stateOf(optionsFor({ ...made, task: { ...made.task, model: () => model } }));
      state.begin();
      const before = copied(state.snapshot().weights);
      const results = await steps(state, made.task.problem, [0, 30], by.learningRate as number);
      let zeros = 0;
      for (const { name } of state.memory.matrices) {
        const [old, now] = [before, state.snapshot().weights].map((w) => [...(w.get(name)!.data as Float32Array)]);
        const wasZero = old!.flatMap((w, i) => (w === 0 ? [i] : []));
        if (/bias|^B$/.test(name)) continue;
        zeros += wasZero.length;
        expect(
          wasZero.filter((i) => now![i] !== 0),
          name,
        ).toEqual([]);
        expect(old!.filter((w, i) => w !== 0 && now![i] !== w).length, name).toBeGreaterThan(0.4 * old!.length);
      }
      expect(zeros).toBeGreaterThan(10);
      const mean = (part: typeof results) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
      expect(mean(results.slice(-6))).toBeLessThan(mean(results.slice(0, 6)));
      await state.release();
    },
  );
});
