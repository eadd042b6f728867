import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Model } from '../graph/types.ts';
import { loadModel } from '../onnx/file.ts';
import { namedConfig } from '../runs/namedConfig.ts';
import { finishedRun, type RunResult } from '../runs/run.ts';
import { checkNewRunDirectory, runFiles } from '../runs/runDirectory.ts';
import { freshModel } from '../tasks/language-model/freshModel.ts';
import { initialModelPath, loadInitialModel, loadText, modelFrom } from '../tasks/language-model/start.ts';
import { updateTensorBoard } from '../tensorboard/writer.ts';
import { checkConfig, flagName, type PartialConfig, type TrainConfig } from '../train/config.ts';
import { presets } from '../train/presets.ts';
import { describeMethod, groupsOf, type TargetOutcome } from '../train/sparsity.ts';
import { addConfigFlags, configFrom } from './configFlags.ts';
import { noteCorpus, runWithDisplay } from './display.ts';
import { agreement, duration, fileSize, grouped, note, print, table } from './output.ts';

interface TrainFlags {
  data?: string;
  out?: string;
  init?: string;
  resume?: boolean;
  tensorboard?: boolean;
  json?: boolean;
}

/** `slimrnn train <preset or config.json>` */
export function addTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .summary('train a language model, dense or with ISS')
    .description(
      'Trains a language model of stacked LSTM layers (or --cell gru, rnn, rhn). With --iss λ hidden units die while it\n' +
        'trains and the model shrinks.\n' +
        `Presets: ${Object.keys(presets).join(', ')}; or a JSON file with the fields below.`,
    )
    .argument(
      '<config>',
      'a preset, or a JSON file (fields as in config.json of a run; "preset" names a base); with --resume also a run directory',
    )
    .option('--data <path>', 'folder with train/valid/test text, or one text file; default: the embedded corpus')
    .option('--out <dir>', 'run directory (default: runs/<preset>)')
    .option('--init <path>', 'start from the weights of a trained model: an ONNX file or a run directory')
    .option('--resume', 'go on with the run in --out from its last checkpoint')
    .option('--tensorboard', 'keep an event file for TensorBoard in the run directory')
    .option('--json', 'print one JSON document on stdout');
  addConfigFlags(command);
  command.action(async (name: string, flags: TrainFlags & Record<string, unknown>) => {
    const result = await trainCommand(name, flags, configFrom(flags));
    print(flags.json, result, () => resultText(result));
  });
}

async function trainCommand(named: string, given: TrainFlags, overrides: PartialConfig): Promise<RunResult> {
  const { name, flags } = resumedRun(named, given);
  const { fields: base, ...sources } = await namedConfig(name);
  const data = flags.data ?? sources.data;
  const source = flags.init ?? sources.init;
  const init = source === undefined ? undefined : await loadInitialModel(initialModelPath(source));
  const config = checkConfig({ ...base, ...init?.sizes, ...overrides }, `configuration ${name}`, flagName);
  const directory = flags.out ?? join('runs', name.replace(/\.json$/, '').replace(/[^\w.-]+/g, '-'));
  // Here, too, and not only in `run`: before the text is read.
  const finished = flags.resume ? await finishedRun(directory, config, { data, init: source }) : undefined;
  if (finished) {
    note(`${directory} is finished already`);
    if (flags.tensorboard) {
      updateTensorBoard(directory, layerNames(await loadModel(join(directory, runFiles.model)), config));
    }
    return finished;
  }
  if (!flags.resume) await checkNewRunDirectory(directory);
  const corpus = await loadText(config, data);
  const model =
    init && source !== undefined
      ? modelFrom(init.model, config, corpus.vocabulary, source)
      : freshModel(config, corpus.vocabulary);
  const layers = flags.tensorboard ? layerNames(model, config) : undefined;
  const updateEvents = () => {
    if (layers) updateTensorBoard(directory, layers);
  };
  const result = await runWithDisplay('', {
    ...{ config, corpus, model, directory, sources: { data, init: source }, resume: flags.resume },
    onReady: () => {
      noteCorpus(corpus);
      note(`hidden ${config.hidden.join(', ')}; ${describeMethod(config)}; run directory ${directory}`);
      updateEvents();
    },
    onEpoch: updateEvents,
  });
  // A run that was resumed behind its last epoch has completed its metrics without another one.
  updateEvents();
  return result;
}

/** Layers with units that can vanish, from the bottom, as rows of metrics list them. */
function layerNames(model: Model, config: TrainConfig): string[] {
  return groupsOf(model, config).layers.map((layer) => layer.name);
}

/** `train runs/x --resume` means the configuration and the directory of that run. */
function resumedRun(name: string, flags: TrainFlags): { name: string; flags: TrainFlags } {
  const config = join(name, runFiles.config);
  if (!flags.resume || !existsSync(config)) return { name, flags };
  return { name: config, flags: { ...flags, out: flags.out ?? name } };
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
    lines.push(`verified: outputs of the slim model ${agreement(result.verify)} those of the trained one`);
  }
  if (result.target) lines.push(...targetText(result.target));
  return lines.join('\n');
}

/** What a user can do when a target was missed by more than a twentieth. */
function targetText({ what, asked, reached }: TargetOutcome): string[] {
  if (Math.abs(reached - asked) <= 0.05) return [];
  const more = reached > asked ? 'more epochs or a higher --iss take away more' : 'a lower --iss keeps more';
  const left = `${(reached * 100).toFixed(0)} % of the ${what === 'units' ? 'units' : 'parameters'} are left`;
  return [`missed --target ${what}=${asked}: ${left}; ${more}`];
}
