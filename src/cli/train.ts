import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { writeAtomically } from '../files.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { checkConfig, type PartialConfig, type TrainConfig } from '../train/config.ts';
import { presets } from '../train/presets.ts';
import { type RunResult, run } from '../train/run.ts';
import {
  checkNewRunDirectory,
  createRunDirectory,
  openRunDirectory,
  readJson,
  runFiles,
} from '../train/runDirectory.ts';
import { freshModel, initialModelPath, loadInitialModel, loadText, modelFrom } from '../train/start.ts';
import { addConfigFlags, configFrom, didYouMean, flagName } from './configFlags.ts';
import { duration, fileSize, grouped, note, print, table } from './output.ts';
import { progressDisplay } from './progress.ts';

interface TrainFlags {
  data?: string;
  out?: string;
  init?: string;
  resume?: boolean;
  json?: boolean;
}

/** `slimrnn train <preset or config.json>` */
export function addTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .summary('train a language model, dense or with ISS')
    .description(
      'Trains a stacked LSTM language model. With --iss λ hidden units die while it trains and the model shrinks.\n' +
        `Presets: ${Object.keys(presets).join(', ')}; or a JSON file with the fields below.`,
    )
    .argument('<config>', 'a preset, or a JSON file (fields as in config.json of a run; "preset" names a base)')
    .option('--data <path>', 'folder with train/valid/test text, or one text file; default: the embedded corpus')
    .option('--out <dir>', 'run directory (default: runs/<preset>)')
    .option('--init <path>', 'start from the weights of a trained model: an ONNX file or a run directory')
    .option('--resume', 'go on with the run in --out from its last checkpoint')
    .option('--json', 'print one JSON document on stdout');
  addConfigFlags(command);
  command.action(async (name: string, flags: TrainFlags & Record<string, unknown>) => {
    const result = await trainCommand(name, flags, configFrom(flags));
    print(flags.json, result, () => resultText(result));
  });
}

async function trainCommand(name: string, flags: TrainFlags, overrides: PartialConfig): Promise<RunResult> {
  const base = await namedConfig(name);
  const init = flags.init === undefined ? undefined : await loadInitialModel(initialModelPath(flags.init));
  const sizes = init && { hidden: init.hidden, embedding: init.embedding };
  const config = checkConfig({ ...base, ...sizes, ...overrides }, `configuration ${name}`);
  const directory = flags.out ?? join('runs', name.replace(/\.json$/, '').replace(/[^\w.-]+/g, '-'));
  if (flags.resume) {
    await openRunDirectory(directory);
    const finished = join(directory, runFiles.result);
    await requireSame(await readJson(join(directory, runFiles.config)), config, flags.data, directory);
    if (existsSync(finished)) {
      note(`${directory} is finished already`);
      return (await readJson(finished)) as RunResult;
    }
  } else await checkNewRunDirectory(directory);
  const corpus = await loadText(config, flags.data);
  const model = init
    ? modelFrom(init.model, config, corpus.vocabulary, flags.init!)
    : freshModel(config, corpus.vocabulary);
  if (!flags.resume) {
    await createRunDirectory(directory);
    const saved = { ...config, data: flags.data ?? null, init: flags.init ?? null };
    await writeAtomically(join(directory, runFiles.config), `${JSON.stringify(saved, null, 2)}\n`);
  }
  note(
    `${corpus.name}: ${grouped(corpus.train.length)} training tokens, ${grouped(corpus.vocabulary.words.length)} words; ` +
      `hidden ${config.hidden.join(', ')}; ${config.iss > 0 ? `ISS λ ${config.iss}` : 'dense'}; run directory ${directory}`,
  );
  const display = progressDisplay('', config.epochs);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await run({
      config,
      corpus,
      model,
      runtime: nodeRuntime,
      directory,
      resume: flags.resume,
      signal: stop.signal,
      onWindow: display.window,
      onEpoch: display.epoch,
      onShrink: (from, to) => display.line(`shrunk from ${from.join(', ')} to ${to.join(', ')} units`),
      onStage: display.line,
    });
  } finally {
    display.done();
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
  }
}

/** The configuration that a preset or a file gives; a file may build on a preset by its field `preset`. */
async function namedConfig(name: string): Promise<PartialConfig> {
  const preset = presets[name];
  if (preset) return preset;
  if (!name.endsWith('.json')) {
    const known = Object.keys(presets);
    throw new UsageError(
      `unknown preset '${name}'${didYouMean(name, known)}; presets: ${known.join(', ')}; or name a .json file`,
    );
  }
  const content = await readJson(name);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UsageError(`${name} must hold one JSON object`);
  }
  const { preset: base, data: _data, init: _init, ...fields } = content as Record<string, unknown>;
  if (base === undefined) return fields as PartialConfig;
  if (typeof base !== 'string' || presets[base] === undefined) {
    throw new UsageError(`${name}: unknown preset '${base}'${didYouMean(String(base), Object.keys(presets))}`);
  }
  return { ...presets[base], ...(fields as PartialConfig) };
}

/** A resumed run must ask for what the run was started with; threads and checkpoint interval may change. */
async function requireSame(
  saved: unknown,
  config: TrainConfig,
  data: string | undefined,
  directory: string,
): Promise<void> {
  const before = saved as Record<string, unknown>;
  const now: Record<string, unknown> = { ...config, data: data ?? null };
  const free = new Set(['threads', 'checkpointEvery', 'init']);
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (free.has(key) || JSON.stringify(before[key]) === JSON.stringify(now[key])) continue;
    throw new UsageError(
      `${directory} was started with --${flagName(key)} ${JSON.stringify(before[key])}, not ${JSON.stringify(now[key])}; ` +
        '--resume needs the same, or start anew with another --out',
    );
  }
}

function resultText(result: RunResult): string {
  const rows = result.models.map((m) => [
    m.name,
    m.validPerplexity.toFixed(2),
    m.testPerplexity.toFixed(2),
    m.hidden.join(', '),
    grouped(m.parameters),
    fileSize(m.bytes),
    m.file,
  ]);
  const lines = [
    table(['model', 'valid ppl', 'test ppl', 'hidden', 'parameters', 'size', 'file'], rows),
    `trained for ${duration(result.seconds)}`,
  ];
  if (result.verify) {
    lines.push(
      `slim verified: outputs differ by at most ${result.verify.maxRelativeDifference.toExponential(1)} (relative)`,
    );
  }
  return lines.join('\n');
}
