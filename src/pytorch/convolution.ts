import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import type { Rules } from '../graph/rules.ts';
import { type Expression, rankOf, refuse } from './expression.ts';
import { list, quoted, tuple } from './python.ts';
import type { Operands } from './scope.ts';

/** Where the axes of images begin, behind those of the batch and the channels. */
const FIRST_AXIS = 2;

/** A convolution along one, two or three axes. */
const convolution: Expression = (c) => {
  const axes = rankOf(c) - FIRST_AXIS;
  if (axes < 1 || axes > 3) refuse(c, `runs along ${axes} axes`);
  const all = (name: string, value: number) => intsAttribute(c.node, name) ?? Array.from({ length: axes }, () => value);
  const strides = all('strides', 1);
  const { x, padding } = padded(c, axes, strides);
  const options = {
    stride: tuple(strides),
    padding,
    dilation: tuple(all('dilations', 1)),
    groups: intAttribute(c.node, 'group', 1),
  };
  const weights = [1, 2].map((i) => (c.has(i) ? c.input(i) : 'None'));
  const named = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return `nn.functional.conv${axes}d(${[x, ...weights, ...named].join(', ')})`;
};

/** The data and the padding of a convolution: where its two ends differ, the data are padded before. */
function padded(c: Operands, axes: number, strides: readonly number[]): { x: string; padding: string } {
  const x = c.input(0);
  const given = stringAttribute(c.node, 'auto_pad', 'NOTSET');
  const none = tuple(strides.map(() => 0));
  if (given === 'VALID') return { x, padding: none };
  if (given === 'SAME_UPPER' && strides.every((stride) => stride === 1)) return { x, padding: quoted('same') };
  if (given !== 'NOTSET') refuse(c, `pads by the rule ${given}`);
  const pads = intsAttribute(c.node, 'pads') ?? Array.from({ length: 2 * axes }, () => 0);
  const [before, after] = [pads.slice(0, axes), pads.slice(axes)];
  if (before.join() === after.join()) return { x, padding: tuple(before) };
  const pairs = before.flatMap((amount, i) => [[amount, after[i]!]]).toReversed();
  return { x: `nn.functional.pad(${x}, ${tuple(pairs.flat())})`, padding: none };
}

/** A mean or maximum over all of each channel: `x.mean([2, 3], keepdim=True)`. */
const overChannel =
  (method: string): Expression =>
  (c) => {
    const axes = Array.from({ length: rankOf(c) - FIRST_AXIS }, (_, i) => i + FIRST_AXIS);
    return `${c.input(0)}.${method}(${list(axes)}, keepdim=True)`;
  };

/** An expression for each of these operators. */
export const convolutionOperators = {
  Conv: convolution,
  GlobalAveragePool: overChannel('mean'),
  GlobalMaxPool: overChannel('amax'),
} satisfies Rules<Expression>;
