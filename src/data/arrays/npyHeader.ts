/*
 * The header of NumPy's .npy format: a Python dict literal with the keys descr, fortran_order and shape, such as
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import type { NumericType } from '../../onnx/storage.ts';

/** What a .npy header says of the array behind it. */
export interface NpyHeader {
  readonly elementType: NumericType;
  readonly bigEndian: boolean;
  /** The first axis varies fastest. */
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** Axes that an array may have, as in NumPy. */
const MAX_RANK = 64;

const ELEMENT_TYPES: Readonly<Record<string, NumericType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
};

/** NumPy's other kinds of types, and what to do about them. */
const REFUSED: Readonly<Record<string, string>> = {
  O: 'Python objects, which only Python can load, and which may run code; convert it with .astype(np.float32)',
  U: 'text; encode it as integers',
  S: 'byte strings; encode them as integers',
  V: 'raw records; save a plain array, or bfloat16 as .safetensors',
  M: "dates; convert them to integers with .astype('int64')",
  m: "time spans; convert them to integers with .astype('int64')",
  c: 'complex numbers; save the real and imaginary parts as two arrays',
};

/** Element types and their spelling in .npy files, little-endian. */
export const NPY_TYPES: ReadonlyMap<NumericType, string> = new Map(
  Object.entries(ELEMENT_TYPES).map(([code, type]) => [type, `${code.endsWith('1') ? '|' : '<'}${code}`]),
);

type Value = string | boolean | readonly number[];

/** Reads a header. Throws an Error that says what is wrong, without the name of the file. */
export function parseNpyHeader(text: string): NpyHeader {
  const entries = parseDict(text);
  for (const key of entries.keys()) {
    if (!['descr', 'fortran_order', 'shape'].includes(key)) throw new Error(`its header has an unknown key '${key}'`);
  }
  const descr = entries.get('descr');
  if (typeof descr !== 'string') throw new Error(`its header has no 'descr' (the element type)`);
  const fortranOrder = entries.get('fortran_order');
  if (typeof fortranOrder !== 'boolean') throw new Error(`its header has no 'fortran_order' (True or False)`);
  const shape = entries.get('shape');
  if (typeof shape !== 'object') throw new Error(`its header has no 'shape' (a tuple of sizes)`);
  if (shape.length > MAX_RANK) throw new Error(`it has ${shape.length} axes, expected at most ${MAX_RANK}`);
  return { ...parseDescr(descr), fortranOrder, shape };
}

/** `<f4` and the like. */
function parseDescr(descr: string): Pick<NpyHeader, 'elementType' | 'bigEndian'> {
  const order = descr.slice(0, 1);
  const code = descr.slice(1);
  const elementType = Object.hasOwn(ELEMENT_TYPES, code) ? ELEMENT_TYPES[code] : undefined;
  const orderFits = code.endsWith('1') ? '|<>'.includes(order) : '<>'.includes(order);
  if (elementType !== undefined && orderFits && order !== '') return { elementType, bigEndian: order === '>' };
  const kind = /^[<>|=]?([OUSVMmc])/.exec(descr)?.[1];
  if (kind !== undefined) throw new Error(`its element type '${descr}' stands for ${REFUSED[kind]}`);
  throw new Error(`its element type '${descr}' is unknown; expected one of ${[...NPY_TYPES.values()].join(', ')}`);
}

/** The part of Python's literals that headers are made of; anything else is refused. */
function parseDict(text: string): Map<string, Value> {
  const entries = new Map<string, Value>();
  let at = 0;
  const peek = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const skip = () => {
    at += peek(/[ \t\r\n]*/y)?.length ?? 0;
  };
  const take = (pattern: RegExp, expected: string): string => {
    skip();
    const found = peek(pattern);
    if (found === undefined) {
      throw new Error(
        `its header has ${JSON.stringify(text.slice(at, at + 12))} at character ${at}, expected ${expected}`,
      );
    }
    at += found.length;
    skip();
    return found;
  };
  const takeIf = (pattern: RegExp): boolean => {
    if (peek(pattern) === undefined) return false;
    take(pattern, '');
    return true;
  };
  const takeString = (expected: string) => take(/'[^'"\\\n]*'|"[^'"\\\n]*"/y, expected).slice(1, -1);
  const takeTuple = (): number[] => {
    const sizes: number[] = [];
    take(/\(/y, '(');
    while (!takeIf(/\)/y)) {
      // Python 2 wrote long integers with an L.
      const size = Number.parseInt(take(/\d+L?/y, 'a size'), 10);
      if (!Number.isSafeInteger(size))
        throw new Error(`its header has a size that is too large, before character ${at}`);
      sizes.push(size);
      if (!takeIf(/,/y)) {
        // (3) is a number in brackets; a tuple of one has a comma: (3,)
        if (sizes.length < 2) take(/,/y, 'a comma');
        take(/\)/y, ')');
        break;
      }
    }
    return sizes;
  };
  const takeValue = (): Value => {
    if (peek(/\(/y) !== undefined) return takeTuple();
    if (peek(/\[/y) !== undefined)
      throw new Error('it is a structured array (with fields); save each field as an array');
    if (peek(/['"]/y) !== undefined) return takeString('text');
    return take(/True\b|False\b/y, 'True, False, text or a tuple of sizes') === 'True';
  };

  take(/\{/y, '{');
  while (!takeIf(/\}/y)) {
    const key = takeString('a key in quotes');
    take(/:/y, ':');
    if (entries.has(key)) throw new Error(`its header has the key '${key}' twice`);
    entries.set(key, takeValue());
    if (!takeIf(/,/y)) {
      take(/\}/y, ', or }');
      break;
    }
  }
  if (at !== text.length) throw new Error(`its header has more text after character ${at}`);
  return entries;
}
