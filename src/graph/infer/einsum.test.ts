import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { apply } from '../ops.ts';

const inputs = { x: randomTensor([2, 3, 4]), w: randomTensor([4, 5]) };
const free = { x: ['time', 'batch', 4] };
const einsum = (equation: string) =>
  shapeCase('Einsum', equation, inputs, (v) => apply('Einsum', [v.x, v.w], { equation }), { free });

const cases: ShapeCase[] = [
  ...['tbi,ij->tbj', 'tbi,ij->jt', '...i,ij->...j', 'tbi, ij'].map(einsum),
  shapeCase('Einsum', 'one operand', inputs, (v) => apply('Einsum', [v.x], { equation: 'abc->ca' }), { free }),
];

describe('shapes of Einsum', () => {
  it.each(cases)('$variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it.each([
    ['tbi,tij->tbj', 'does not fit its operands'],
    ['tbi,ij->tz', 'does not fit its operands'],
    ['tbi->t', 'does not fit its operands'],
    ['tbi,ti->tbi', "axis 't' has sizes 2 and 4"],
    ['', 'does not fit its operands'],
  ])('stop at %s', (equation, message) => {
    expect(() => graphOver(inputs, (v) => apply('Einsum', [v.x, v.w], { equation }))).toThrow(message);
  });
});
