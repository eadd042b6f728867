import { describe, expect, it } from 'vitest';
import { largestDifference } from '../../test/support/graphs.ts';
import { logitsOfWindows, stackedStates } from '../../test/support/stackedStates.ts';
import { statesOf } from '../graph/states.ts';
import { prepareModel } from './prepareModel.ts';

describe('prepareModel', () => {
  it('names the states in the metadata, those that are given first', () => {
    const model = stackedStates({ layers: 1 });
    expect(statesOf(prepareModel(model))).toHaveLength(2);
    const given = [{ input: 'c', output: 'c_next' }];
    expect(statesOf(prepareModel(model, { states: given }))).toEqual(given);
    expect(() => prepareModel(model, { states: [{ input: 'c', output: 'd' }] })).toThrow(/names the output 'd'/);
  });

  it('computes the same', async () => {
    for (const bidirectional of [false, true]) {
      const model = stackedStates({ layers: 2, bidirectional });
      const named = { ...model, metadata: prepareModel(model).metadata };
      for (const resizeState of [false, true]) {
        const prepared = prepareModel(model, { resizeState });
        expect(largestDifference(await logitsOfWindows(prepared), await logitsOfWindows(named))).toBeLessThan(1e-6);
      }
    }
  });
});
