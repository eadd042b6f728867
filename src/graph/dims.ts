import type { Dim } from './types.ts';

/*
 * Arithmetic on dimensions. A free dimension is a name; a product of names and a number is kept in one canonical
 * spelling ("20*batch*time"), so that equal products compare equal; so is a sum, in parentheses ("(2*batch+time+1)").
 */

/** Factors of a dimension: the numeric coefficient and the sorted names. */
function factors(dim: Dim): { coefficient: number; names: string[] } {
  if (typeof dim === 'number') return { coefficient: dim, names: [] };
  const names: string[] = [];
  let coefficient = 1;
  for (const part of splitAt('*', dim).map(parseDim)) {
    if (typeof part === 'number') coefficient *= part;
    else names.push(part);
  }
  return { coefficient, names: names.sort() };
}

/** Splits at an operator outside parentheses. */
function splitAt(operator: '*' | '+', text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === operator && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** Terms of a sum; a dimension that is none is its own only term. */
function terms(dim: Dim): Dim[] {
  const isSum = typeof dim === 'string' && dim.startsWith('(') && splitAt('*', dim).length === 1;
  return isSum ? splitAt('+', dim.slice(1, -1)).map(parseDim) : [dim];
}

function product(coefficient: number, names: readonly string[]): Dim {
  if (names.length === 0 || coefficient === 0) return coefficient;
  const text = [...names].sort().join('*');
  return coefficient === 1 ? text : `${coefficient}*${text}`;
}

/** Product of dimensions; 1 for an empty list. */
export function multiplyDims(dims: readonly Dim[]): Dim {
  let coefficient = 1;
  const names: string[] = [];
  for (const dim of dims) {
    const f = factors(dim);
    coefficient *= f.coefficient;
    names.push(...f.names);
  }
  return product(coefficient, names);
}

/** Exact quotient a / b, or undefined when b does not divide a symbolically. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  const top = factors(a);
  const bottom = factors(b);
  if (bottom.coefficient === 0 || top.coefficient % bottom.coefficient !== 0) return undefined;
  const names = [...top.names];
  for (const name of bottom.names) {
    const at = names.indexOf(name);
    if (at < 0) return undefined;
    names.splice(at, 1);
  }
  return product(top.coefficient / bottom.coefficient, names);
}

/** Sum of dimensions. */
export function addDims(dims: readonly Dim[]): Dim {
  // How often each product of names occurs; the empty product counts the numbers.
  const counts = new Map<string, number>();
  for (const { coefficient, names } of dims.flatMap(terms).map(factors)) {
    const key = names.join('*');
    counts.set(key, (counts.get(key) ?? 0) + coefficient);
  }
  const number = counts.get('') ?? 0;
  counts.delete('');
  const products = [...counts].map(([key, count]) => product(count, [key])).filter((p) => p !== 0);
  if (products.length === 0) return number;
  if (products.length === 1 && number === 0) return products[0]!;
  return `(${[...products.sort(), ...(number === 0 ? [] : [number])].join('+')})`;
}

/** Replaces free names by sizes (or other names) inside a dimension. */
export function bindDim(dim: Dim, sizes: Readonly<Record<string, Dim>>): Dim {
  if (typeof dim === 'number') return dim;
  const bound = splitAt('*', dim).map((part): Dim => {
    if (Object.hasOwn(sizes, part)) return sizes[part]!;
    if (part.startsWith('(')) return addDims(terms(part).map((t) => bindDim(t, sizes)));
    return parseDim(part);
  });
  return multiplyDims(bound);
}

function parseDim(text: string): Dim {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

/** Numpy broadcasting; undefined when different sizes meet. Different free names are taken to be equal. */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x === y || y === 1) out.push(x);
    else if (x === 1) out.push(y);
    // A free name that meets a size greater than 1 can only be that size or 1; the size is what comes out.
    else if (typeof x === 'string' && typeof y === 'number') out.push(y);
    else if (typeof y === 'string') out.push(x);
    else return undefined;
  }
  return out;
}

/** True when two dimensions are known to differ; a free one may turn out to be any size. */
export function differ(a: Dim, b: Dim): boolean {
  return typeof a === 'number' && typeof b === 'number' && a !== b;
}

/** True when every dimension is a number. */
export function isStatic(shape: readonly Dim[] | undefined): shape is readonly number[] {
  return shape?.every((d) => typeof d === 'number') ?? false;
}

/** Number of elements of a static shape. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

/** A place along an axis of this size, counted from its end when negative, and no further than its ends. */
export function sliceBound(start: number, size: number): number {
  return Math.min(Math.max(start < 0 ? start + size : start, 0), size);
}

/** Index of an axis counted from the end when negative; undefined when out of range. */
export function normalizeAxis(axis: number, rank: number): number | undefined {
  const a = axis < 0 ? axis + rank : axis;
  return Number.isInteger(a) && a >= 0 && a < rank ? a : undefined;
}

/** `[time, batch, 200]`, for messages. */
export function formatShape(shape: readonly Dim[] | undefined): string {
  return shape === undefined ? '[unknown rank]' : `[${shape.join(', ')}]`;
}
