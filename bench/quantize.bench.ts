import { loadavg } from 'node:os';
import { Option } from 'commander';
import { note } from '../src/cli/output.ts';
import { wholeOption } from './support/program.ts';
import { scoreForms, scoresText } from './support/quantizedScores.ts';
import { sizedModels, sizesText, timeSizes } from './support/quantizedSizes.ts';
import { comparePeer, peerText } from './support/quantizePeer.ts';
import { runScript } from './support/script.ts';

interface Flags {
  readonly seed: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly run?: string;
  readonly python: string;
}

await runScript<Flags>({
  name: 'bench:quantize',
  about:
    'What fewer bits are worth: bytes and latency of the two models of the ISS paper, dense and slim, in float32, int8 ' +
    'and fp16, all in turn in one run (untrained weights); what forms do to the score of a trained model; and the slim ' +
    "model beside onnxruntime's own quantize_dynamic.",
  options: [
    wholeOption('--seed', 'seed of the weights', 1),
    wholeOption('--rounds', 'turns of each model, of 5 timed runs each', 6),
    wholeOption(
      '--seconds',
      'time for all turns in one engine and shape; turns get shorter where it is too little',
      120,
    ),
    new Option('--run <directory>', 'a finished run of slimrnn train, whose model is scored in each form'),
    new Option('--python <file>', 'a Python that has onnx and onnxruntime').default(
      process.env.SLIMRNN_PYTHON ?? 'python3',
    ),
  ],
  paths: ({ python }) => ({ [python]: 'PYTHON' }),
  async measure({ seed, rounds, seconds, run, python }) {
    const load = { before: loadavg(), after: loadavg() };
    const models = sizedModels(seed);
    const latency = await timeSizes(models, { rounds, budget: 1000 * seconds });
    load.after = loadavg();
    const scores = run === undefined ? undefined : await scoreForms(run);
    note('beside quantize_dynamic');
    const peer = await comparePeer(python, models.find(({ name }) => name === 'slim float32')!.model);
    const sizes = models.map(({ name, bytes }) => ({ name, bytes }));
    return {
      figures: { seed, loadAverage: load, models: sizes, latency, scores, peer },
      text: () =>
        [
          sizesText(models, latency),
          ...(scores === undefined ? [] : [scoresText(scores)]),
          ...(peer === undefined ? [] : [peerText(peer)]),
          `load of the machine while timing, over a minute: ${load.before[0]!.toFixed(1)} to ${load.after[0]!.toFixed(1)}`,
        ].join('\n\n'),
    };
  },
});
