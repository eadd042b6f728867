import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  codeOf,
  describeExported,
  numbersOf,
  oneLayer,
  oneOperator,
  tiedModel,
} from '../../test/support/pythonModules.ts';
import { float, floats, int64s } from '../graph/attributes.ts';
import { type AttributeValues, GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import type { RecurrentOp } from '../graph/operators.ts';
import { add, gather } from '../graph/ops.ts';
import { sparseOf } from '../graph/sparseTensor.ts';
import type { ElementType, Tensor } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import { loadModel } from '../onnx/file.ts';
import { quantizeModel } from '../quantize/quantize.ts';
import { torchModule } from './torchModule.ts';

describeExported(torchModule, { runs: { pytorch: 100 }, within: '', weightsFile: 'model.safetensors' });

const after = { linear_before_reset: 1 };

describe('weights', () => {
  it('have the gates of LSTM in the order i, f, g, o', () => {
    const module = torchModule(oneLayer('LSTM'));
    expect(module.layers).toMatchObject([{ name: 'layer', made: 'nn.LSTM(1, 2)' }]);
    expect(numbersOf(module, 'layer.weight_ih_l0')).toEqual([0, 1, 4, 5, 6, 7, 2, 3]);
    expect(module.weights.get('layer.weight_hh_l0')?.dims).toEqual([8, 2]);
    expect(numbersOf(module, 'layer.bias_ih_l0')).toEqual([0, 1, 4, 5, 6, 7, 2, 3]);
    expect(numbersOf(module, 'layer.bias_hh_l0')).toEqual([8, 9, 12, 13, 14, 15, 10, 11]);
  });

  it('have those of GRU in the order r, z, n', () => {
    const module = torchModule(oneLayer('GRU', after));
    expect(numbersOf(module, 'layer.weight_ih_l0')).toEqual([2, 3, 0, 1, 4, 5]);
    expect(numbersOf(module, 'layer.bias_hh_l0')).toEqual([8, 9, 6, 7, 10, 11]);
  });

  it('go without a bias, and with ReLU', () => {
    const relu = { type: 'strings', value: ['relu'] } as const;
    const { weights, layers } = torchModule(oneLayer('RNN', { activations: relu }, { bias: false }));
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
    const { source, weights } = torchModule(tiedModel());
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

describe('results have the types of ONNX', () => {
  const axis = int64s([], [1]);
  it.each<[string, ElementType, Tensor, string]>([
    ['Pow', 'int32', floats([], [2]), 'torch.pow(x.to(torch.float64), 2.0).to(torch.int32)'],
    ['Pow', 'int32', int64s([2], [2, 3]), 'torch.pow(x, torch.tensor([2, 3])).to(torch.int32)'],
    ['Pow', 'float32', floats([], [2]), 'torch.pow(x, 2.0)'],
    ['CumSum', 'int32', axis, 'x.cumsum(1, dtype=torch.int32)'],
    ['CumSum', 'int64', axis, 'x.cumsum(1)'],
  ])('%s of %s', (op, given, stored, code) => {
    expect(codeOf(torchModule(oneOperator(op, given, stored)))).toBe(code);
  });
});

describe('indices of GatherElements', () => {
  it.each([
    [-1, 'x.gather(1, from_front(self.k.to(torch.int64), x.shape[1]))'],
    [1, 'x.gather(1, self.k.to(torch.int64))'],
  ])('that are %i', (place, code) => {
    const model = oneOperator('GatherElements', 'float32', int64s([1, 1], [place]), { axis: 1 });
    expect(codeOf(torchModule(model))).toBe(code);
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
  it.each<[RecurrentOp, AttributeValues, RegExp]>([
    ['LSTM', { input_forget: 1 }, /LSTM 'LSTM_0' couples its input and forget gates, which nn.LSTM of PyTorch has not/],
    ['LSTM', { clip: float(3) }, /clips its gates/],
    ['LSTM', { activations: { type: 'strings', value: ['HardSigmoid', 'Tanh', 'Tanh'] } }, /hardsigmoid, tanh, tanh/],
    ['GRU', {}, /GRU 'GRU_0' resets before its product/],
    ['RNN', { activations: { type: 'strings', value: ['Softsign'] } }, /has the activations softsign/],
  ])('%s %o', (op, attributes, message) => {
    expect(() => torchModule(oneLayer(op, attributes))).toThrow(message);
  });

  it('an operator by its name', async () => {
    const loop = fileURLToPath(new URL('../../test/fixtures/models/torch/loop.old.onnx', import.meta.url));
    const model = await loadModel(loop);
    expect(() => torchModule(model)).toThrow(
      /^Loop '\/Loop' has no form in PyTorch here; run the model as ONNX, [^,]*$/,
    );
  });
});
