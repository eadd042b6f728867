/**
 * Makes a noise suppressor and noisy spectra for it: node make.mjs [sequences] [epochs]
 *
 * The suppressor is a pair of LSTM layers over 32 bands of a spectrum that says for each band how much of it is wanted, a
 * mask from 0 to 1, and puts out the masked band. It is trained here on clean signals (model.onnx), so that there is one;
 * inputs.npz has noisy ones alone.
 */
import { finetune, GraphBuilder, modelOf, nn, nodeRuntime, ops, saveArrays, saveModel } from 'slimrnn';

const [sequences = 150, epochs = 15] = process.argv.slice(2).map(Number);
const [STEPS, BANDS, UNITS] = [60, 32, 64];

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

/** Noisy and clean magnitudes [count, STEPS, BANDS]: three partials that glide and swell, in noise with a slope of its own. */
function spectra(count, random) {
  const noisy = new Float32Array(count * STEPS * BANDS);
  const clean = new Float32Array(noisy.length);
  for (let n = 0; n < count; n++) {
    const partials = [1, 2, 3].map((i) => ({
      at: i * (3 + 5 * random()),
      glide: 0.1 * (random() - 0.5),
      phase: 9 * random(),
    }));
    const [level, slope] = [0.2 + 0.5 * random(), 0.06 * (random() - 0.5)];
    for (let t = 0; t < STEPS; t++) {
      for (let k = 0; k < BANDS; k++) {
        const at = (n * STEPS + t) * BANDS + k;
        for (const { at: start, glide, phase } of partials) {
          const swell = Math.max(0, Math.sin(phase + t / 7));
          clean[at] += swell * Math.exp(-(((k - start - glide * t) / 1.2) ** 2));
        }
        noisy[at] = clean[at] + level * Math.exp(slope * k) * random();
      }
    }
  }
  return { noisy, clean };
}

/** noisy [time, batch, 32] → enhanced [time, batch, 32] */
function suppressor() {
  const b = new GraphBuilder('suppressor');
  const init = nn.uniformInitializer(0.12, 1);
  const noisy = b.input('noisy', 'float32', ['time', 'batch', BANDS]);
  let x = noisy;
  for (const [i, inputs] of [BANDS, UNITS].entries()) {
    const weights = nn.layerWeights(b, 'lstm', { name: `lstm_${i}`, inputs, hidden: UNITS, forgetBias: 1 }, init);
    const [outputs] = b.node('LSTM', [x, ...weights], { hidden_size: UNITS }, 1, '', `lstm_${i}`);
    x = ops.squeeze(outputs, [1]);
  }
  b.output(ops.mul(noisy, ops.sigmoid(nn.linear(b, 'mask', x, UNITS, BANDS, init))), 'enhanced');
  return modelOf(b.build());
}

const random = randomNumbers(2);
const given = spectra(sequences, random);
const dims = [sequences, STEPS, BANDS];
const train = new Map([
  ['noisy', { elementType: 'float32', dims, data: given.noisy }],
  ['clean', { elementType: 'float32', dims, data: given.clean }],
]);
const settings = { loss: 'mse', targetArray: 'clean', epochs, batch: 10, learningRate: 0.004 };
const { model, history } = await finetune(suppressor(), { train }, settings, { runtime: nodeRuntime });
await saveModel('model.onnx', model);
const { noisy } = spectra(2 * sequences, random);
const all = { elementType: 'float32', dims: [2 * sequences, STEPS, BANDS], data: noisy };
await saveArrays('inputs.npz', new Map([['noisy', all]]));
const power = given.clean.reduce((sum, v) => sum + v * v, 0) / given.clean.length;
const snr = 10 * Math.log10(power / history.at(-1).train.mse);
console.log(
  `model.onnx leaves the wanted signal ${snr.toFixed(1)} dB above the rest; inputs.npz has ${2 * sequences} sequences`,
);
