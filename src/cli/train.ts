import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { flagName, type Settings } from '../base/fields.ts';
import { namedSettings, readSettings } from '../config/readSettings.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { taskNamed } from '../tasks/registry.ts';
import { addConfigFlags, settingsFrom } from './configFlags.ts';
import { addExamples } from './helpTexts.ts';
import { refuseTeacher } from './importedModel.ts';
import { presetsText } from './presetsText.ts';
import { addRunFlags, carryOut, refuseSeed, type TrainFlags, type TrainRequest } from './trainInto.ts';

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
  .option('--init <path>', 'start from the weights of a trained model: an ONNX file or a run directory')
  .option('--teacher <file>', 'an ONNX file whose outputs are followed (--task distillation)');
addRunFlags(command, 'run directory (default: runs/<preset>)');
addConfigFlags(command);
addExamples(command, [
  'train iss-small',
  'train spam --out runs/spam',
  'train iss-sentiment --data reviews.csv --text review --label stars',
  'train modern-small --data ptb --target units=0.5 --optimizer adam --learning-rate 0.002 --schedule cosine',
  'train runs/iss-small --resume',
  'train iss-small --seeds 1,2,3 --out runs/three',
  'train iss-small --hidden 400,400 --dry-run',
]);
command.action(async (name: string, flags: TrainFlags) => {
  await carryOut(await requested(name, flags, settingsFrom(command)), flags);
});

async function requested(named: string, flags: TrainFlags, said: Settings): Promise<TrainRequest> {
  refuseSeed(flags, said);
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
  return { config, sources, directory };
}
