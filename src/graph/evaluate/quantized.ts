import { intAttribute } from '../attributes.ts';
import { normalizeAxis } from '../dims.ts';
import { isFloat } from '../elementTypes.ts';
import { exactNumbers, tensorOfNumbers } from '../numbers.ts';
import type { Tensor } from '../types.ts';
import { broadcastTo, type EvaluateRule } from './movement.ts';

/**
 * (x − zero point) · scale, one scale for all or one for each index of an axis. The difference is exact, so that the
 * product is the only rounding, whoever computes it. Scales of blocks and of half precision are left to the engine.
 */
export const dequantize: EvaluateRule = ({ node, inputs: [x, scale, zero], dims: [dims] }) => {
  if (x === undefined || scale?.elementType !== 'float32' || isFloat(x.elementType)) return undefined;
  const axis = normalizeAxis(intAttribute(node, 'axis', 1), dims!.length);
  const along = (tensor: Tensor) => {
    if (tensor.data.length === 1) return exactNumbers(broadcastTo({ ...tensor, dims: [] }, dims!));
    if (axis === undefined || tensor.dims.length !== 1 || tensor.dims[0] !== dims![axis]) return undefined;
    const own = dims!.map((size, i) => (i === axis ? size : 1));
    return exactNumbers(broadcastTo({ ...tensor, dims: own }, dims!));
  };
  if (intAttribute(node, 'block_size', 0) > 0) return undefined;
  const [values, scales] = [exactNumbers(x), along(scale)];
  const zeros = zero ? along(zero) : new Float64Array(x.data.length);
  if (values === undefined || scales === undefined || zeros === undefined) return undefined;
  const results = Float64Array.from(values, (value, i) => Math.fround(value - zeros[i]!) * scales[i]!);
  const tensor = tensorOfNumbers('float32', dims!, results);
  return tensor && [tensor];
};
