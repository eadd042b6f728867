import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { environment } from '../base/environment.ts';
import { UsageError } from '../base/errors.ts';
import type { LoadedCorpus } from '../data/makeCorpus.ts';
import { vocabularyDigest } from '../data/vocabulary.ts';
import type { Model } from '../graph/types.ts';
import { loadModel } from '../onnx/file.ts';
import { namedConfig } from '../runs/namedConfig.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { isSweepDirectory } from '../sweep/plan.ts';
import { trainedVocabulary } from '../tasks/language-model/freshModel.ts';
import { loadText } from '../tasks/language-model/start.ts';
import { type Calibration, calibrate } from '../train/calibrate.ts';
import { checkConfig, type TrainConfig } from '../train/config.ts';
import { presets } from '../train/presets.ts';
import { describeMethod, methodName } from '../train/sparsity.ts';
import { whole } from './flags.ts';
import { grouped, note, print, rounded, table } from './output.ts';

interface CalibrateFlags {
  tolerance: number;
  data?: string;
  batch?: number;
  steps?: number;
  threads?: number;
  issEmbedding?: boolean;
  json?: boolean;
}

/** `slimrnn calibrate runs/dense` */
export function addCalibrateCommand(program: Command): void {
  program
    .command('calibrate')
    .summary('find how large the threshold τ may be')
    .description(
      'Sets the weights below τ to zero in a trained dense model, for one τ after another, and finds the largest τ that\n' +
        'leaves the validation perplexity as it is, within a tolerance. Ends with the --threshold to train with.',
    )
    .argument('<model>', 'a run directory, or an ONNX file that train made (with --data)')
    .option('--tolerance <share>', 'largest relative rise of the validation perplexity', tolerance, 0.001)
    .option('--data <path>', 'folder or text file as for train, or sotu; default: what the run was trained on')
    .option('--batch <number>', 'sequences side by side (default: as in training; for a file 20)', whole('--batch'))
    .option('--steps <number>', 'time steps of a window (default: as in training; for a file 35)', whole('--steps'))
    .option('--threads <number>', 'threads of the engine (default: one per core)', whole('--threads'))
    .option('--iss-embedding', 'take the columns of the embedding, too, for training with --iss-embedding')
    .option('--json', 'print one JSON document on stdout')
    .action(async (path: string, flags: CalibrateFlags) => {
      const { file, model, config, corpus } = await load(path, flags);
      if (methodName(config) !== 'dense') {
        note(`warning: ${path} was trained with ${describeMethod(config)}; τ is meant to be found on a dense model`);
      }
      note(`${file} on ${grouped(corpus.valid.length)} validation tokens of ${corpus.source}`);
      const found = await calibrate({
        model,
        valid: corpus.valid,
        batch: config.batch,
        steps: config.steps,
        runtime: nodeRuntime,
        threads: flags.threads ?? config.threads,
        tolerance: flags.tolerance,
        embeddings: flags.issEmbedding ?? config.issEmbedding,
        onPoint: (p) => note(`τ ${p.threshold.toExponential()}  perplexity ${p.validPerplexity.toFixed(3)}`),
      });
      const data = { source: corpus.source, sha256: corpus.sha256 };
      const document = { file, data, ...found, engine: nodeRuntime.name, environment: environment() };
      print(flags.json, document, () => calibrationText(found));
    });
}

/** A trained model, how it was trained, and its text. */
interface Loaded {
  readonly file: string;
  readonly model: Model;
  readonly config: TrainConfig;
  readonly corpus: LoadedCorpus;
}

async function load(path: string, flags: CalibrateFlags): Promise<Loaded> {
  const { file, config: own, data } = await (isFolder(path) ? fromRun(path) : fromFile(path, flags.data));
  const config = { ...own, batch: flags.batch ?? own.batch, steps: flags.steps ?? own.steps };
  const model = await loadModel(file);
  const digest = trainedVocabulary(model);
  if (digest === undefined) throw new UsageError(`${file} is not a language model made by slimrnn train`);
  const corpus = await loadText(
    { ...config, vocabulary: config.vocabulary ?? embeddedWords(model) },
    flags.data ?? data,
  );
  if (vocabularyDigest(corpus.vocabulary) !== digest) {
    throw new UsageError(
      `${corpus.source} has another vocabulary than ${file} was trained with: name its text with --data`,
    );
  }
  return { file, model, config, corpus };
}

/** Words that a model knows: a larger text gives the most frequent ones. */
function embeddedWords(model: Model): number | undefined {
  return model.graph.initializers.get('embedding')?.dims[0];
}

async function fromRun(path: string) {
  if (isSweepDirectory(path)) throw new UsageError(`${path} is a sweep: name the folder of one of its runs`);
  const file = join(path, runFiles.model);
  const { fields, data } = await namedConfig(join(path, runFiles.config));
  if (!existsSync(file)) throw new UsageError(`${path} has no ${runFiles.model} yet: finish the run first`);
  const config = checkConfig(fields, join(path, runFiles.config));
  return { file, config, data };
}

async function fromFile(file: string, data: string | undefined) {
  if (existsSync(file) && data === undefined) {
    throw new UsageError(`${file} is a model without its run: name its text with --data (sotu: the embedded corpus)`);
  }
  return { file, config: presets['zaremba-medium']!, data };
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function tolerance(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < 1) return value;
  throw new UsageError(`--tolerance takes a share from 0 to less than 1 (0.001 is 0.1 %), got '${text}'`);
}

function calibrationText(found: Calibration): string {
  const { validPerplexity: base, points, threshold, weightScale, advice, weights, parameters } = found;
  const rows = points.map((p) => [
    p.threshold.toExponential(),
    `${(p.share * 100).toFixed(2)} %`,
    p.validPerplexity.toFixed(3),
    `${p.validPerplexity >= base ? '+' : '−'}${Math.abs((p.validPerplexity / base - 1) * 100).toFixed(3)} %`,
    p.isSafe ? 'yes' : 'no',
  ]);
  const within = `within ${Number((found.tolerance * 100).toPrecision(6))} %`;
  return [
    table(['τ', 'weights below', 'valid ppl', 'change', within], rows),
    '',
    `Validation perplexity ${base.toFixed(3)} without a threshold; ${grouped(weights)} weights in ${parameters.join(', ')}.`,
    ...(threshold === undefined || advice === undefined
      ? [
          `No τ from ${points[0]!.threshold.toExponential()} on is ${within}: train without a threshold, or allow more with --tolerance`,
        ]
      : [
          `Up to τ = ${threshold.toExponential()} the trained model stays ${within}. Training needs a τ well below its weights, ` +
            `whose root mean square is ${rounded(weightScale)}.`,
          `Train with --threshold ${advice.toExponential()}`,
        ]),
  ].join('\n');
}
