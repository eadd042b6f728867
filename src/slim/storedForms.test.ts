import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../test/support/graphs.ts';
import { file } from '../../test/support/onnxFiles.ts';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { tensorOfNumbers } from '../graph/numbers.ts';
import { concat, matmul, slice, squeeze, tanh } from '../graph/ops.ts';
import { storedHere } from '../graph/stored.ts';
import type { Dim, ElementType, Model, Tensor } from '../graph/types.ts';
import { countParameters } from '../inspect/costs.ts';
import { readModel } from '../onnx/read.ts';
import { writeModel } from '../onnx/write.ts';
import { inferredOutputs } from '../passes/inferredOutputs.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertEqual } from '../verify/verify.ts';
import { shrinkZeros } from './shrink.ts';

/*
 * The same weights stored in other ways: as constants that several nodes read, as integers with scales, as one bias for
 * strangers; and files that say wrong things of their values.
 */

const [I, H] = [3, 6];
const DEAD = [1, 4];

/** A tensor with zeros at these indices of an axis. */
function zeroed(tensor: Tensor, axis: number, indices: readonly number[]): Tensor {
  const data = Float32Array.from(tensor.data as Float32Array);
  const stride = tensor.dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  for (const i of data.keys()) if (indices.includes(Math.floor(i / stride) % tensor.dims[axis]!)) data[i] = 0;
  return { ...tensor, data };
}

const weights = (seed: number, dead = DEAD) => ({
  W: randomTensor([1, 4 * H, I], seed),
  R: zeroed(randomTensor([1, 4 * H, H], seed + 1), 2, dead),
  B: randomTensor([1, 8 * H], seed + 2),
});

type Store = (b: GraphBuilder, name: string, tensor: Tensor) => Value;
const asParameter: Store = (b, name, tensor) => b.parameter(name, tensor);
const asConstant: Store = (b, _, tensor) => b.constant(tensor);

function lstm(x: Value, parts: readonly Value[], name: string): Value {
  const [y] = x.builder.node('LSTM', [x, ...parts], { hidden_size: H }, 1, '', name);
  return squeeze(y!, [1]);
}

/** Last the product that reads the units of all layers. */
function read(features: readonly Value[], dead: readonly number[]): Value {
  const b = features[0]!.builder;
  const head = zeroed(randomTensor([features.length * H, 2], 50), 0, dead);
  return matmul(features.length === 1 ? features[0]! : concat(features, 2), b.parameter('head', head));
}

/** One LSTM that reads two inputs. */
function siamese(store: Store): Model {
  const b = new GraphBuilder('g');
  const [p, q] = ['p', 'q'].map((name) => b.input(name, 'float32', ['time', 'batch', I]));
  const parts = Object.entries(weights(1)).map(([name, tensor]) => store(b, name, tensor));
  const features = [lstm(p!, parts, 'first'), lstm(q!, parts, 'second')];
  b.output(read(features, [...DEAD, ...DEAD.map((k) => H + k)]), 'y');
  return modelOf(b.build());
}

/** A cell step that is taken apart: the gates are slices of one stored matrix, of which each is read by itself. */
function sliced(store: Store): Model {
  const b = new GraphBuilder('g');
  const x = b.input('x', 'float32', ['batch', I]);
  const matrix = store(b, 'M', zeroed(randomTensor([I, 2 * H], 3), 1, DEAD));
  const [one, two] = [slice(matrix, [0], [H], [1]), slice(matrix, [H], [2 * H], [1])];
  b.output(matmul(tanh(matmul(x, one)), b.parameter('v', randomTensor([H, 2], 5))), 'y');
  b.output(matmul(tanh(matmul(x, two)), b.parameter('w', randomTensor([H, 2], 6))), 'z');
  return modelOf(b.build());
}

async function shrunk(model: Model): Promise<ReturnType<typeof shrinkZeros>> {
  const slim = shrinkZeros(model);
  await assertEqual(nodeRuntime, model, slim.model, { removal: slim });
  return slim;
}

const units = ({ layers }: ReturnType<typeof shrinkZeros>) => layers.map((l) => `${l.name} ${l.before} ${l.after}`);
const bytes = (model: Model) => writeModel(model).byteLength;

describe('weights in constants', () => {
  it('that several layers read are cut once, as initializers are', async () => {
    const [stored, constant] = [await shrunk(siamese(asParameter)), await shrunk(siamese(asConstant))];
    expect(units(constant)).toEqual(['first 6 4', 'second 6 4']);
    expect(units(stored)).toEqual(units(constant));
    expect(countParameters(constant.model.graph)).toBe(countParameters(stored.model.graph));
    expect(bytes(constant.model)).toBeLessThan(bytes(siamese(asConstant)));
  });

  it('of which several nodes take a part do not make the file grow', async () => {
    for (const store of [asParameter, asConstant]) {
      const model = sliced(store);
      expect(bytes(shrinkZeros(model).model)).toBeLessThanOrEqual(bytes(model));
    }
  });
});

describe('a bias that strangers share', () => {
  it('ties them to nothing: each loses its own units', async () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['time', 'batch', I]);
    const bias = b.parameter('bias', floats([1, 8 * H], new Float32Array(8 * H)));
    const [one, two] = [weights(1, [0]), weights(5, [2, 3])];
    const features = [one, two].map(({ W, R }, i) =>
      lstm(x, [b.parameter(`W${i}`, W), b.parameter(`R${i}`, R), bias], `lstm_${i}`),
    );
    b.output(read(features, [0, H + 2, H + 3]), 'y');
    const model = modelOf(b.build());
    const slim = await shrunk(model);
    expect(units(slim)).toEqual(['lstm_0 6 5', 'lstm_1 6 4']);
  });
});

describe('weights behind DequantizeLinear', () => {
  /** An LSTM whose weights are integers; `perAxis` gives each row of W a scale of its own. */
  function quantized(perAxis: boolean, type: ElementType): Model {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['time', 'batch', I]);
    const middle = type === 'uint8' ? 128 : 0;
    const parts = Object.entries(weights(1)).map(([name, { dims, data }]) => {
      const rows = perAxis && name === 'W' ? dims[1]! : 1;
      const scales = Float32Array.from({ length: rows }, (_, i) => (1 + (i % 3)) / 127);
      const each = data.length / rows;
      const values = Array.from(data as Float32Array, (v, i) => Math.round(v / scales[Math.floor(i / each)]!) + middle);
      const scale: Tensor = { elementType: 'float32', dims: rows === 1 ? [] : [rows], data: scales };
      const zero = tensorOfNumbers(type, scale.dims, new Float64Array(rows).fill(middle))!;
      const inputs = [tensorOfNumbers(type, dims, values)!, scale, zero].map((t, i) => b.parameter(`${name}${i}`, t));
      return b.node('DequantizeLinear', inputs, rows === 1 ? {} : { axis: 1 })[0]!;
    });
    b.output(read([lstm(x, parts, 'lstm')], DEAD), 'y');
    return modelOf(b.build());
  }

  it.each([
    [false, 'int8'],
    [true, 'int8'],
    [true, 'uint8'],
  ] as const)('are cut, and stay integers (a scale for each row: %s, %s)', async (perAxis, type) => {
    const model = quantized(perAxis, type);
    const slim = await shrunk(model);
    expect(units(slim)).toEqual(['lstm 6 4']);
    expect(bytes(slim.model)).toBeLessThan(bytes(model));
    const stored = storedHere(slim.model.graph);
    expect(stored.get('W0')).toMatchObject({ elementType: type, dims: [1, 16, I] });
    expect(stored.get('W1')!.dims).toEqual(perAxis ? [16] : []);
    expect(units(await shrunk(slim.model))).toEqual(['lstm 4 4']);
  });
});

describe('what a file says of its values', () => {
  const shaped = (...dims: readonly Dim[]) => ({
    dim: dims.map((d) => ({
      value:
        typeof d === 'number'
          ? { case: 'dimValue' as const, value: BigInt(d) }
          : { case: 'dimParam' as const, value: d },
    })),
  });

  it('is not kept where it is there twice', async () => {
    const model = siamese(asParameter);
    const name = model.graph.nodes.find((n) => n.op === 'Squeeze')!.outputs[0]!;
    const type = { value: { case: 'tensorType' as const, value: { elemType: 1, shape: shaped('time', 'batch', H) } } };
    const { valueInfo, otherValueInfo } = readModel(
      file({
        valueInfo: [
          { name, type },
          { name, type },
        ],
      }),
      'm.onnx',
    ).graph;
    expect([valueInfo?.size, otherValueInfo?.byteLength]).toEqual([1, expect.any(Number)]);
    const read = { ...model, graph: { ...model.graph, valueInfo: valueInfo!, otherValueInfo: otherValueInfo! } };
    expect(readModel(writeModel(read), 'm.onnx').graph.otherValueInfo).toEqual(otherValueInfo);
    const slim = await shrunk(read);
    expect(slim.model.graph).not.toHaveProperty('valueInfo');
    expect(slim.model.graph).not.toHaveProperty('otherValueInfo');
  });

  it('gives way to what follows from the graph, and that is no change of the interface', async () => {
    const model = siamese(asParameter);
    for (const shape of [
      [1, 'length'],
      ['time', 7, 2],
      [1, 'batch', 2],
    ] as const) {
      const outputs = model.graph.outputs.map((o) => ({ ...o, type: { ...o.type, shape } }));
      const declared = { ...model, graph: { ...model.graph, outputs } };
      expect(inferredOutputs(declared.graph)[0]!.type.shape).toEqual(['time', 'batch', 2]);
      const slim = shrinkZeros(declared);
      expect(slim.model.graph.outputs[0]!.type.shape).toEqual(['time', 'batch', 2]);
      expect(slim.resized).toEqual([]);
    }
  });
});
