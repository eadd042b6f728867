import { afterAll, expect, it } from 'vitest';
import { recurrentModel, sumTask } from '../../../test/fixtures/finetune/task.ts';
import { numbersOf } from '../../../test/support/graphs.ts';
import type { Tensor } from '../../graph/types.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { sliceByGroups } from '../../slim/slice.ts';
import { finetuneConfig } from './config.ts';
import { examplesOf } from './examples.ts';
import { scoredOutput } from './scoring.ts';
import { momentNames } from './stepper.ts';
import { targetsOf } from './targets.ts';
import {
  aliveIn,
  dismissTrainee,
  type FinetuneTrainee,
  prepareTrainee,
  shrinkFinetuned,
  trainableForm,
} from './trainee.ts';

let trainee: FinetuneTrainee;
afterAll(() => dismissTrainee(trainee));

it('slices weights and the means of Adam alike when units leave', async () => {
  const model = recurrentModel({ op: 'GRU', direction: 'bidirectional', hidden: 4 });
  const config = finetuneConfig({ loss: 'cross-entropy', target: 'y', iss: 1e-4, threshold: 0, threads: 1 });
  const data = { source: 'test', arrays: sumTask(32) };
  const examples = examplesOf(model, data, config);
  const scored = scoredOutput(model, examples, [32], config);
  const train = { examples, scored, targets: targetsOf(model, data, examples, scored, config) };
  const context = { config, runtime: nodeRuntime, train, valid: undefined };
  trainee = await prepareTrainee(trainableForm(model, new Set(['x']), config), context);
  const all = Uint32Array.from({ length: 32 }, (_, i) => i);
  for (let update = 0; update < 3; update++) await trainee.stepper.step(all, 0.01, update);

  // Nothing reads unit 2 of the forward direction and unit 0 of the reverse one any more.
  const groups = trainee.groups!;
  const dead = new Set([groups.layers[0]!.components[2]!, groups.layers[1]!.components[0]!]);
  for (const { tensor, axis, role, components } of groups.axes) {
    const weight = trainee.stepper.weights().get(tensor);
    if (role !== 'reads' || weight === undefined) continue;
    const inner = weight.dims.slice(axis + 1).reduce((a, b) => a * b, 1);
    weight.data.forEach((_: unknown, i: number) => {
      if (dead.has(components[Math.floor(i / inner) % components.length]!)) weight.data[i] = 0;
    });
  }
  const { units, alive, live } = aliveIn(trainee);
  expect(units).toEqual([4, 4]);
  expect(alive).toEqual([3, 3]);

  const copy = (tensors: ReadonlyMap<string, Tensor>) =>
    new Map([...tensors].map(([n, t]) => [n, { ...t, data: t.data.slice() }]));
  const before = { weights: copy(trainee.stepper.weights()), moments: copy(trainee.stepper.moments()) };
  trainee = await shrinkFinetuned(trainee, live, context);
  expect(aliveIn(trainee).units).toEqual([3, 3]);
  const after = { weights: trainee.stepper.weights(), moments: trainee.stepper.moments() };
  expect([...after.weights.keys()]).toEqual([...before.weights.keys()]);
  for (const [name, weight] of after.weights) {
    const expected = (tensor: unknown) => sliceByGroups(name, tensor as Tensor, groups, (k) => dead.has(k));
    const same = (got: Tensor, tensor: unknown) => {
      expect(got.dims).toEqual(expected(tensor).dims);
      expect(numbersOf(got)).toEqual(numbersOf(expected(tensor)));
    };
    same(weight, before.weights.get(name));
    for (const moment of Object.values(momentNames(name))) {
      same(after.moments.get(moment)!, before.moments.get(moment));
      expect(numbersOf(after.moments.get(moment)!).some((v) => v !== 0)).toBe(true);
    }
  }
  // And training goes on.
  const { loss } = await trainee.stepper.step(all, 0.01, 3);
  expect(loss).toBeLessThan(1);
});
