import { describe, expect, it } from 'vitest';
import { firstFor, methodConfig, modelFor } from '../../test/support/methods.ts';
import { taskCases } from '../../test/support/tasks.ts';
import { optionsFor } from '../../test/support/training.ts';
import { UsageError } from '../base/errors.ts';
import type { Groups } from '../groups/groups.ts';
import { groupSizes } from '../groups/measure.ts';
import { traceModel } from '../groups/traceModel.ts';
import { bidaf } from '../models/bidaf.ts';
import { shrinkModel } from '../slim/shrink.ts';
import { train } from '../train/trainer.ts';
import { paperGroups } from './paperGroups.ts';
import { checkMethod } from './registry.ts';

/** BiDAF of the paper's sizes, with few words, characters and filters. */
function model(hidden: readonly number[]) {
  const embeddings = { trainedWords: 2, wordSize: 4, characters: 2, characterSize: 2, filters: 4 };
  return bidaf({ ...embeddings, wordLength: 4, filterWidth: 2, hidden });
}

/** Weights in the group of the first unit that can leave, by layer. */
function sizesOf(groups: Groups, sizes: Int32Array): number[] {
  return groups.layers.flatMap(({ name, components }) => {
    return name.startsWith('context') ? [] : [sizes[components.find((k) => k >= 0)!]!];
  });
}

describe('paperGroups', () => {
  const { prepared, groups } = traceModel(model([100]));

  it('has the sizes of Table 5, where the trace has the rows of a₁ besides', () => {
    const sizes = (of: Groups) => sizesOf(of, groupSizes(of, prepared.graph));
    expect(sizes(groups)).toEqual([4800, 4800, 4001, 4001, 6401, 6401]);
    expect(sizes(paperGroups(groups))).toEqual([4800, 4800, 3201, 3201, 6401, 6401]);
  });

  it('leaves out these rows alone, also when units have left', () => {
    const whole = model([3, 3, 2, 4, 5, 3, 3, 4]);
    const traced = traceModel(whole);
    const [first, second] = traced.groups.layers.flatMap(({ name, components }) =>
      name.startsWith('modelling_1') ? [components] : [],
    );
    const slim = shrinkModel(whole, traced, (k) => k === first![1] || k === second![0]);
    const { groups: full } = traceModel(slim.model);
    for (const [i, { tensor, axis, components }] of paperGroups(full).axes.entries()) {
      const missing = [...components].flatMap((k, at) => (k === full.axes[i]!.components[at] ? [] : [at]));
      // 24 of p₀, then 6 units each of g₁, a₁ and their product.
      const isReader = tensor.startsWith('output') && tensor.endsWith('.weight') && axis === 2;
      expect(missing, `${tensor} ${axis}`).toEqual(isReader ? [30, 31, 32, 33, 34, 35] : []);
    }
  });
});

describe('--paper-groups', () => {
  const task = taskCases.find(({ name }) => name === 'question-answering')!;

  it.each([{ iss: 0.03 }, { iss: 0.05, proximal: true }, { target: 'units=0.8' }])(
    '%j trains with norms of fewer weights, with shrinking on the way',
    async (method) => {
      const firstPenalty = async (paper: boolean) => {
        const made = task.make({ ...method, threshold: 0.01, shrinkEvery: 5, paperGroups: paper });
        const { history } = await train(optionsFor(made));
        return history[0]!.penalty;
      };
      const [paper, full] = [await firstPenalty(true), await firstPenalty(false)];
      expect(paper).toBeGreaterThan(0);
      expect(paper).toBeLessThan(full);
    },
  );

  it.each([{ iss: 0.1 }, { iss: 0.1, proximal: true }, { target: 'units=0.5' }])(
    '%j refuses another model',
    (method) => {
      const config = methodConfig({ ...method, paperGroups: true });
      const check = () => checkMethod(config.method, firstFor(config, modelFor(config)));
      expect(check).toThrow(UsageError);
      expect(check).toThrow('--paper-groups is for BiDAF, and this model is another one');
    },
  );
});
