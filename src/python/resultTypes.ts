import { isFloat } from '../graph/elementTypes.ts';
import type { Expression } from './expression.ts';
import type { Operands } from './scope.ts';

/*
 * What comes out has the type of an input in ONNX; frameworks make int64 of the sums of small integers, and reals of the
 * powers and roots of all.
 */

/** True where an input is known to hold integers. */
export function isInteger(c: Operands, i = 0): boolean {
  const { elementType } = c.type(i) ?? {};
  return elementType !== undefined && elementType !== 'bool' && elementType !== 'string' && !isFloat(elementType);
}

/** Code that has the type of an input: `code.to(torch.int32)`. */
export function backTo(c: Operands, code: string, i = 0): string {
  return c.forms.cast(code, c.forms.dtype(c.type(i)!.elementType));
}

/** The first input in reals with as many digits as integers have. */
export function asReal(c: Operands): string {
  return c.forms.cast(c.input(0), c.forms.dtype('float64'));
}

/** The power has the type of its base. One of integers is rounded towards zero at the end. */
export const power: Expression = (c) => {
  const [base, exponent] = [c.type(0)?.elementType, c.type(1)?.elementType];
  const power = c.forms.functions.Pow;
  if (isInteger(c) && exponent !== undefined && isFloat(exponent)) {
    return backTo(c, `${power}(${asReal(c)}, ${c.operand(1)})`);
  }
  const code = `${power}(${c.input(0)}, ${c.operand(1)})`;
  return base !== undefined && exponent !== undefined && base !== exponent ? backTo(c, code) : code;
};

/** One of two values for each element. Two numbers would have the types that Python's have. */
export const choice: Expression = (c) => {
  const code = c.forms.where(c.input(0), c.operand(1), c.operand(2));
  const areNumbers = [1, 2].every((i) => c.stored(i)?.dims.length === 0);
  const isLiteralType = c.forms.literalTypes.includes(c.type(1)!.elementType);
  return areNumbers && !isLiteralType ? backTo(c, code, 1) : code;
};
