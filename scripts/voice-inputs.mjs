// Makes inputs for models that hear voices, without any recording: syllables of a buzz through moving formants and of
// hisses, pauses, tones and silence, in a room with noise, at 16 kHz. Writes into DIR
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
const HARMONICS = 24;

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

/**
 * What is heard for a while, in samples: somebody speaks, pauses, a machine beeps, or nothing at all; with the strength of the
 * noise in the room meanwhile.
 */
function drawScene() {
  const seconds = (from, to) => Math.round(RATE * (from + (to - from) * random()));
  const kind = random();
  if (kind < 0.55) return { kind: 'speech', length: seconds(0.8, 3), noise: 1, pitch: 90 + 130 * random() };
  if (kind < 0.8) return { kind: 'pause', length: seconds(0.5, 2), noise: 1 };
  if (kind < 0.9) return { kind: 'tone', length: seconds(0.3, 1), noise: 1, pitch: 300 + 1700 * random() };
  return { kind: 'silence', length: seconds(0.5, 1.5), noise: 0 };
}

/** A syllable: its length in samples, loudness, formants in Hz where it begins and ends, and whether it has a pitch. */
function drawSyllable() {
  const formants = () => [300 + 500 * random(), 900 + 1300 * random(), 2200 + 900 * random()];
  const length = Math.round(RATE * (0.1 + 0.15 * random()));
  return { length, loudness: 0.12 + 0.2 * random(), from: formants(), to: formants(), isVoiced: random() < 0.85 };
}

/** Scenes one after another, in a room with noise of this strength. */
function voice(noise) {
  const samples = new Float32Array(length);
  let [scene, sceneEnd, syllable, syllableStart, phase, room, rumble] = [undefined, 0, undefined, 0, 0, noise, 0];
  for (let i = 0; i < length; i++) {
    if (i >= sceneEnd) {
      scene = drawScene();
      sceneEnd = i + scene.length;
      syllable = undefined;
    }
    let sound = 0;
    if (scene.kind === 'tone') {
      phase += (2 * Math.PI * scene.pitch) / RATE;
      sound = 0.1 * Math.sin(phase);
    } else if (scene.kind === 'speech') {
      if (syllable === undefined || i - syllableStart >= syllable.length) {
        [syllable, syllableStart] = [drawSyllable(), i];
      }
      const share = (i - syllableStart) / syllable.length;
      phase += (2 * Math.PI * scene.pitch * (1.08 - 0.16 * share + 0.01 * Math.sin(i / 500))) / RATE;
      const shaped = syllable.loudness * Math.min(1, 4 * share, 3 * (1 - share) + 0.15);
      sound = shaped * (syllable.isVoiced ? harmonics(phase, scene.pitch, syllable, share) : 0.3 * normal());
    }
    room += (scene.noise * noise - room) * 0.001;
    rumble = 0.95 * rumble + 0.05 * normal();
    samples[i] = sound + room * (0.3 * normal() + 2 * rumble);
  }
  return samples;
}

/** A glottal buzz through formants that move from one vowel to the next. */
function harmonics(phase, pitch, syllable, share) {
  // Gains change slowly: they are worked out once in 64 samples.
  if (syllable.gains === undefined || Math.floor(share * 32) !== syllable.at) {
    syllable.at = Math.floor(share * 32);
    const formants = syllable.from.map((from, n) => from + (syllable.to[n] - from) * share);
    syllable.gains = Array.from({ length: HARMONICS }, (_, k) => {
      const hertz = (k + 1) * pitch;
      const gain = formants.reduce((total, formant) => total + Math.exp(-(((hertz - formant) / 180) ** 2)), 0);
      return (gain + 0.08) / Math.sqrt(k + 1);
    });
  }
  // sin(k·φ) by Chebyshev's recurrence.
  const twice = 2 * Math.cos(phase);
  let [before, now, sum] = [0, Math.sin(phase), 0];
  for (const gain of syllable.gains) {
    sum += gain * now;
    [before, now] = [now, twice * now - before];
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
  const [real, imaginary] = [new Float64Array(size), new Float64Array(size)];
  for (let t = 0; t < count; t++) {
    for (let i = 0; i < size; i++) real[i] = window[i] * samples[t * (size / 2) + i];
    imaginary.fill(0);
    transform(real, imaginary);
    for (let k = 0; k < bins; k++) spectrum.set([real[k], imaginary[k]], (t * bins + k) * 2);
  }
  return spectrum;
}

/** Fast Fourier transform in place, for sizes that are powers of 2 (Cooley and Tukey 1965). */
function transform(real, imaginary) {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [real[i], real[j]] = [real[j], real[i]];
    [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
  }
  for (let half = 1; half < size; half *= 2) {
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos((Math.PI * k) / half), -Math.sin((Math.PI * k) / half)];
      for (let at = k; at < size; at += 2 * half) {
        const [x, y] = [real[at + half], imaginary[at + half]];
        const [a, b] = [x * c - y * s, x * s + y * c];
        [real[at + half], imaginary[at + half]] = [real[at] - a, imaginary[at] - b];
        real[at] += a;
        imaginary[at] += b;
      }
    }
  }
}

async function save(file, name, dims, data) {
  await saveArrays(join(flags.out, file), new Map([[name, { elementType: 'float32', dims, data }]]));
  console.log(`${join(flags.out, file)}: ${name} [${dims.join(', ')}]`);
}
