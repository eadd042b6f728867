import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { modelOf } from '../../src/graph/model.ts';
import type { Model, Node, Tensor } from '../../src/graph/types.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { randomTensor } from '../support/graphs.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';

/*
 * Models with whole numbers for weights: named, counted, and neither cut nor trained in silence.
 */

const [features, hidden, classes] = [5, 8, 4];
let folder: string;
const at = (name: string) => join(folder, name);

function int8(...dims: number[]): Tensor {
  const { data } = randomTensor(dims, dims.length, 100);
  return { elementType: 'int8', dims, data: Int8Array.from(data as Float32Array, Math.round) };
}

const one = (value: number): Tensor => ({ elementType: 'float32', dims: [1], data: Float32Array.of(value) });
const zero: Tensor = { elementType: 'int8', dims: [1], data: Int8Array.of(0) };

function modelWith(nodes: readonly Omit<Node, 'attributes'>[], tensors: Record<string, Tensor>): Model {
  const value = (name: string, size: number) => {
    return { name, type: { elementType: 'float32', shape: ['time', 'batch', size] } } as const;
  };
  const hiddenSize = { hidden_size: { type: 'int', value: hidden } } as const;
  const made = modelOf({
    ...{ name: 'quantized', inputs: [value('x', features)], outputs: [value('y', classes)] },
    initializers: new Map(Object.entries(tensors)),
    nodes: nodes.map((node) => ({ ...node, attributes: /LSTM/.test(node.op) ? hiddenSize : {} })),
  });
  return { ...made, opsets: { ...made.opsets, 'com.microsoft': 1 } };
}

const tail: Omit<Node, 'attributes'>[] = [
  { op: 'Squeeze', domain: '', name: 'squeeze', inputs: ['Y', 'axis'], outputs: ['S'] },
  { op: 'MatMul', domain: '', name: 'head', inputs: ['S', 'V'], outputs: ['y'] },
];
const rest = {
  V: randomTensor([hidden, classes], 3),
  axis: { elementType: 'int64', dims: [1], data: BigInt64Array.of(1n) },
} as const;

/** As onnxruntime's quantize_dynamic leaves an LSTM. */
const dynamic = modelWith(
  [
    {
      ...{ op: 'DynamicQuantizeLSTM', domain: 'com.microsoft', name: 'lstm_quant', outputs: ['Y'] },
      inputs: ['x', 'W', 'R', '', '', '', '', '', 'Ws', 'Wz', 'Rs', 'Rz'],
    },
    ...tail,
  ],
  {
    ...{ W: int8(1, features, 4 * hidden), R: int8(1, hidden, 4 * hidden) },
    ...{ Ws: one(0.01), Wz: zero, Rs: one(0.01), Rz: zero, ...rest },
  },
);

/** Weights behind DequantizeLinear, on scales that are inputs, so that nobody can compute them before the run. */
const behind = (() => {
  const names = ['W', 'R'];
  const model = modelWith(
    [
      ...names.map((n) => ({ op: 'DequantizeLinear', domain: '', name: n, inputs: [`${n}q`, 'scale'], outputs: [n] })),
      { op: 'LSTM', domain: '', name: 'lstm', inputs: ['x', 'W', 'R'], outputs: ['Y'] },
      ...tail,
    ],
    { Wq: int8(1, 4 * hidden, features), Rq: int8(1, 4 * hidden, hidden), ...rest },
  );
  const scale = { name: 'scale', type: { elementType: 'float32', shape: [] } } as const;
  return { ...model, graph: { ...model.graph, inputs: [...model.graph.inputs, scale] } };
})();

beforeAll(async () => {
  folder = makeFolder();
  await saveModel(at('dynamic.onnx'), dynamic);
  await saveModel(at('behind.onnx'), behind);
  const [x, t] = [randomTensor([6, 3, features], 1), randomTensor([6, 3, classes], 2)];
  const scales = { elementType: 'float32', dims: [6], data: new Float32Array(6).fill(0.01) } as const;
  await saveArrays(at('d.npz'), new Map<string, Tensor>(Object.entries({ x, t, scale: scales })));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const learned = features * 4 * hidden + hidden * 4 * hidden + hidden * classes;

it('a quantized layer is a layer, and its weights are parameters', async () => {
  const { stdout } = await runCli(['inspect', 'dynamic.onnx'], folder);
  expect(stdout).toMatch(/lstm_quant +com\.microsoft\.DynamicQuantizeLSTM +8 +0/);
  expect(stdout).toMatch(/lstm_quant: 8 of 8 units always stay: its weights are quantized; shrink before quantizing/);
  const summary = await runJson<{ multiplyAdds: number; parameters: number }>(['inspect', 'dynamic.onnx'], folder);
  expect(summary).toMatchObject({ multiplyAdds: learned, parameters: learned, uncounted: [] });
  const bench = ['bench', 'dynamic.onnx', '--batch', '1', '--steps', '2', '--rounds', '1', '--threads', '1'];
  expect(await runJson(bench, folder)).toMatchObject({ models: [{ multiplyAdds: learned }] });
});

it('shrink stops and says when to shrink', async () => {
  const { code, stderr } = await runCli(['shrink', 'dynamic.onnx', '--keep', '0.5', '--out', 'a.onnx'], folder);
  expect(stderr).toMatch(
    /com\.microsoft\.DynamicQuantizeLSTM 'lstm_quant' has quantized weights.*shrink before quantizing/,
  );
  expect(code).toBe(3);
  expect(existsSync(at('a.onnx'))).toBe(false);
});

it('finetune names weights that it does not train, and refuses --iss where no unit can leave', async () => {
  const args = ['finetune', 'behind.onnx', '--data', 'd.npz', '--loss', 'mse', '--target', 't', '--epochs', '1'];
  const iss = [...args, '--iss', '0.01', '--out', 'iss'];
  await expectRefused(folder, iss, /no layer of the model can lose one/, /'lstm' is held by DequantizeLinear 'R'/);
  const { code, stderr } = await runCli([...args, '--threads', '1', '--out', 'dense'], folder);
  expect(stderr).toMatch(
    /not trained, because they are quantized: 'Wq' \(int8\), 'Rq' \(int8\), read by DequantizeLinear 'W'/,
  );
  expect(code, stderr).toBe(0);
});
