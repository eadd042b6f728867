import { UsageError } from '../base/errors.ts';
import { formatShape, isStatic, sizeOf } from '../graph/dims.ts';
import { emptyData } from '../graph/tensors.ts';
import type { ValueInfo } from '../graph/types.ts';
import type { Tensors } from './runtime.ts';

/** Zeros for inputs that nobody feeds: states at the start of an example. */
export function zerosFor(inputs: readonly ValueInfo[], feeds: Tensors): Tensors {
  const open = inputs.filter(({ name }) => !(name in feeds));
  return Object.fromEntries(
    open.map(({ name, type: { elementType, shape } }) => {
      if (!isStatic(shape)) {
        throw new UsageError(`input '${name}' is ${formatShape(shape)}; give it data, so that its sizes are known`);
      }
      return [name, { elementType, dims: shape, data: emptyData(elementType, sizeOf(shape)) }];
    }),
  );
}
