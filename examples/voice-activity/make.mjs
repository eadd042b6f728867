/**
 * Makes a voice activity detector and recordings for it: node make.mjs [sequences] [epochs]
 *
 * The detector is a GRU that hears a frame of 16 bands (log energies, 10 ms) at a time and says how likely somebody speaks.
 * Speech is made up: harmonics under a formant that wander, in syllables; around it are noise that swells and tones. The
 * detector is trained on labels here (model.onnx), so that there is one; recordings.npz has no labels.
 */
import { finetune, GraphBuilder, modelOf, nn, nodeRuntime, ops, saveArrays, saveModel, stateMetadata } from 'slimrnn';

const [sequences = 120, epochs = 12] = process.argv.slice(2).map(Number);
const [STEPS, BANDS, UNITS] = [100, 16, 48];

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

/** Frames of so many steps, and whether somebody speaks in each. */
function record(steps, random) {
  const frames = new Float32Array(steps * BANDS);
  const speech = new Float32Array(steps);
  let [speaks, left, formant, pitch, noise, tone] = [false, 0, 6, 2.5, 0.2, -1];
  for (let t = 0; t < steps; t++) {
    if (left-- <= 0) {
      speaks = !speaks;
      left = 15 + Math.floor(40 * random());
      [formant, pitch] = [2 + 10 * random(), 2 + 2 * random()];
      tone = random() < 0.4 ? Math.floor(BANDS * random()) : -1;
    }
    noise += 0.05 * (random() - 0.5) + 0.02 * (0.2 - noise);
    formant += 0.6 * (random() - 0.5);
    const syllable = 0.5 + 0.5 * Math.sin((2 * Math.PI * t) / 22);
    speech[t] = speaks ? 1 : 0;
    for (let k = 0; k < BANDS; k++) {
      const voice = syllable * (1 + Math.cos((2 * Math.PI * k) / pitch)) * Math.exp(-(((k - formant) / 4) ** 2));
      const energy = (speaks ? voice : 0) + Math.abs(noise) * (0.5 + random()) + (k === tone ? 0.8 : 0);
      frames[t * BANDS + k] = Math.log(0.01 + energy);
    }
  }
  return { frames, speech };
}

/** frame [batch, 16] and the state h [1, batch, 48] → speech [batch, 1] and the next state. */
function detector() {
  const b = new GraphBuilder('detector');
  const init = nn.uniformInitializer(0.15, 1);
  const frame = b.input('frame', 'float32', ['batch', BANDS]);
  const { output, states } = nn.recurrentLayer(b, 'gru', 'gru', ops.unsqueeze(frame, [0]), BANDS, UNITS, init);
  b.output(ops.sigmoid(nn.linear(b, 'head', ops.squeeze(output, [0]), UNITS, 1, init)), 'speech');
  for (const state of states) b.output(b.value(state.output));
  return modelOf(b.build(), stateMetadata(states));
}

const random = randomNumbers(1);
const labelled = record(sequences * STEPS, random);
const train = new Map([
  ['frame', { elementType: 'float32', dims: [sequences, STEPS, BANDS], data: labelled.frames }],
  ['speech', { elementType: 'float32', dims: [sequences, STEPS, 1], data: labelled.speech }],
]);
const settings = { loss: 'bce', targetArray: 'speech', epochs, batch: 12, learningRate: 0.005 };
const { model, history } = await finetune(detector(), { train }, settings, { runtime: nodeRuntime });
await saveModel('model.onnx', model);
const { frames } = record(2 * sequences * STEPS, random);
const dims = [frames.length / BANDS, BANDS];
await saveArrays('recordings.npz', new Map([['frame', { elementType: 'float32', dims, data: frames }]]));
const { accuracy } = history.at(-1).train;
console.log(
  `model.onnx is right in ${(100 * accuracy).toFixed(1)} % of its frames; recordings.npz has ${dims[0]} frames`,
);
