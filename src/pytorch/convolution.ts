import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import type { Rules } from '../graph/rules.ts';
import { type Expression, rankOf, refuse } from './expression.ts';
import { tuple } from './python.ts';

/** A convolution along one, two or three axes, with the same padding at both ends. */
const convolution: Expression = (c) => {
  const axes = rankOf(c) - 2;
  if (axes < 1 || axes > 3) refuse(c, `runs along ${axes} axes`);
  const all = (name: string, value: number) => intsAttribute(c.node, name) ?? Array.from({ length: axes }, () => value);
  const padding = intsAttribute(c.node, 'pads') ?? Array.from({ length: 2 * axes }, () => 0);
  const isEven = padding.slice(0, axes).every((amount, i) => amount === padding[i + axes]);
  if (!isEven || stringAttribute(c.node, 'auto_pad', 'NOTSET') !== 'NOTSET') refuse(c, 'pads its ends unequally');
  const options = {
    stride: tuple(all('strides', 1)),
    padding: tuple(padding.slice(0, axes)),
    dilation: tuple(all('dilations', 1)),
    groups: intAttribute(c.node, 'group', 1),
  };
  const inputs = c.node.inputs.map((_, i) => (c.has(i) ? c.input(i) : 'None'));
  const named = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return `nn.functional.conv${axes}d(${[...inputs, ...named].join(', ')})`;
};

/** An expression for each of these operators. */
export const convolutionOperators = { Conv: convolution } satisfies Rules<Expression>;
