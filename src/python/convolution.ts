import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import type { Rules } from '../graph/rules.ts';
import { type Expression, rankOf, refuse } from './expression.ts';
import type { Convolution } from './forms.ts';
import type { Operands } from './scope.ts';

/** Where the axes of images begin, behind those of the batch and the channels. */
const FIRST_AXIS = 2;

/** A convolution along one, two or three axes. */
const convolution: Expression = (c) => {
  const axes = rankOf(c) - FIRST_AXIS;
  if (axes < 1 || axes > 3) refuse(c, `runs along ${axes} axes`);
  const all = (name: string, value: number) => intsAttribute(c.node, name) ?? Array.from({ length: axes }, () => value);
  const strides = all('strides', 1);
  return c.forms.convolution(c, {
    axes,
    x: c.input(0),
    kernel: c.input(1),
    bias: c.has(2) ? c.input(2) : undefined,
    strides,
    padding: paddingOf(c, strides),
    dilations: all('dilations', 1),
    groups: intAttribute(c.node, 'group', 1),
  });
};

function paddingOf(c: Operands, strides: readonly number[]): Convolution['padding'] {
  const given = stringAttribute(c.node, 'auto_pad', 'NOTSET');
  if (given === 'VALID') return strides.map(() => [0, 0]);
  if (given === 'SAME_UPPER' && strides.every((stride) => stride === 1)) return 'same';
  if (given !== 'NOTSET') refuse(c, `pads by the rule ${given}`);
  const pads = intsAttribute(c.node, 'pads');
  return strides.map((_, i) => [pads?.[i] ?? 0, pads?.[i + strides.length] ?? 0]);
}

/** A mean or maximum over all of each channel. */
const overChannel =
  (name: 'amax' | 'mean'): Expression =>
  (c) => {
    const axes = Array.from({ length: rankOf(c) - FIRST_AXIS }, (_, i) => i + FIRST_AXIS);
    return c.forms.reduce(name, c.input(0), axes, true);
  };

/** An expression for each of these operators. */
export const convolutionOperators = {
  Conv: convolution,
  GlobalAveragePool: overChannel('mean'),
  GlobalMaxPool: overChannel('amax'),
} satisfies Rules<Expression>;
