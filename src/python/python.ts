import type { ElementType, Tensor } from '../graph/types.ts';

/*
 * Names and literals of Python.
 */

/** Words that no variable or member of Python may be called. */
export const KEYWORDS: readonly string[] = (
  'False None True and as assert async await break class continue def del elif else except finally for from global if ' +
  'import in is lambda nonlocal not or pass raise return try while with yield'
).split(' ');

/** A name as Python takes it: as it is where it can be, else in small letters with `_` for what cannot stand there. */
export function identifierOf(name: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) return name;
  const plain = name
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase();
  return /^[a-z]/.test(plain) ? plain : `v_${plain}`;
}

/** `[1, 2]` */
export function list(items: readonly (string | number)[]): string {
  return `[${items.join(', ')}]`;
}

/** `(1, 2)`, `(1,)` */
export function tuple(items: readonly (string | number)[]): string {
  return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`;
}

/** A real number, always with a point or an exponent, so that it is none of the integers. */
export function real(value: number): string {
  if (Number.isNaN(value)) return 'float("nan")';
  if (!Number.isFinite(value)) return `float("${value < 0 ? '-' : ''}inf")`;
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** A text in double quotes; what JSON escapes in it, nothing else can end. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A text as a part of a docstring. */
export function inDocstring(text: string): string {
  return quoted(text).slice(1, -1);
}

/** The one value of a tensor of rank 0 as a literal; undefined for other tensors and for types that JavaScript has not. */
export function scalarLiteral({ elementType, dims, data }: Tensor): string | undefined {
  if (dims.length > 0 || data.length !== 1) return undefined;
  return elementLiterals(elementType, data)?.[0];
}

/** The elements of a small tensor of integers: `1` of rank 0, `[1, 2]` of rank 1; undefined for one that is better stored. */
export function integersLiteral({ elementType, dims, data }: Tensor, longest: number): string | undefined {
  if (dims.length > 1 || data.length > longest || !['int64', 'int32', 'bool'].includes(elementType)) return undefined;
  const elements = elementLiterals(elementType, data)!;
  return dims.length === 0 ? elements[0] : list(elements);
}

function elementLiterals(elementType: ElementType, data: Tensor['data']): string[] | undefined {
  const values = Array.from<unknown>(data);
  if (elementType === 'float32' || elementType === 'float64') return values.map((value) => real(Number(value)));
  if (elementType === 'int64' || elementType === 'int32') return values.map(String);
  return elementType === 'bool' ? values.map((value) => (value ? 'True' : 'False')) : undefined;
}
