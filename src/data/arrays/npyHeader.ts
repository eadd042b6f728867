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

const STRING = /'[^'"\\\n]*'|"[^'"\\\n]*"/;

/** The part of Python's literals that headers are made of; anything else is refused. */
function parseDict(text: string): Map<string, Value> {
  const entries = new Map<string, Value>();
  let at = 0;
  /** The next token, with the white space behind it, if it is one of these. */
  const accept = (token: RegExp): string | undefined => {
    const pattern = new RegExp(`(${token.source})[ \\t\\r\\n]*`, 'y');
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    at += found?.[0].length ?? 0;
    return found?.[1];
  };
  const expect = (token: RegExp, expected: string): string => {
    const found = accept(token);
    if (found !== undefined) return found;
    const got = JSON.stringify(text.slice(at, at + 12));
    throw new Error(`its header has ${got} at character ${at}, expected ${expected}`);
  };
  const takeTuple = (): number[] => {
    const sizes: number[] = [];
    while (accept(/\)/) === undefined) {
      // Python 2 wrote long integers with an L.
      const size = Number.parseInt(expect(/\d+L?/, 'a size'), 10);
      if (!Number.isSafeInteger(size))
        throw new Error(`its header has a size that is too large, before character ${at}`);
      sizes.push(size);
      if (accept(/,/) === undefined) {
        // (3) is a number in brackets; a tuple of one has a comma: (3,)
        if (sizes.length < 2) expect(/,/, 'a comma');
        expect(/\)/, ')');
        break;
      }
    }
    return sizes;
  };
  const takeValue = (): Value => {
    if (accept(/\(/) !== undefined) return takeTuple();
    if (accept(/\[/) !== undefined)
      throw new Error('it is a structured array (with fields); save each field as an array');
    const quoted = accept(STRING);
    if (quoted !== undefined) return quoted.slice(1, -1);
    return expect(/True\b|False\b/, 'True, False, text or a tuple of sizes') === 'True';
  };

  accept(/ */);
  expect(/\{/, '{');
  while (accept(/\}/) === undefined) {
    const key = expect(STRING, 'a key in quotes').slice(1, -1);
    expect(/:/, ':');
    if (entries.has(key)) throw new Error(`its header has the key '${key}' twice`);
    entries.set(key, takeValue());
    if (accept(/,/) === undefined) {
      expect(/\}/, ', or }');
      break;
    }
  }
  if (at !== text.length) throw new Error(`its header has more text after character ${at}`);
  return entries;
}
