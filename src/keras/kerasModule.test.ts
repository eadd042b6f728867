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
import { add } from '../graph/ops.ts';
import type { ElementType, Tensor } from '../graph/types.ts';
import { loadModel } from '../onnx/file.ts';
import { kerasModule } from './kerasModule.ts';

describeExported(kerasModule, {
  runs: { 'keras on torch': 100, 'keras on jax': 0, 'keras on tensorflow': 0 },
  within: 'keras',
  weightsFile: 'model.npz',
});

/** W and R of a layer with one input and one unit. */
const matrices = (b: GraphBuilder, name: string) =>
  ['W', 'R'].map((matrix) => b.parameter(`${name}.${matrix}`, floats([1, 1, 1], [0.5])));

const names = (...value: string[]) => ({ activations: { type: 'strings', value } }) as const;

describe('weights', () => {
  it('have the gates of LSTM in the order i, f, c, o, and one bias', () => {
    const module = kerasModule(oneLayer('LSTM'));
    expect(module.layers).toMatchObject([{ name: 'layer', made: 'layers.LSTM(2, return_sequences=True)' }]);
    expect(module.weights.get('layer.cell.kernel')?.dims).toEqual([1, 8]);
    expect(numbersOf(module, 'layer.cell.kernel')).toEqual([0, 1, 4, 5, 6, 7, 2, 3]);
    expect(numbersOf(module, 'layer.cell.recurrent_kernel').slice(0, 8)).toEqual([0, 1, 4, 5, 6, 7, 2, 3]);
    expect(numbersOf(module, 'layer.cell.bias')).toEqual([8, 10, 16, 18, 20, 22, 12, 14]);
  });

  it('have those of GRU in the order z, r, h, and both biases where it resets after its product', () => {
    const module = kerasModule(oneLayer('GRU', { linear_before_reset: 1 }));
    expect(numbersOf(module, 'layer.cell.kernel')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(module.weights.get('layer.cell.bias')).toEqual(
      floats(
        [2, 6],
        Array.from({ length: 12 }, (_, i) => i),
      ),
    );
  });

  it('have the sum of the biases of a GRU that resets before', () => {
    const module = kerasModule(oneLayer('GRU'));
    expect(module.layers[0]?.made).toBe('layers.GRU(2, reset_after=False, return_sequences=True)');
    expect(numbersOf(module, 'layer.cell.bias')).toEqual([6, 8, 10, 12, 14, 16]);
  });

  it('of an embedding that is the head are stored once', () => {
    const { source, weights } = kerasModule(tiedModel());
    expect(source).toContain('self.head = TiedDense(self.words, use_bias=False)\n');
    expect([...weights.keys()]).toEqual(['words.embeddings']);
  });
});

describe('activations', () => {
  it.each<[RecurrentOp, string[], string]>([
    ['RNN', ['relu'], 'layers.SimpleRNN(2, activation="relu", return_sequences=True)'],
    ['GRU', ['Sigmoid', 'Softsign'], 'layers.GRU(2, activation="softsign", reset_after=False, return_sequences=True)'],
    [
      'LSTM',
      ['HardSigmoid', 'Tanh', 'Tanh'],
      'layers.LSTM(2, recurrent_activation=hard_sigmoid, return_sequences=True)',
    ],
  ])('of %s: %o', (op, given, made) => {
    const { layers, source } = kerasModule(oneLayer(op, names(...given)));
    expect(layers[0]?.made).toBe(made);
    expect(source.includes('def hard_sigmoid(x):')).toBe(made.includes('hard_sigmoid'));
  });
});

describe('sequences of different lengths', () => {
  it('have a mask, which goes no further than the layer that has lengths', () => {
    const b = new GraphBuilder('two_layers');
    const x = b.input('x', 'float32', ['time', 'batch', 1]);
    const lengths = b.input('lengths', 'int32', ['batch']);
    const [first] = b.node('RNN', [x, ...matrices(b, 'low'), undefined, lengths], { hidden_size: 1 }, ['low.y']);
    const fed = b.node('Squeeze', [first!, b.ints([1])], {}, ['fed']);
    const [y] = b.node('RNN', [fed[0]!, ...matrices(b, 'high')], { hidden_size: 1 }, ['y']);
    b.output(y!);
    const { source } = kerasModule(modelOf(b.build()));
    expect(source).toContain(
      'low = self.low(ops.swapaxes(x, 0, 1), mask=steps_within(lengths, ops.swapaxes(x, 0, 1)))\n',
    );
    expect(source).toContain('high = self.high(ops.copy(low))\n');
  });
});

describe('names', () => {
  it('are those of Python, and hide nothing', () => {
    const b = new GraphBuilder('names');
    const y = add(b.input('class', 'float32', ['batch', 2]), b.parameter('weights', floats([2], [1, 2])));
    b.output(add(y, b.input('ops', 'float32', ['batch', 2])), 'y');
    const { source } = kerasModule(modelOf(b.build()));
    expect(source).toContain('def call(self, class_1, ops_1):');
    expect(source).toContain('self.weights_1 = self.add_weight(shape=(2,), dtype="float32",');
  });
});

describe('results have the types of ONNX', () => {
  it.each<[string, ElementType, Tensor, string]>([
    ['Pow', 'int32', floats([], [2]), 'ops.cast(ops.power(ops.cast(x, "float64"), 2.0), "int32")'],
    ['CumSum', 'int32', int64s([], [1]), 'ops.cumsum(x, axis=1)'],
    ['Div', 'int64', int64s([], [2]), 'truncated_quotient(x, 2)'],
    ['Gather', 'float32', int64s([2], [1, 0]), 'ops.take(x, [1, 0], axis=0)'],
  ])('%s of %s', (op, given, stored, code) => {
    expect(codeOf(kerasModule(oneOperator(op, given, stored)))).toBe(code);
  });

  it('also of 64 bits, which Keras would cast', () => {
    const b = new GraphBuilder('double');
    const x = b.input('x', 'float64', ['batch', 2]);
    b.output(add(x, x), 'y');
    expect(kerasModule(modelOf(b.build())).source).toContain('super().__init__(autocast=False)\n');
  });
});

describe('what Keras lacks is refused', () => {
  it.each<[RecurrentOp, AttributeValues, RegExp]>([
    [
      'LSTM',
      { input_forget: 1 },
      /^LSTM 'LSTM_0' couples its input and forget gates, which layers.LSTM of Keras has not$/,
    ],
    ['LSTM', { clip: float(3) }, /clips its gates/],
    ['LSTM', names('Sigmoid', 'Tanh', 'Relu'), /has the activations sigmoid, tanh, relu, which/],
    ['RNN', names('Affine'), /has the activations affine, which layers.SimpleRNN of Keras has not/],
    [
      'RNN',
      { ...names('Elu'), activation_alpha: { type: 'floats', value: [0.25] } },
      /has activations with α or β of their own/,
    ],
  ])('%s %o', (op, attributes, message) => {
    expect(() => kerasModule(oneLayer(op, attributes))).toThrow(message);
  });

  it.each<[string, Tensor, AttributeValues, RegExp]>([
    [
      'GatherElements',
      int64s([1, 1], [0]),
      { axis: 1 },
      /has indices of other sizes than its data, and has no form in Keras/,
    ],
    ['Pad', int64s([4], [0, -1, 0, 0]), {}, /cuts where it pads, and has no form in Keras/],
  ])('%s', (op, stored, attributes, message) => {
    expect(() => kerasModule(oneOperator(op, 'float32', stored, attributes))).toThrow(message);
  });

  it('an operator by its name', async () => {
    const loop = fileURLToPath(new URL('../../test/fixtures/models/torch/loop.old.onnx', import.meta.url));
    const model = await loadModel(loop);
    expect(() => kerasModule(model)).toThrow(/^Loop '\/Loop' has no form in Keras here; run the model as ONNX, [^,]*$/);
  });
});
