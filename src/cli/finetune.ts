import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { readSettings, savedSettings } from '../config/readSettings.ts';
import { readConfig, runFiles } from '../runs/runDirectory.ts';
import { distillationTask } from '../tasks/distillation/task.ts';
import { addConfigFlags, settingsFrom } from './configFlags.ts';
import { addExamples } from './helpTexts.ts';
import { importedTask, importedTasks, withTargets } from './importedModel.ts';
import { addRunFlags, carryOut, refuseSeed, type TrainFlags, type TrainRequest } from './trainInto.ts';

/** `slimrnn finetune model.onnx --data train.npz --loss cross-entropy --target-array y` */
export const command = new Command('finetune')
  .description(
    'Trains a model further on arrays; the first axis of each is that of the examples. Each input of the model takes ' +
      'the array of its name. --target-array ARRAY names the targets, ARRAY=OUTPUT where the model has several outputs ' +
      '(--target ARRAY says the same). A model of one step, with states as inputs and outputs (--state in=out), is trained ' +
      'over sequences: arrays [N, T, …]. With --iss λ hidden units die while it trains, and the model shrinks.\n' +
      'With --teacher, the model learns to compute what another one does, usually the one that it was cut from, and the ' +
      'data are inputs alone.',
  )
  .argument('<model>', 'an ONNX file; with --resume also a run directory')
  .option('--data <file>', 'training examples: .npz, .safetensors or .jsonl')
  .option('--valid <file>', 'held-out examples, scored after every epoch')
  .option('--teacher <file>', 'an ONNX file whose outputs are the targets, in place of --loss and --target-array');
addRunFlags(command, 'run directory (default: runs/<name of the model>)');
addConfigFlags(command, importedTasks, ({ name }) =>
  name === distillationTask.name ? 'With --teacher' : 'Without --teacher',
);
const data = 'finetune model.onnx --data train.npz --valid valid.npz --loss mse --target-array y';
addExamples(command, [
  data,
  `${data} --iss 0.01`,
  `${data} --target units=0.5`,
  'finetune slim.onnx --teacher model.onnx --data inputs.npz --valid others.npz',
  'finetune step.onnx --data sequences.npz --loss mse --target-array y --state h=h_out --state c=c_out',
]);
command.action(async (path: string, flags: TrainFlags) => {
  await carryOut(await requested(path, flags, withTargets(settingsFrom(command, importedTasks))), flags);
});

async function requested(path: string, flags: TrainFlags, said: Settings): Promise<TrainRequest> {
  refuseSeed(flags, said);
  const isRun = flags.resume === true && existsSync(join(path, runFiles.config));
  const saved = isRun ? savedSettings(await readConfig(path), join(path, runFiles.config)) : undefined;
  const { data, valid, init = path, teacher } = { ...saved?.sources, ...flags };
  if (data === undefined) throw new UsageError('finetune needs --data FILE with the training examples');
  const given = { ...saved?.settings, ...said };
  const base = { ...importedTask('finetune', given, teacher), ...saved?.settings };
  const config = readSettings('finetune', said, base);
  const directory = flags.out ?? (isRun ? path : join('runs', basename(path).replace(/\.onnx$/, '')));
  return { config, sources: { data, valid, init, teacher }, directory };
}
