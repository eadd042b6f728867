import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import {
  add,
  apply,
  concat,
  div,
  matmul,
  mul,
  reduceMean,
  relu,
  reshape,
  sigmoid,
  slice,
  split,
  sqrt,
  squeeze,
  sub,
  tanh,
  transpose,
  unsqueeze,
} from '../../src/graph/ops.ts';
import type { Model } from '../../src/graph/types.ts';
import { randomTensor } from './graphs.ts';

/*
 * For tests: models of one step of the kinds that are published, small. Each takes its states as inputs and gives the new
 * ones as outputs.
 */

/** A model of one step, how its inputs are fed over T steps of N examples, and what comes out. */
export interface StreamingFixture {
  readonly model: Model;
  readonly states: Readonly<Record<string, string>>;
  readonly input: string;
  readonly loss: 'mse' | 'bce';
  /** Sizes of the input and of the output at a step, without the axis of the examples. */
  readonly takes: readonly number[];
  readonly gives: readonly number[];
}

let seed = 1;
const weight = (b: GraphBuilder, name: string, dims: readonly number[]): Value =>
  b.parameter(name, randomTensor(dims, seed++, 0.4));

/** An LSTM cell that an exporter took apart. */
function cell(b: GraphBuilder, name: string, x: Value, [h, c]: readonly [Value, Value], size: number): [Value, Value] {
  const inputs = Number(x.type.shape!.at(-1));
  const product = add(
    matmul(x, weight(b, `${name}/kernel`, [inputs, 4 * size])),
    matmul(h, weight(b, `${name}/recurrent`, [size, 4 * size])),
  );
  const gates = add(product, weight(b, `${name}/bias`, [4 * size]));
  const [i, f, g, o] = split(gates, 4, 1) as [Value, Value, Value, Value];
  const next = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
  return [mul(sigmoid(o), tanh(next)), next];
}

/** A noise suppressor: a frame [1, 1, 16], layers that are taken apart, all states in one [1, 2, 5, 2]. */
export function suppressor(): StreamingFixture {
  const [size, hidden] = [16, 5];
  const b = new GraphBuilder('suppressor');
  const frame = b.input('frame', 'float32', [1, 1, size]);
  const states = b.input('states', 'float32', [1, 2, hidden, 2]);
  const encoded = apply('Conv', [transpose(frame, [0, 2, 1]), weight(b, 'encoder', [12, size, 1])]);
  const rows = transpose(encoded, [0, 2, 1]);
  const centred = sub(rows, reduceMean(rows, [-1], true));
  const normal = div(centred, sqrt(add(reduceMean(mul(centred, centred), [-1], true), 1e-5)));
  let x = squeeze(add(mul(normal, weight(b, 'gamma', [1, 1, 12])), weight(b, 'beta', [1, 1, 12])), [1]);
  const next = [0, 1].map((layer) => {
    const own = squeeze(slice(states, [layer], [layer + 1], [1]), [1]);
    const [h, c] = [0, 1].map((part) => squeeze(slice(own, [part], [part + 1], [2]), [2])) as [Value, Value];
    const made = cell(b, `lstm_${layer}`, x, [h, c], hidden);
    x = made[0];
    return concat(
      made.map((part) => unsqueeze(part, [2])),
      2,
    );
  });
  const mask = sigmoid(add(matmul(x, weight(b, 'dense', [hidden, 12])), weight(b, 'dense_bias', [12])));
  const masked = mul(encoded, unsqueeze(mask, [2]));
  const decoded = apply('Conv', [masked, weight(b, 'decoder', [size, 12, 1])]);
  b.output(reshape(decoded, [1, 1, size]), 'out');
  b.output(
    concat(
      next.map((state) => unsqueeze(state, [1])),
      1,
    ),
    'states_out',
  );
  return {
    ...{ model: modelOf(b.build()), states: { states: 'states_out' }, input: 'frame', loss: 'mse' },
    ...{ takes: [size], gives: [size] },
  };
}

/** A voice activity detector: samples [batch, 24], magnitudes of a filter bank, an LSTM whose h and c lie in one state. */
export function detector(): StreamingFixture {
  const [samples, hidden] = [24, 6];
  const b = new GraphBuilder('detector');
  const x = b.input('input', 'float32', ['batch', samples]);
  const state = b.input('state', 'float32', [2, 'batch', hidden]);
  const padded = apply('Pad', [x, b.ints([0, 0, 0, 4])], { mode: 'reflect' });
  const bank = apply('Conv', [unsqueeze(padded, [1]), weight(b, 'bank', [8, 1, 8])], { strides: [4] });
  const [re, im] = split(bank, 2, 1) as [Value, Value];
  const magnitude = sqrt(add(add(mul(re, re), mul(im, im)), 1e-3));
  const encoded = relu(
    apply('Conv', [magnitude, weight(b, 'encoder', [5, 4, 3]), weight(b, 'encoder_bias', [5])], { strides: [2] }),
  );
  const features = transpose(apply('GlobalAveragePool', [encoded]), [2, 0, 1]);
  const gates = (name: string, dims: number[]) => {
    // Gates in another order, as exporters write them.
    const [i, f, g, o] = split(weight(b, name, dims), 4, 0) as [Value, Value, Value, Value];
    return unsqueeze(concat([i, o, f, g], 0), [0]);
  };
  const [h, c] = split(state, 2, 0);
  const inputs = [
    features,
    gates('weight_ih', [4 * hidden, 5]),
    gates('weight_hh', [4 * hidden, hidden]),
    undefined,
    undefined,
    h,
    c,
  ];
  const [y, hn, cn] = b.node('LSTM', inputs, { hidden_size: hidden }, 3);
  const score = apply('Conv', [transpose(squeeze(y!, [1]), [1, 2, 0]), weight(b, 'decoder', [1, hidden, 1])]);
  b.output(reduceMean(sigmoid(score), [2]), 'output');
  b.output(concat([hn!, cn!], 0), 'stateN');
  return {
    ...{ model: modelOf(b.build()), states: { state: 'stateN' }, input: 'input', loss: 'bce' },
    ...{ takes: [samples], gives: [1] },
  };
}

/** A spectrogram's frame [1, 8, 1, 2] with convolutions of groups over cached frames, a GRU over frequencies and time. */
export function enhancer(): StreamingFixture {
  const [bands, channels] = [8, 4];
  const b = new GraphBuilder('enhancer');
  const mix = b.input('mix', 'float32', [1, bands, 1, 2]);
  const cache = b.input('conv_cache', 'float32', [2, 1, channels, 2, bands]);
  const flat = b.input('flat_cache', 'float32', [1, 2 * channels]);
  const frame = transpose(mix, [0, 3, 2, 1]);
  let x = apply('Conv', [frame, weight(b, 'in', [channels, 2, 1, 1])]);
  let caches: Value = cache;
  for (const i of [0, 1]) {
    const old = squeeze(apply('Gather', [cache, b.ints([i])]), [0]);
    const window = concat([old, x], 2);
    const padded = apply('Pad', [window, b.ints([0, 0, 0, 1, 0, 0, 0, 1])]);
    const deep =
      i === 0
        ? apply('Conv', [padded, weight(b, `depth_${i}`, [channels, 1, 3, 3])], { group: channels })
        : apply('ConvTranspose', [window, weight(b, `depth_${i}`, [channels, 1, 3, 3])], {
            group: channels,
            pads: [2, 1, 2, 1],
          });
    const statistics = [
      weight(b, `scale_${i}`, [channels]),
      weight(b, `shift_${i}`, [channels]),
      weight(b, `mean_${i}`, [channels]),
    ];
    const variance = b.parameter(`variance_${i}`, {
      ...randomTensor([channels]),
      data: new Float32Array(channels).fill(0.7),
    });
    const normal = apply('BatchNormalization', [deep, ...statistics, variance]);
    x = add(x, apply('PRelu', [normal, weight(b, `slope_${i}`, [channels, 1, 1])]));
    const kept = unsqueeze(slice(window, [1], [3], [2]), [0]);
    caches = apply('ScatterND', [caches, b.constant(int64s([1, 1], [i])), kept]);
  }
  const over = (name: string, input: Value, direction: string, initial?: Value) => {
    const d = direction === 'bidirectional' ? 2 : 1;
    const size = channels / d;
    const weights = [
      [d, 3 * size, channels],
      [d, 3 * size, size],
      [d, 6 * size],
    ].map((dims, k) => weight(b, `${name}_${k}`, dims));
    const attributes = { hidden_size: size, direction, linear_before_reset: 1 };
    return b.node('GRU', [input, ...weights, undefined, initial], attributes, 2) as [Value, Value];
  };
  const rows = reshape(transpose(x, [0, 2, 3, 1]), [1, bands, channels]);
  const [intra] = over('intra', transpose(rows, [1, 0, 2]), 'bidirectional');
  const mixed = add(rows, transpose(reshape(transpose(intra, [0, 2, 1, 3]), [bands, 1, channels]), [1, 0, 2]));
  const pooled = unsqueeze(reduceMean(mixed, [1]), [0]);
  const [halves, own] = [slice(flat, [0], [channels], [1]), slice(flat, [channels], [2 * channels], [1])];
  const [, next] = over('inter', pooled, 'forward', unsqueeze(halves, [0]));
  const gained = mul(mixed, reshape(sigmoid(next), [1, 1, channels]));
  const out = apply('Einsum', [gained, weight(b, 'out', [channels, 2])], { equation: 'abc,cd->abd' });
  b.output(unsqueeze(tanh(out), [2]), 'enh');
  b.output(caches, 'conv_cache_out');
  b.output(concat([squeeze(next, [0]), add(mul(own, 0.5), mul(squeeze(next, [0]), 0.5))], 1), 'flat_cache_out');
  return {
    ...{ model: modelOf(b.build()), states: { conv_cache: 'conv_cache_out', flat_cache: 'flat_cache_out' } },
    ...{ input: 'mix', loss: 'mse', takes: [bands, 1, 2], gives: [bands, 1, 2] },
  };
}
