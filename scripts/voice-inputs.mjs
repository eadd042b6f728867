// Makes inputs for models that hear voices, without any recording: harmonics of a wandering pitch under three formants,
// hisses, pauses and noise, at 16 kHz. Writes into DIR
//   frames.npz       input_4 [600, 1, 1, 512]: frames of a quiet room, for DTLN's second model
//   spectrogram.npz  mix [800, 1, 257, 1, 2]: noisy frames, windowed and transformed, for GTCRN and UL-UNAS
//   windows.npz      input [498, 1, 576]: noisy windows that overlap by 64 samples, for Silero VAD
// or, with --sequences N --steps T, the same as sequences to train on: [N, T, …]
//   node scripts/voice-inputs.mjs --out DIR [--seed 5] [--seconds 16 | --sequences 60 --steps 100]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomStream } from '../dist/base/random.js';
import { saveArrays } from '../dist/index.js';

const RATE = 16_000;
/** Samples of a sound: after as many another one begins. */
const SOUND = 2400;
const HARMONICS = 20;

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string' },
    seed: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '16' },
    sequences: { type: 'string' },
    steps: { type: 'string', default: '100' },
  },
});
if (flags.out === undefined) {
  console.error('name the folder to write into: --out DIR');
  process.exit(2);
}
mkdirSync(flags.out, { recursive: true });
const random = randomStream(Number(flags.seed));
const sequences = flags.sequences === undefined ? undefined : Number(flags.sequences);
const steps = Number(flags.steps);
const length = sequences === undefined ? RATE * Number(flags.seconds) : sequences * steps * 512 + 576;

const noisy = voice(0.05);
const quiet = voice(0.005);
const many = (count) => (sequences === undefined ? count : sequences * steps);
const lead = (count) => (sequences === undefined ? [count] : [sequences, steps]);
const windows = Math.floor((length - 576) / 512);
await save('frames.npz', 'input_4', [...lead(600), 1, 1, 512], framesOf(quiet, many(600), 512, 128));
await save('spectrogram.npz', 'mix', [...lead(800), 1, 257, 1, 2], spectrogram(noisy, many(800)));
await save('windows.npz', 'input', [...lead(windows), 1, 576], framesOf(noisy, many(windows), 576, 512));

/** A normally distributed number. */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** What a speaker does for a while: pitch in Hz, loudness, formants in Hz, and whether there is a pitch at all. */
function drawSound() {
  const pitch = 90 + 150 * random();
  const loudness = random() < 0.3 ? 0 : 0.05 + 0.25 * random();
  const formants = [300 + 600 * random(), 900 + 1300 * random(), 2200 + 900 * random()];
  return { pitch, loudness, formants, isVoiced: random() < 0.75 };
}

/** A voice in a room with noise of this strength. */
function voice(noise) {
  const samples = new Float32Array(length);
  let [sound, phase, loudness, rumble] = [undefined, 0, 0, 0];
  for (let i = 0; i < length; i++) {
    if (i % SOUND === 0) sound = drawSound();
    loudness += (sound.loudness - loudness) * 0.002;
    phase += (2 * Math.PI * sound.pitch * (1 + 0.02 * Math.sin(i / 3000))) / RATE;
    const tone = sound.isVoiced ? harmonics(phase, sound) : 0.7 * normal();
    rumble = 0.95 * rumble + 0.05 * normal();
    samples[i] = loudness * tone * 0.5 + noise * (0.3 * normal() + 2 * rumble);
  }
  return samples;
}

function harmonics(phase, { pitch, formants }) {
  let sum = 0;
  for (let k = 1; k <= HARMONICS; k++) {
    const gain = formants.reduce((total, formant) => total + Math.exp(-(((k * pitch - formant) / 150) ** 2)), 0);
    sum += ((gain + 0.05) / Math.sqrt(k)) * Math.sin(k * phase);
  }
  return sum;
}

/** Frames [count, size] that begin every `hop` samples. */
function framesOf(samples, count, size, hop) {
  const frames = new Float32Array(count * size);
  for (let t = 0; t < count; t++) frames.set(samples.subarray(t * hop, t * hop + size), t * size);
  return frames;
}

/** Short-time Fourier transform [count, 257, 2] of 512 samples every 256, under the root of Hann's window. */
function spectrogram(samples, count) {
  const size = 512;
  const bins = size / 2 + 1;
  const window = Float64Array.from({ length: size }, (_, i) =>
    Math.sqrt(0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size)),
  );
  const spectrum = new Float32Array(count * bins * 2);
  const cosine = Float64Array.from({ length: size }, (_, i) => Math.cos((2 * Math.PI * i) / size));
  const sine = Float64Array.from({ length: size }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
  for (let t = 0; t < count; t++) {
    for (let k = 0; k < bins; k++) {
      let [real, imaginary] = [0, 0];
      for (let i = 0; i < size; i++) {
        const value = window[i] * samples[t * (size / 2) + i];
        real += value * cosine[(k * i) % size];
        imaginary += value * sine[(k * i) % size];
      }
      spectrum.set([real, imaginary], (t * bins + k) * 2);
    }
  }
  return spectrum;
}

async function save(file, name, dims, data) {
  await saveArrays(join(flags.out, file), new Map([[name, { elementType: 'float32', dims, data }]]));
  console.log(`${join(flags.out, file)}: ${name} [${dims.join(', ')}]`);
}
