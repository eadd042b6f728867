import type { ElementType } from './types.ts';

/** ONNX numbers of the element types, as the attribute `to` of Cast spells them. */
export const elementTypeNumbers: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

/** The element type that an ONNX number stands for, or undefined. */
export function elementTypeOf(wanted: number): ElementType | undefined {
  return (Object.keys(elementTypeNumbers) as ElementType[]).find((type) => elementTypeNumbers[type] === wanted);
}

/** True for real numbers, which weights are made of and gradients pass through; integers are indices and sizes. */
export function isFloat(type: ElementType): boolean {
  return type === 'float32' || type === 'float64' || type === 'float16' || type === 'bfloat16';
}
