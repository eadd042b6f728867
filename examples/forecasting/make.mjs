/**
 * Makes a forecaster and series for it: node make.mjs [series] [epochs]
 *
 * The forecaster is a GRU that reads 48 hours of three measurements and says the first of them for the next 12. The series are
 * made up: a daily and a weekly rhythm, a trend, a second measurement that leads the first by some hours, and noise. It is
 * trained on what came next (model.onnx), so that there is one; history.npz has what came before alone.
 */
import { finetune, GraphBuilder, modelOf, nn, nodeRuntime, ops, saveArrays, saveModel } from 'slimrnn';

const [count = 500, epochs = 15] = process.argv.slice(2).map(Number);
const [HOURS, AHEAD, MEASURES, UNITS] = [48, 12, 3, 64];

/** Uniform numbers in [0, 1) from a seed (mulberry32), so that everybody has the same data. */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** past [count, 48, 3] and future [count, 12] */
function series(count, random) {
  const [past, future] = [new Float32Array(count * HOURS * MEASURES), new Float32Array(count * AHEAD)];
  for (let n = 0; n < count; n++) {
    const [phase, week, trend, lead] = [
      24 * random(),
      168 * random(),
      0.02 * (random() - 0.5),
      3 + Math.floor(6 * random()),
    ];
    const wave = (t) => Math.sin((2 * Math.PI * (t + phase)) / 24) + 0.4 * Math.sin((2 * Math.PI * (t + week)) / 168);
    const bumps = Array.from({ length: HOURS + AHEAD + lead }, () => (random() < 0.1 ? random() : 0));
    const bump = (t) => [0, 1, 2].reduce((sum, d) => sum + (bumps[t - d] ?? 0) * (1 - d / 3), 0);
    const value = (t) => wave(t) + trend * t + bump(t);
    for (let t = 0; t < HOURS; t++) {
      past.set(
        [value(t) + 0.05 * (random() - 0.5), bump(t + lead), ((t + phase) % 24) / 24],
        (n * HOURS + t) * MEASURES,
      );
    }
    for (let t = 0; t < AHEAD; t++) future[n * AHEAD + t] = value(HOURS + t);
  }
  return { past, future };
}

/** past [batch, 48, 3] → future [batch, 12] */
function forecaster() {
  const b = new GraphBuilder('forecaster');
  const init = nn.uniformInitializer(0.12, 1);
  const past = b.input('past', 'float32', ['batch', HOURS, MEASURES]);
  const weights = nn.layerWeights(b, 'gru', { name: 'gru', inputs: MEASURES, hidden: UNITS }, init);
  const attributes = { hidden_size: UNITS, linear_before_reset: 1 };
  const [, last] = b.node('GRU', [ops.transpose(past, [1, 0, 2]), ...weights], attributes, 2, '', 'gru');
  b.output(nn.linear(b, 'head', ops.squeeze(last, [0]), UNITS, AHEAD, init), 'future');
  return modelOf(b.build());
}

const random = randomNumbers(4);
const known = series(count, random);
const train = new Map([
  ['past', { elementType: 'float32', dims: [count, HOURS, MEASURES], data: known.past }],
  ['future', { elementType: 'float32', dims: [count, AHEAD], data: known.future }],
]);
const settings = { loss: 'mse', targetArray: 'future', epochs, batch: 20, learningRate: 0.004 };
const { model, history } = await finetune(forecaster(), { train }, settings, { runtime: nodeRuntime });
await saveModel('model.onnx', model);
const later = series(2 * count, random);
const past = { elementType: 'float32', dims: [2 * count, HOURS, MEASURES], data: later.past };
const future = { elementType: 'float32', dims: [2 * count, AHEAD], data: later.future };
await saveArrays('history.npz', new Map([['past', past]]));
await saveArrays(
  'held-out.npz',
  new Map([
    ['past', past],
    ['future', future],
  ]),
);
console.log(
  `model.onnx is off by ${Math.sqrt(history.at(-1).train.mse).toFixed(3)} on average; history.npz has ${2 * count} series`,
);
