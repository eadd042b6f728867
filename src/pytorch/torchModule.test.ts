import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadArrays } from '../data/arrays.ts';
import { float, floats, int64s } from '../graph/attributes.ts';
import { type AttributeValues, GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import type { RecurrentOp } from '../graph/operators.ts';
import { add, gather, matmul } from '../graph/ops.ts';
import { sparseOf } from '../graph/sparseTensor.ts';
import type { ElementType, Tensor } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import { loadModel } from '../onnx/file.ts';
import { quantizeModel } from '../quantize/quantize.ts';
import { torchModule } from './torchModule.ts';

/*
 * The folders in test/fixtures/export were run in PyTorch by scripts/fixtures/check_exported_models.py; here what is
 * written must be what was run.
 */

const folder = fileURLToPath(new URL('../../test/fixtures/export/', import.meta.url));
const checked = JSON.parse(readFileSync(join(folder, 'checked.json'), 'utf8')) as {
  tolerance: number;
  fixtures: Record<string, number>;
  models: Record<string, number>;
};
const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

describe('models that PyTorch has run', () => {
  it('gave there what they give in ONNX Runtime', () => {
    expect(Object.keys(checked.fixtures).sort()).toEqual(names.sort());
    const differences = [...Object.values(checked.fixtures), ...Object.values(checked.models)];
    expect(Math.max(...differences)).toBeLessThan(checked.tolerance);
    expect(differences.length).toBeGreaterThan(100);
  });

  it.each(names)('%s', async (name) => {
    const { source, weights } = torchModule(await loadModel(join(folder, name, 'model.onnx')));
    expect(source).toBe(readFileSync(join(folder, name, 'model.py'), 'utf8'));
    expect(weights).toEqual(await loadArrays(join(folder, name, 'model.safetensors')));
  });
});

/** Rows of a matrix [rows, 1] or a vector: their own numbers. */
const counted = (...dims: number[]): Tensor =>
  floats(
    dims,
    Array.from({ length: Math.max(...dims) }, (_, i) => i),
  );

/** One layer over x [T, B, 1] with 2 units, whose weights are the numbers of their rows in ONNX's order. */
function layer(
  op: RecurrentOp,
  attributes: AttributeValues,
  { gates, bias = true }: { gates: number; bias?: boolean },
) {
  const b = new GraphBuilder('one_layer');
  const x = b.input('x', 'float32', ['time', 'batch', 1]);
  const recurrent = floats(
    [1, 2 * gates, 2],
    Array.from({ length: 4 * gates }, (_, i) => Math.floor(i / 2)),
  );
  const inputs = [
    x,
    b.parameter('layer.W', counted(1, 2 * gates, 1)),
    b.parameter('layer.R', recurrent),
    bias ? b.parameter('layer.B', counted(1, 4 * gates)) : undefined,
  ];
  const [y] = b.node(op, inputs, { hidden_size: 2, ...attributes }, ['y']);
  b.output(y!);
  return modelOf(b.build());
}

const after = { linear_before_reset: 1 };
const rows = (weights: ReadonlyMap<string, Tensor>, name: string) => Array.from<unknown>(weights.get(name)!.data);

describe('weights', () => {
  it('have the gates of LSTM in the order i, f, g, o', () => {
    const { weights, layers } = torchModule(layer('LSTM', {}, { gates: 4 }));
    expect(layers).toMatchObject([{ name: 'layer', made: 'nn.LSTM(1, 2)' }]);
    expect(rows(weights, 'layer.weight_ih_l0')).toEqual([0, 1, 4, 5, 6, 7, 2, 3]);
    expect(weights.get('layer.weight_hh_l0')?.dims).toEqual([8, 2]);
    expect(rows(weights, 'layer.bias_ih_l0')).toEqual([0, 1, 4, 5, 6, 7, 2, 3]);
    expect(rows(weights, 'layer.bias_hh_l0')).toEqual([8, 9, 12, 13, 14, 15, 10, 11]);
  });

  it('have those of GRU in the order r, z, n', () => {
    const { weights } = torchModule(layer('GRU', after, { gates: 3 }));
    expect(rows(weights, 'layer.weight_ih_l0')).toEqual([2, 3, 0, 1, 4, 5]);
    expect(rows(weights, 'layer.bias_hh_l0')).toEqual([8, 9, 6, 7, 10, 11]);
  });

  it('go without a bias, and with ReLU', () => {
    const relu = { type: 'strings', value: ['relu'] } as const;
    const { weights, layers } = torchModule(layer('RNN', { activations: relu }, { gates: 1, bias: false }));
    expect(layers[0]?.made).toBe('nn.RNN(1, 2, nonlinearity="relu", bias=False)');
    expect([...weights.keys()]).toEqual(['layer.weight_ih_l0', 'layer.weight_hh_l0']);
  });

  it('of sparse tensors are laid out', () => {
    const b = new GraphBuilder('sparse');
    const table = floats([3, 2], [0, 0, 5, 0, 0, 6]);
    b.output(gather(b.parameter('words', sparseOf(table)), b.input('tokens', 'int64', ['batch'])), 'y');
    expect(torchModule(modelOf(b.build())).weights).toEqual(new Map([['words.weight', table]]));
  });

  it('are shared where two layers have the same matrix', () => {
    const b = new GraphBuilder('tied');
    const words = gather(
      b.parameter('words', floats([3, 2], [1, 2, 3, 4, 5, 6])),
      b.input('tokens', 'int64', ['batch']),
    );
    b.output(matmul(words, b.parameter('head.weight', floats([2, 3], [1, 3, 5, 2, 4, 6]))), 'y');
    const { source, weights } = torchModule(modelOf(b.build()));
    expect(source).toContain('self.head.weight = self.words.weight');
    expect([...weights.keys()]).toEqual(['words.weight']);
  });
});

describe('weights of fewer bits', () => {
  it.each(['fp16', 'int8-storage'] as const)('are float32 again: %s', (to) => {
    const whole = languageModel({ vocabulary: 20, embedding: 16, hidden: [16] });
    const { layers, weights } = torchModule(quantizeModel(whole, { to }).model);
    expect(layers.map(({ made }) => made)).toContain('nn.LSTM(16, 16)');
    const [, weight] = [...weights].find(([name]) => name.endsWith('weight_ih_l0'))!;
    expect(weight.elementType).toBe('float32');
  });
});

describe('names', () => {
  it('are those of Python, and hide nothing', () => {
    const b = new GraphBuilder('names');
    const x = b.input('class', 'float32', ['batch', 2]);
    const y = add(x, b.parameter('train', floats([2], [1, 2])));
    b.output(add(y, b.input('torch', 'float32', ['batch', 2])), '/net/y:0');
    const { source } = torchModule(modelOf(b.build()));
    expect(source).toContain('def forward(self, class_1, torch_1):');
    expect(source).toContain('+ self.train_1\n');
    expect(source).toContain('return net_y_0\n');
  });
});

describe('operators', () => {
  it('with one of several outputs unpack it', () => {
    const b = new GraphBuilder('split');
    const x = b.input('x', 'float32', ['batch', 2]);
    const [part] = b.node('Split', [x, b.ints([2])], { axis: 1 }, ['part']);
    const halves = b.node('Split', [x], { axis: 1 }, ['left', 'right']);
    b.output(add(part!, halves[0]!), 'y');
    const { source } = torchModule(modelOf(b.build()));
    expect(source).toContain('(part,) = x.split([2], 1)\n');
    expect(source).toContain('left, _ = x.chunk(2, 1)\n');
  });
});

/** The line of `forward` that computes y by an operator from x and a stored tensor. */
function lineFor(op: string, given: ElementType, stored: Tensor, attributes: AttributeValues = {}) {
  const b = new GraphBuilder('one_operator');
  const x = b.input('x', given, ['batch', 2]);
  const [y] = b.node(op, [x, b.parameter('k', stored)], attributes, ['y']);
  b.output(y!);
  const { source } = torchModule(modelOf(b.build()));
  return source.split('\n').find((line) => line.includes(' y = '));
}

describe('results have the types of ONNX', () => {
  const axis = int64s([], [1]);
  it.each<[string, ElementType, Tensor, string]>([
    ['Pow', 'int32', floats([], [2]), 'torch.pow(x.to(torch.float64), 2.0).to(torch.int32)'],
    ['Pow', 'int32', int64s([2], [2, 3]), 'torch.pow(x, torch.tensor([2, 3])).to(torch.int32)'],
    ['Pow', 'float32', floats([], [2]), 'torch.pow(x, 2.0)'],
    ['CumSum', 'int32', axis, 'x.cumsum(1, dtype=torch.int32)'],
    ['CumSum', 'int64', axis, 'x.cumsum(1)'],
  ])('%s of %s', (op, given, stored, code) => {
    expect(lineFor(op, given, stored)).toBe(`        y = ${code}`);
  });
});

describe('indices of GatherElements', () => {
  it.each([
    [-1, 'x.gather(1, from_front(self.k.to(torch.int64), x.shape[1]))'],
    [1, 'x.gather(1, self.k.to(torch.int64))'],
  ])('that are %i', (place, code) => {
    expect(lineFor('GatherElements', 'float32', int64s([1, 1], [place]), { axis: 1 })).toBe(`        y = ${code}`);
  });
});

describe('texts of a file', () => {
  it('stay texts', () => {
    const b = new GraphBuilder('evil');
    const x = b.input('x"""\nimport os\n"""', 'float32', ['batch"""\nboom()', 2]);
    b.output(add(x, x), 'y');
    const { source } = torchModule(modelOf(b.build()));
    expect(source).toContain(String.raw`x\"\"\"\nimport os\n\"\"\" [batch\"\"\"\nboom(), 2] float32`);
    expect(source).not.toMatch(/^import os|^boom/m);
  });
});

describe('what PyTorch lacks is refused', () => {
  it.each<[string, AttributeValues, RegExp]>([
    ['LSTM', { input_forget: 1 }, /LSTM 'LSTM_0' couples its input and forget gates, which nn.LSTM of PyTorch has not/],
    ['LSTM', { clip: float(3) }, /clips its gates/],
    ['LSTM', { activations: { type: 'strings', value: ['HardSigmoid', 'Tanh', 'Tanh'] } }, /hardsigmoid, tanh, tanh/],
    ['GRU', {}, /GRU 'GRU_0' resets before its product/],
    ['RNN', { activations: { type: 'strings', value: ['Softsign'] } }, /has the activations softsign/],
  ])('%s %o', (op, attributes, message) => {
    const gates = { LSTM: 4, GRU: 3, RNN: 1 }[op as RecurrentOp];
    expect(() => torchModule(layer(op as RecurrentOp, attributes, { gates }))).toThrow(message);
  });

  it('an operator by its name', async () => {
    const loop = fileURLToPath(new URL('../../test/fixtures/models/torch/loop.old.onnx', import.meta.url));
    const model = await loadModel(loop);
    expect(() => torchModule(model)).toThrow(
      /^Loop '\/Loop' has no form in PyTorch here; run the model as ONNX, [^,]*$/,
    );
  });
});
