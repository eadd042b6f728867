import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastAccepted, nextStage } from './course.ts';
import type { StageRecord } from './record.ts';

/** What the course looks at. */
function stage(share: number, accepted: boolean): StageRecord {
  return { share, accepted } as StageRecord;
}

describe('the course of a compression', () => {
  it('goes to a size by equal ratios, long at its end alone', () => {
    const goal = { kind: 'size', size: 'params', share: 0.125 } as const;
    const stages: StageRecord[] = [];
    const course = [0, 1, 2].map(() => {
      const next = nextStage(goal, stages, 3)!;
      stages.push(stage(next.wanted, true));
      return next;
    });
    expect(course.map(({ wanted }) => Number(wanted.toFixed(9)))).toEqual([0.5, 0.25, 0.125]);
    expect(course.map(({ from }) => from)).toEqual([-1, 0, 1]);
    expect(course.map(({ isLong }) => isLong)).toEqual([false, false, true]);
    expect(nextStage(goal, stages, 3)).toBeUndefined();
  });

  it('finds how small a model can be, whatever that is', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.02, max: 0.69, noNaN: true }), (possible) => {
        const goal = { kind: 'loss', budget: 0.01 } as const;
        const stages: StageRecord[] = [];
        for (let next = nextStage(goal, stages, 0); next !== undefined; next = nextStage(goal, stages, 0)) {
          expect(next.from).toBe(lastAccepted(stages));
          stages.push(stage(next.wanted, next.wanted >= possible));
          expect(stages.length).toBeLessThan(20);
        }
        const { share } = stages[lastAccepted(stages)]!;
        expect(share).toBeGreaterThanOrEqual(possible);
        // A step of 0.7, halved three times on a logarithmic scale.
        expect(possible / share).toBeGreaterThan(0.7 ** (1 / 4) - 1e-9);
      }),
    );
  });

  it('ends where nothing smaller is good enough', () => {
    const goal = { kind: 'loss', budget: 0.01 } as const;
    const stages = [stage(0.7, false), stage(0.84, false), stage(0.92, false)];
    expect(nextStage(goal, stages, 0)).toBeUndefined();
    expect(lastAccepted(stages)).toBe(-1);
    expect(nextStage(goal, stages.slice(0, 2), 0)).toMatchObject({ from: -1 });
  });
});
