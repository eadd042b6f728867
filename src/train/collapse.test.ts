import { describe, expect, it } from 'vitest';
import { taskCases } from '../../test/support/tasks.ts';
import { optionsFor } from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';
import { collapsedLayers, isCollapsed } from './collapse.ts';
import { TrainingCollapsedError } from './errors.ts';
import { train } from './trainer.ts';

const layers = [
  { name: 'large', units: 200 },
  { name: 'small', units: 8 },
  { name: 'tiny', units: 2 },
];

describe('a layer has collapsed', () => {
  it.each([
    [[200, 8, 2], []],
    [[5, 2, 1], []],
    [[4, 2, 1], ['large']],
    [
      [3, 1, 0],
      ['large', 'small'],
    ],
    // Other layers than those that the run began with.
    [[1, 1], []],
  ])('with %j units of 200, 8 and 2: %j', (alive, names) => {
    expect(collapsedLayers(layers, alive).map(({ name }) => name)).toEqual(names);
  });

  it('all of them where each that is large enough has', () => {
    expect(isCollapsed(layers, [4, 8, 2])).toBe(false);
    expect(isCollapsed(layers, [4, 0, 2])).toBe(true);
    expect(isCollapsed([{ name: 'tiny', units: 2 }], [0])).toBe(false);
    // A layer whose units cannot leave is no sign of life.
    const fixed = { name: 'fixed', units: 200, isFixed: true };
    expect(isCollapsed([...layers, fixed], [4, 0, 2, 200])).toBe(true);
    expect(isCollapsed([...layers, fixed], [4, 8, 2, 200])).toBe(false);
    expect(isCollapsed([fixed], [200])).toBe(false);
  });
});

describe('a training whose λ is too large', () => {
  const [text] = taskCases;
  const TOO_LARGE = 1;
  const training = async (fields: Settings = {}) => {
    const said: string[] = [];
    const options = optionsFor(text!.make({ hidden: [12], iss: TOO_LARGE, proximal: true, epochs: 2, ...fields }));
    const result = await train({ ...options, onCollapse: (line) => said.push(line) });
    return { said, alive: result.history.map(({ alive }) => alive[0]) };
  };
  const failure = async (fields: Settings = {}) => {
    const error: unknown = await training(fields).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TrainingCollapsedError);
    return error as TrainingCollapsedError;
  };

  it('stops in the epoch in which the last units go, and its advice leads to a λ with which they do not', async () => {
    const { reason, epoch } = await failure();
    expect(epoch).toBe(1);
    expect(reason).toMatch(
      /^training collapsed in epoch 1 of 2: .+ has [01] of its 12 units left, and no unit comes back$/,
    );
    let lambda = TOO_LARGE;
    for (let tries = 0; tries < 5; tries++) {
      const error = await training({ iss: lambda }).catch((e: unknown) => e);
      if (!(error instanceof TrainingCollapsedError)) break;
      const [, next] = /Try --iss ([\d.e-]+), or go on all the same with --train-collapsed\.$/.exec(error.message)!;
      expect(Number(next)).toBeLessThanOrEqual(lambda / 2);
      lambda = Number(next);
    }
    expect((await training({ iss: lambda })).alive.at(-1)).toBeGreaterThan(1);
  });

  it('stops within the epoch where units leave within it', async () => {
    let updates = 0;
    const options = optionsFor(text!.make({ hidden: [12], iss: TOO_LARGE, proximal: true, shrinkEvery: 1, epochs: 2 }));
    const { count } = options.problem.batches('train', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
    await expect(train({ ...options, onBatch: () => updates++ })).rejects.toThrow(TrainingCollapsedError);
    expect(updates).toBeLessThan(count);
  });

  it('goes on where it is told to, and says it once', async () => {
    const { said, alive } = await training({ trainCollapsed: true });
    expect(alive).toHaveLength(2);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^collapsed: .+ has [01] of its 12 units left; try --iss [\d.e-]+$/);
  });

  it('goes on where dead units stay in the model, and in the last epoch, and says so', async () => {
    expect((await training({ shrink: false })).said).toHaveLength(1);
    expect((await training({ epochs: 1 })).said).toHaveLength(1);
  });

  it('says it as soon as units leave, not first at the end of the epoch', async () => {
    const said: { readonly text: string; readonly after: number }[] = [];
    let updates = 0;
    const fields = { hidden: [12], iss: TOO_LARGE, proximal: true, shrinkEvery: 1, epochs: 1 };
    const options = optionsFor(text!.make(fields));
    const { count } = options.problem.batches('train', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
    const onCollapse = (text: string) => said.push({ text, after: updates });
    await train({ ...options, onBatch: () => updates++, onCollapse });
    expect(updates).toBe(count);
    expect(said).toHaveLength(1);
    expect(said[0]!.after).toBeLessThan(count - 1);
  });

  it('is no matter of ℓ1, whose weights can come back, but said; nor of a target', async () => {
    const { said, alive } = await training({ iss: 0, proximal: false, l1: 1 });
    expect(alive).toHaveLength(2);
    expect(said[0]).toMatch(/; try --l1 [\d.e-]+$/);
    expect((await training({ iss: 0, proximal: false, target: 'units=0.09' })).said).toEqual([]);
  });
});
