import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { flagName, type Settings } from '../base/fields.ts';
import { namedSettings, readSettings } from '../config/readSettings.ts';
import { traceModel } from '../groups/traceModel.ts';
import { describeMethod } from '../methods/registry.ts';
import { loadModel } from '../onnx/file.ts';
import { follow, requireDivisible } from '../runs/ranks.ts';
import type { RunResult } from '../runs/result.ts';
import { finishedRun, type RunOptions } from '../runs/run.ts';
import { checkNewRunDirectory, runFiles } from '../runs/runDirectory.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { taskNamed } from '../tasks/registry.ts';
import type { Sources } from '../tasks/task.ts';
import type { Collective } from '../train/collective.ts';
import { addConfigFlags, settingsFrom } from './configFlags.ts';
import { examplesText, presetsText } from './helpTexts.ts';
import { refuseTeacher } from './importedModel.ts';
import { note, print } from './output.ts';
import { runWithDisplay, scoresText, withDisplay } from './progress.ts';
import { type Joined, withRanks } from './ranks.ts';
import { resultText } from './resultText.ts';

export interface TrainFlags extends Sources {
  readonly out?: string;
  readonly resume?: boolean;
  readonly tensorboard?: boolean;
}

/** `slimrnn train <preset or config.json>` */
export const command = new Command('train')
  .description(
    'Trains a recurrent network on a task: a language model, a classifier of texts, or an imported model on arrays. ' +
      'With --iss λ hidden units die while it trains, and the model shrinks.\n\n' +
      `${presetsText()}\n\n` +
      'A flag below replaces what the preset or the file says. The defaults are for what neither of them says.',
  )
  .argument(
    '<config>',
    'a preset, or a JSON file (fields as in config.json of a run; "preset" names a base); with --resume also a run directory',
  )
  .option('--data <path>', 'file or folder with the data (default: what the task brings along)')
  .option('--valid <path>', 'held-out data, where they lie apart')
  .option('--test <path>', 'test data, where they lie apart')
  .option('--out <dir>', 'run directory (default: runs/<preset>)')
  .option('--init <path>', 'start from the weights of a trained model: an ONNX file or a run directory')
  .option('--teacher <file>', 'an ONNX file whose outputs are followed (--task distillation)')
  .option('--resume', 'go on with the run in --out from its last checkpoint')
  .option('--tensorboard', 'keep an event file for TensorBoard in the run directory');
addConfigFlags(command);
command.addHelpText(
  'after',
  examplesText(
    'train iss-small',
    'train spam --out runs/spam',
    'train iss-sentiment --data reviews.csv --text review --label stars',
    'train modern-small --data ptb --target units=0.5 --optimizer adam --learning-rate 0.002 --schedule cosine',
    'train runs/iss-small --resume',
  ),
);
command.action(async (name: string, flags: TrainFlags) => {
  const result = await withRanks((joined) => trainCommand(name, flags, settingsFrom(command), joined));
  if (result) print(result, () => resultText(result));
});

async function trainCommand(
  named: string,
  flags: TrainFlags,
  said: Settings,
  joined: Joined,
): Promise<RunResult | undefined> {
  // `train runs/x --resume` means the configuration and the directory of that run.
  const isRun = flags.resume === true && existsSync(join(named, runFiles.config));
  const name = isRun ? join(named, runFiles.config) : named;
  const { base, fields, sources: saved } = await namedSettings(name);
  const { data, valid, test, init, teacher } = { ...saved, ...flags };
  const sources = { data, valid, test, init, teacher };
  const kind = taskNamed(String(said.task ?? fields.task ?? base.task ?? ''));
  const sizes = init === undefined ? {} : await kind?.settingsOf?.(init);
  const nameOf = (field: string) => (field in fields && !(field in said) ? field : flagName(field));
  const config = readSettings(`configuration ${name}`, { ...fields, ...said }, { ...base, ...sizes }, nameOf);
  refuseTeacher(config.task.kind, teacher);
  const directory = flags.out ?? (isRun ? named : join('runs', name.replace(/\.json$/, '').replace(/[^\w.-]+/g, '-')));
  return trainInto({ ...flags, config, sources, directory }, joined);
}

/** A run of a configuration into a directory, on data from `sources`. */
interface IntoOptions extends Pick<RunOptions, 'config' | 'directory' | 'resume'> {
  readonly sources: Sources;
  readonly tensorboard?: boolean;
}

/**
 * A run with all that a person wants to see of it. Of several processes the first one has the run directory; the others
 * help it to train and resolve to nothing.
 */
export async function trainInto(options: IntoOptions, { collective, threads }: Joined): Promise<RunResult | undefined> {
  const config = { ...options.config, threads: options.config.threads ?? threads };
  requireDivisible(config, collective.ranks);
  if (collective.rank > 0) return helpToTrain({ ...options, config }, collective);
  return trainAndShow({ ...options, config }, collective);
}

async function helpToTrain(
  { config, sources, directory, resume }: IntoOptions,
  collective: Collective,
): Promise<undefined> {
  const task = await taskNamed(config.task.kind)!.load(config, sources);
  await withDisplay(0, (_, signal) =>
    follow({ config, task, directory, resume, runtime: nodeRuntime, signal, collective }),
  );
}

async function trainAndShow(options: IntoOptions, collective: Collective): Promise<RunResult> {
  const { config, sources, directory, resume, tensorboard = false } = options;
  let layers: readonly string[] | undefined;
  const events = tensorboard ? await import('../tensorboard/writer.ts') : undefined;
  const updateEvents = () => events?.updateTensorBoard(directory, layers);
  // Here, too, and not only in `run`: before the data are read.
  const finished = resume ? await finishedRun(directory, config, sources) : undefined;
  if (finished) {
    note(`${directory} is finished already`);
    if (tensorboard) {
      const { groups } = traceModel(await loadModel(join(directory, runFiles.model)), { tolerant: true });
      layers = groups.layers.map(({ name }) => name);
    }
    updateEvents();
    return finished;
  }
  if (!resume) await checkNewRunDirectory(directory);
  const task = await taskNamed(config.task.kind)!.load(config, sources);
  const result = await runWithDisplay('', {
    ...{ config, task, directory, sources, resume, collective },
    onReady(start) {
      for (const line of [...task.notes, ...start.notes.map((text) => `note: ${text}`)]) note(line);
      const units = start.layers.map((layer) => layer.units).join(', ');
      note(`${units === '' ? '' : `hidden ${units}; `}${describeMethod(config.method)}; run directory ${directory}`);
      if (start.before?.valid) note(`before  valid ${scoresText(task.problem.scores, start.before.valid)}`);
      layers = start.layers.map((layer) => layer.name);
      updateEvents();
    },
    onEpoch: updateEvents,
  });
  // A run that was resumed behind its last epoch has completed its metrics without another one.
  updateEvents();
  return result;
}
