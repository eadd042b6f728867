import { describe, expect, it, test } from 'vitest';
import { epochRow } from '../../../test/support/runFolder.ts';
import { epochFrom } from '../../runs/formats.ts';
import { stretches, unitCourse, unitsThere } from './dying.ts';

const rows = [1, 2, 3].map((epoch) => epochFrom(epochRow(epoch))!);

describe('unitCourse', () => {
  it('goes from before training to the last epoch', () => {
    const kept = [
      [1, 2, 4, 6, 7],
      [0, 1, 2, 3, 4, 5, 6, 7],
    ];
    expect(unitCourse(rows, [8, 8], kept)).toEqual({
      began: [8, 8],
      kept,
      steps: [
        { epoch: 0, alive: [8, 8] },
        { epoch: 1, alive: [7, 8] },
        { epoch: 2, alive: [6, 8] },
        { epoch: 3, alive: [5, 8] },
      ],
    });
  });

  it('takes no units that cannot be of the run', () => {
    expect(unitCourse(rows, [8, 8], [[9], [0]])?.kept).toBeUndefined();
    expect(unitCourse(rows, [8], undefined)).toBeUndefined();
    expect(unitCourse([])).toBeUndefined();
  });

  it('has no beginning where the first epochs were not read', () => {
    expect(unitCourse(rows.slice(1))?.steps[0]?.epoch).toBe(2);
  });
});

describe('unitsThere', () => {
  const there = (alive: number, kept?: number[]) => unitsThere(5, alive, kept).map(Number).join('');

  test('those that are left in the end are always there, the others leave in order', () => {
    expect([5, 4, 3, 2].map((alive) => there(alive, [1, 3]))).toEqual(['11111', '01111', '01011', '01010']);
  });

  test('a layer keeps its last unit though none is alive', () => expect(there(0, [2])).toBe('00100'));

  test('only the count shows where nothing else is known', () => expect(there(3)).toBe('11100'));
});

test('stretches', () => {
  expect(stretches([true, true, false, true])).toEqual([
    [0, 2],
    [3, 1],
  ]);
  expect(stretches([false])).toEqual([]);
});
