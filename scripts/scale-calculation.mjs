/**
 * How training and sweeps grow to 8, 64 and 1024 workers: a calculation, not a measurement. Prints results/scale.json.
 *
 *     node scripts/scale-calculation.mjs > results/scale.json
 *
 * Steps are those of results/bench.json (two cores a worker). A sum over N workers of a gradient of S bytes takes, by the
 * ring that MPI libraries use for large arrays, 2 (N - 1) / N · S / bandwidth + 2 (N - 1) · latency; or by halving and
 * doubling, the same traffic with 2 log2 N latencies. The faster one counts, nothing overlaps with the step.
 */
import { readFileSync } from 'node:fs';

const bench = JSON.parse(readFileSync(new URL('../results/bench.json', import.meta.url), 'utf8'));
const assumptions = {
  networks: [
    { name: '1 Gbit/s Ethernet', bytesPerSecond: 117e6, latencySeconds: 50e-6 },
    { name: '10 Gbit/s Ethernet', bytesPerSecond: 1.17e9, latencySeconds: 30e-6 },
    { name: '100 Gbit/s InfiniBand', bytesPerSecond: 11.7e9, latencySeconds: 2e-6 },
  ],
  model:
    'two LSTM layers, a vocabulary of 10 000, 20 sequences of 35 steps for each worker (the batch grows with them)',
  sweep: {
    secondsPerEpoch: 60,
    epochs: 13,
    rungs: 1,
    bytesOfTrial: 2500,
    bytesOfResult: 130_000,
    bytesOfProgress: 400,
    bytesOfRenewal: 200,
    secondsBetweenRenewals: 15,
    secondsBetweenLooks: 1,
    meaning:
      'every worker has one run of 13 epochs; sizes of its files in base64, of which a vocabulary of 10 000 words is 107 kB',
  },
};
const VOCABULARY = 10_000;
const WORKERS = [8, 64, 1024];

/** Weights of the model: embedding, two layers of four gates, output. */
const parametersOf = (hidden) => 2 * VOCABULARY * hidden + VOCABULARY + 2 * (8 * hidden * hidden + 8 * hidden);

const sumSeconds = (bytes, workers, { bytesPerSecond, latencySeconds }) => {
  const traffic = (2 * (workers - 1) * bytes) / workers / bytesPerSecond;
  return traffic + Math.min(2 * (workers - 1), 2 * Math.ceil(Math.log2(workers))) * latencySeconds;
};

const round = (value) => Number(value.toPrecision(3));

const training = bench.training.flatMap(({ ours }) => {
  const bytes = 4 * parametersOf(ours.hidden);
  const step = ours.milliseconds.median / 1e3;
  return assumptions.networks.map((network) => ({
    hidden: ours.hidden,
    megabytes: round(bytes / 1e6),
    stepMilliseconds: round(1e3 * step),
    network: network.name,
    workers: WORKERS.map((workers) => {
      const sum = sumSeconds(bytes, workers, network);
      return {
        workers,
        sumMilliseconds: round(1e3 * sum),
        share: round(sum / (step + sum)),
        timesOneWorker: round((workers * step) / (step + sum)),
      };
    }),
  }));
});

const sweeps = WORKERS.map((workers) => {
  const { sweep: s } = assumptions;
  const run = s.secondsPerEpoch * s.epochs;
  const perRun = (1 + s.rungs) * (s.bytesOfTrial + s.bytesOfResult) + s.epochs * s.bytesOfProgress;
  const renewals = (workers * s.bytesOfRenewal) / s.secondsBetweenRenewals;
  // Each look reads what is under way, at most 200 trials.
  const looks = (Math.min(workers, 200) * (s.bytesOfTrial + s.bytesOfProgress)) / s.secondsBetweenLooks;
  return {
    workers,
    kilobytesPerSecond: {
      runs: round((workers * perRun) / run / 1e3),
      renewals: round(renewals / 1e3),
      looks: round(looks / 1e3),
    },
    commandsPerSecond: round(
      workers / s.secondsBetweenRenewals + workers / s.secondsPerEpoch + 3 / s.secondsBetweenLooks,
    ),
  };
});

const command = 'node scripts/scale-calculation.mjs > results/scale.json';
process.stdout.write(`${JSON.stringify({ command, isCalculated: true, assumptions, training, sweeps }, null, 2)}\n`);
