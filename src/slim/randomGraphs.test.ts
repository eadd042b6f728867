import { describe, expect, it } from 'vitest';
import { steps } from '../../test/support/randomGraphs.ts';
import { expectEqualAfterShrinking, randomShrinking } from '../../test/support/randomShrinking.ts';

describe('random recurrent graphs', () => {
  it('compute the same without units that nothing reads, and run without any others', async () => {
    await randomShrinking(100);
  }, 900_000);

  it.each(Object.keys(steps))('with %s between layers', async (name) => {
    await expect(expectEqualAfterShrinking(['LSTM', name, 'GRU', name], 7)).resolves.toBeUndefined();
  });

  it('are made of more than twelve kinds of operators', () => {
    expect(Object.keys(steps).length).toBeGreaterThan(12);
  });
});
