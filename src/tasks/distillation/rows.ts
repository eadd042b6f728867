import type { Value } from '../../graph/builder.ts';
import { reshape, transpose } from '../../graph/ops.ts';
import type { Taught } from './taught.ts';

/** The axes of an output in the order examples, places, classes. */
export function inOrderOfPlaces(value: Value, { batchAxis, classAxis }: Taught): Value {
  const axes = [...(value.type.shape ?? []).keys()];
  const order = [
    ...(batchAxis === undefined ? [] : [batchAxis]),
    ...axes.filter((axis) => axis !== batchAxis && axis !== classAxis),
    ...(classAxis === undefined ? [] : [classAxis]),
  ];
  return order.every((axis, i) => axis === i) ? value : transpose(value, order);
}

/** An output as rows, a place each: [R, classes], or [R] without classes; those of the first example come first. */
export function placeRows(value: Value, taught: Taught): Value {
  return reshape(inOrderOfPlaces(value, taught), taught.classes > 1 ? [-1, taught.classes] : [-1]);
}
