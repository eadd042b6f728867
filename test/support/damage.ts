import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, toBinary } from '@bufbuild/protobuf';
import { UsageError } from '../../src/base/errors.ts';
import { randomStream } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/types.ts';
import { externalFiles } from '../../src/onnx/externalFiles.ts';
import {
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  TensorProto_DataType as Type,
} from '../../src/onnx/onnx_pb.ts';
import { readFrom, readModel } from '../../src/onnx/read.ts';
import { startReading } from '../../src/onnx/reading.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { inlineFunctions } from '../../src/passes/inlineFunctions.ts';

/*
 * Damaged models, made from good ones by a seed, and what reading each of them must come to.
 */

/** How the damaged files fared. */
export interface HostileResult {
  readonly refused: number;
  readonly read: number;
  /** What should not have been: a crash, another error, a message that names no place, too much memory. */
  readonly failures: readonly string[];
  /** Growth of the process's largest resident size so far, in megabytes. */
  readonly peakGrowth: number;
}

/** A varint of one byte becomes an int64 of eight. */
const LARGEST_RATIO = 8;
const NAMES_A_PLACE = /\(byte \d+\)|(?:initializer|attribute|node|operator set|function|input|output|value) '/;
const DATA_FILE = 'data.bin';
const DATA_BYTES = 64;

/** Reads `count` damaged versions of stored models, seeded. */
export function readDamaged(count: number, seed: number): HostileResult {
  const folder = mkdtempSync(join(tmpdir(), 'slimrnn-hostile-'));
  writeFileSync(join(folder, DATA_FILE), new Uint8Array(DATA_BYTES).fill(7));
  const originals = goodModels();
  const before = process.resourceUsage().maxRSS;
  const random = randomStream(seed);
  const failures: string[] = [];
  let refused = 0;
  try {
    for (let n = 0; n < count; n++) {
      const { name, bytes } = originals[n % originals.length]!;
      const other = originals[Math.floor(random() * originals.length)]!.bytes;
      const damaged = damage(bytes, other, random);
      try {
        failures.push(...readOne(damaged, folder).map((failure) => `${name} ${n}: ${failure}`));
      } catch (error) {
        if (!(error instanceof UsageError)) {
          failures.push(`${name} ${n}: ${error instanceof Error ? error.stack : error}`);
        } else if (!NAMES_A_PLACE.test(error.message)) failures.push(`${name} ${n} names no place: ${error.message}`);
        refused++;
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { refused, read: count - refused, failures, peakGrowth: (process.resourceUsage().maxRSS - before) / 1024 };
}

/** What is wrong with a model that was read: it must hold together, stay within its size and survive writing. */
function readOne(damaged: Uint8Array, folder: string): string[] {
  const files = externalFiles(folder);
  try {
    const model = readModel(damaged, 'damaged.onnx', files);
    const failures: string[] = [];
    const size = sizeInMemory(model.graph, failures);
    if (size > LARGEST_RATIO * (damaged.length + DATA_BYTES)) failures.push(`${damaged.length} bytes became ${size}`);
    const written = writeModel(model);
    if (!Buffer.from(writeModel(readModel(written))).equals(written)) failures.push('written twice it is not the same');
    const owned = readFrom(startReading(damaged.slice(), 'damaged.onnx', files, { ownsBytes: true }));
    if (!Buffer.from(writeModel(owned)).equals(written)) failures.push('read in place it is not the same');
    inlineFunctions(model);
    return failures;
  } finally {
    files.close();
  }
}

function sizeInMemory(graph: Graph, failures: string[]): number {
  let size = 0;
  for (const [name, { dims, data }] of graph.initializers) {
    if (data.length !== dims.reduce((a, b) => a * b, 1))
      failures.push(`'${name}' has ${data.length} values for ${dims}`);
    size += Array.isArray(data) ? 0 : data.byteLength;
  }
  for (const node of graph.nodes) {
    for (const a of Object.values(node.attributes)) if (a.type === 'graph') size += sizeInMemory(a.value, failures);
  }
  return size;
}

/** A small model with everything in it that the format has, and small ones that exporters made. */
function goodModels(): { name: string; bytes: Uint8Array }[] {
  const folder = fileURLToPath(new URL('../fixtures/onnx', import.meta.url));
  const stored = readdirSync(folder)
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(folder, name))) }));
  return [{ name: 'everything', bytes: everything() }, ...stored];
}

function everything(): Uint8Array {
  const shape = (...dims: (bigint | string)[]) => ({
    dim: dims.map((d) => ({
      value: typeof d === 'bigint' ? { case: 'dimValue' as const, value: d } : { case: 'dimParam' as const, value: d },
    })),
  });
  const tensorType = { value: { case: 'tensorType' as const, value: { elemType: Type.FLOAT, shape: shape('n', 4n) } } };
  const info = (name: string) => ({ name, type: tensorType, docString: 'a value' });
  const raw = { name: 'raw', dims: [2n, 2n], dataType: Type.FLOAT, rawData: new Uint8Array(16).fill(60) };
  const ints = { name: 'ints', dims: [3n], dataType: Type.INT64, int64Data: [1n, -1n, 2n ** 40n] };
  const lists = [
    { name: 'floats', dims: [2n], dataType: Type.FLOAT, floatData: [1, 2] },
    { name: 'half', dims: [2n], dataType: Type.FLOAT16, int32Data: [0x3c00, 1] },
    { name: 'doubles', dims: [1n], dataType: Type.DOUBLE, doubleData: [0.1] },
    { name: 'unsigned', dims: [2n], dataType: Type.UINT32, uint64Data: [1n, 4294967295n] },
    { name: 'words', dims: [2n], dataType: Type.STRING, stringData: [Uint8Array.of(97), Uint8Array.of(0xc3, 0xb6)] },
    { name: 'int4', dims: [3n], dataType: Type.INT4, rawData: Uint8Array.of(1, 2) },
  ];
  const outer = {
    name: 'outer',
    dims: [4n],
    dataType: Type.FLOAT,
    dataLocation: 1,
    externalData: Object.entries({ location: DATA_FILE, offset: '8', length: '16' }).map(([key, value]) => ({
      key,
      value,
    })),
  };
  const body = { name: 'body', node: [{ opType: 'Neg', input: ['x'], output: ['z'] }], output: [info('z')] };
  const sparse = { values: { ...raw, name: 'sparse', dims: [4n] }, indices: ints, dims: [9n] };
  const attributes = [
    { name: 'i', type: Kind.INT, i: -1n },
    { name: 'ints', type: Kind.INTS, ints: [1n, 2n ** 62n, 300n] },
    { name: 'f', type: Kind.FLOAT, f: 0.5 },
    { name: 'floats', type: Kind.FLOATS, floats: [1, 2] },
    { name: 's', type: Kind.STRING, s: Uint8Array.of(97, 98) },
    { name: 'strings', type: Kind.STRINGS, strings: [Uint8Array.of(97), Uint8Array.of(0xff)] },
    { name: 't', type: Kind.TENSOR, t: raw },
    { name: 'tensors', type: Kind.TENSORS, tensors: [raw, ints] },
    { name: 'graph', type: Kind.GRAPH, g: body },
    { name: 'graphs', type: Kind.GRAPHS, graphs: [body, body] },
    { name: 'sparse', type: Kind.SPARSE_TENSOR, sparseTensor: sparse },
    { name: 'tp', type: Kind.TYPE_PROTO, tp: tensorType },
  ];
  const slope = [{ name: 'alpha', type: Kind.FLOAT, refAttrName: 'slope' }];
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: 'a test',
    opsetImport: [{ version: 17n }, { domain: 'my', version: 1n }],
    metadataProps: [{ key: 'k', value: 'v' }],
    trainingInfo: [{ algorithm: body }],
    functions: [
      {
        name: 'f',
        domain: 'my',
        input: ['a'],
        output: ['b'],
        attributeProto: [{ name: 'slope', type: Kind.FLOAT, f: 0.1 }],
        node: [{ opType: 'LeakyRelu', input: ['a'], output: ['b'], attribute: slope }],
        opsetImport: [{ version: 17n }],
      },
    ],
    graph: {
      name: 'everything',
      input: [info('x'), info('raw'), { name: 'untyped' }],
      output: [info('y')],
      initializer: [raw, ints, ...lists, outer],
      sparseInitializer: [sparse],
      valueInfo: [info('t'), { name: 'u' }],
      quantizationAnnotation: [{ tensorName: 't', quantParameterTensorNames: [{ key: 'SCALE', value: 'half' }] }],
      node: [
        { opType: 'f', domain: 'my', name: 'call', input: ['x'], output: ['t'] },
        {
          opType: 'Op',
          name: 'op',
          input: ['t', '', 'raw'],
          output: ['y'],
          attribute: attributes,
          docString: 'a node',
        },
      ],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/** Varints at limits: a length or size of 2^31 - 1, 2^32, 2^40, 2^63 - 1, -1, and one that does not end. */
const INTERESTING = [
  [0],
  [1],
  [0x7f],
  [0xff, 0xff, 0xff, 0xff, 7],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x20],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
  Array<number>(11).fill(0xff),
];

/** One change to a byte in place, after which many a file can still be read, or one to three of any kind. */
function damage(original: Uint8Array, other: Uint8Array, random: () => number): Uint8Array {
  let bytes = Uint8Array.from(original);
  const below = (limit: number) => Math.floor(random() * limit);
  const place = () => below(bytes.length);
  const splice = (from: number, remove: number, insert: ArrayLike<number>) => {
    bytes = Uint8Array.from([...bytes.subarray(0, from), ...Array.from(insert), ...bytes.subarray(from + remove)]);
  };
  const changes: (() => void)[] = [
    // Another bit, another byte, one more or less; these three come first.
    () => {
      const at = place();
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    },
    () => {
      bytes[place()] = below(256);
    },
    () => {
      const at = place();
      bytes[at] = (bytes[at] ?? 0) + (random() < 0.5 ? 1 : -1);
    },
    // Cut off the end.
    () => {
      bytes = bytes.slice(0, place());
    },
    // A number at a limit in place of a byte.
    () => splice(place(), 1, INTERESTING[below(INTERESTING.length)]!),
    // A piece left out, in twice, put elsewhere, or taken from another file.
    () => splice(place(), below(40), []),
    () => {
      const from = place();
      splice(place(), 0, bytes.slice(from, from + below(40)));
    },
    () => {
      const from = below(other.length);
      splice(place(), below(20), other.slice(from, from + below(60)));
    },
    () => {
      const [from, to, length] = [place(), place(), below(40)];
      bytes.copyWithin(to, from, from + length);
    },
    // All of it within itself, as a graph in a field of its own.
    () => {
      const length = [...(bytes.length >= 128 ? [(bytes.length & 127) | 128, bytes.length >>> 7] : [bytes.length])];
      if (bytes.length < 16384) bytes = Uint8Array.from([0x3a, ...length, ...bytes]);
    },
  ];
  const [kinds, times] = random() < 0.5 ? [3, 1] : [changes.length, 1 + below(3)];
  for (let n = 0; n < times; n++) changes[below(kinds)]!();
  return bytes;
}
