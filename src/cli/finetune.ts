import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { type FinetuneSettings, finetuneConfigSchema } from '../tasks/arrays/config.ts';
import type { FinetuneStart } from '../tasks/arrays/finetune.ts';
import { losses } from '../tasks/arrays/losses.ts';
import { type FinetuneResult, type FinetuneSources, finetuneRun, savedRun } from '../tasks/arrays/run.ts';
import { updateTensorBoard } from '../tensorboard/writer.ts';
import { flagName } from '../train/config.ts';
import { optimizerNames } from '../train/optimizers.ts';
import { finetuneDisplay } from './finetuneDisplay.ts';
import { agreement, duration, fileSize, grouped, note, print, table } from './output.ts';

/** Options as commander gives them, before their names are those of the configuration. */
interface FinetuneFlags {
  data?: string;
  valid?: string;
  out?: string;
  resume?: boolean;
  tensorboard?: boolean;
  json?: boolean;
  target?: string;
  input: Record<string, string>;
  zeros: string[];
  batchAxis: Record<string, string>;
  freeze: string[];
  fix: string[];
  [field: string]: unknown;
}

/** Flags with a number, by field of the configuration. */
const numbers = {
  learningRate: 'learning rate of the first epoch (default: 0.001 for adam, 0.1 for sgd)',
  decay: 'factor on the learning rate after each epoch (default: 1)',
  clip: 'bound on the norm of the whole gradient (default: none)',
  batch: 'examples in a mini-batch (default: 32)',
  epochs: 'epochs in all (default: 10)',
  iss: 'λ of the group lasso over units: mean loss + λ·Σ‖unit‖ becomes small (default: 0)',
  threshold: 'τ: with --iss, weights below it become 0 after every update (default: 1e-4, for adam the learning rate)',
  ignore: 'class index of targets that do not count (default: -1)',
  seed: 'seed of the order of examples and of dropout (default: 1)',
  threads: 'threads of the engine (default: one per core)',
} as const satisfies Partial<Record<keyof FinetuneSettings, string>>;

/** `slimrnn finetune model.onnx --data train.npz --loss cross-entropy --target y` */
export function addFinetuneCommand(program: Command): void {
  const command = program
    .command('finetune')
    .summary('train any ONNX model further, dense or with ISS')
    .description(
      'Trains a model further on arrays, the first axis of each being the examples. The inputs of the model take the\n' +
        'arrays of their names. With --iss λ hidden units die while it trains and the model shrinks.',
    )
    .argument('<model>', 'an ONNX file; with --resume also a run directory')
    .option('--data <file>', 'training examples: .npz, .safetensors or .jsonl')
    .option('--valid <file>', 'held-out examples, scored after every epoch')
    .addOption(new Option('--loss <loss>', 'what is made small').choices(Object.keys(losses)))
    .option('--target <array[=output]>', 'array with the targets, and the output that they are for')
    .option('--input <input=array>', 'array of an input that has another name (repeatable)', collectPair('--input'), {})
    .option('--zeros <input>', 'input that is fed zeros, such as a state at the start (repeatable)', collect, [])
    .option('--lengths <array>', 'lengths of the examples: steps beyond them do not count')
    .option('--mask <array>', 'array that is 0 where a target does not count')
    .option(
      '--batch-axis <name=axis>',
      'axis of the examples of an input or output (default: by its name, else the first; repeatable)',
      collectPair('--batch-axis'),
      {},
    )
    .option(
      '--freeze <weight>',
      'weight that stays as it is; * stands for any part of a name (repeatable)',
      collect,
      [],
    )
    .option('--fix <layers>', 'layers that keep all units (separated by commas, or repeated)', collectList, [])
    .addOption(
      new Option('--optimizer <name>', 'how weights follow the gradient (default: adam)').choices(optimizerNames),
    );
  for (const [field, about] of Object.entries(numbers)) {
    const flag = flagName(field);
    command.addOption(new Option(`${flag} <${field === 'iss' ? 'lambda' : 'number'}>`, about).argParser(number(flag)));
  }
  command
    .option('--no-shrink', 'keep dead units in the graph until the end')
    .option('--out <dir>', 'run directory (default: runs/<name of the model>)')
    .option('--resume', 'go on with the run in --out from its last checkpoint')
    .option('--tensorboard', 'keep an event file for TensorBoard in the run directory')
    .option('--json', 'print one JSON document on stdout')
    .action(async (path: string, flags: FinetuneFlags) => {
      const result = await finetuneCommand(path, flags, command);
      print(flags.json, result, () => resultText(result));
    });
}

async function finetuneCommand(path: string, flags: FinetuneFlags, command: Command): Promise<FinetuneResult> {
  const given = settingsFrom(flags, command);
  const isRun = flags.resume === true && existsSync(join(path, runFiles.config));
  const saved = isRun ? await savedRun(path) : undefined;
  const sources: FinetuneSources = {
    model: saved?.sources.model ?? path,
    data: flags.data ?? saved?.sources.data ?? required('--data FILE with the training examples'),
    valid: flags.valid ?? saved?.sources.valid,
  };
  const {
    loss = required(`--loss ${Object.keys(losses).join(' or ')}`),
    target = required('--target ARRAY'),
    ...rest
  } = {
    ...saved?.settings,
    ...given,
  };
  const directory = flags.out ?? (isRun ? path : join('runs', basename(path).replace(/\.onnx$/, '')));
  const display = finetuneDisplay();
  const noteEpochs = () => {
    if (flags.tensorboard) updateTensorBoard(directory);
  };
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const result = await finetuneRun({
      sources,
      settings: { ...rest, loss, target },
      directory,
      resume: flags.resume,
      runtime: nodeRuntime,
      signal: stop.signal,
      nameOf: (field) => (field === 'inputs' ? '--input' : flagName(field)),
      onReady: (start) => {
        noteStart(start, sources, directory);
        noteEpochs();
      },
      onBatch: display.batch,
      onEpoch: (metrics) => {
        display.epoch(metrics);
        noteEpochs();
      },
      onShrink: (from, to) => display.line(`shrunk from ${from.join(', ')} to ${to.join(', ')} units`),
    });
    // A run that was finished already, or behind its last epoch, has come by without one.
    noteEpochs();
    return result;
  } finally {
    display.done();
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
  }
}

/** The fields of a configuration that the command line names. */
function settingsFrom(flags: FinetuneFlags, command: Command): Partial<FinetuneSettings> {
  const said = (name: string) => command.getOptionValueSource(name) === 'cli';
  const fields = Object.keys(finetuneConfigSchema.shape).filter((f) => said(f) && !['target', 'batchAxis'].includes(f));
  const plain: Partial<FinetuneSettings> = Object.fromEntries(fields.map((field) => [field, flags[field]]));
  const [target, output] = flags.target === undefined ? [] : pairOf(flags.target);
  const axes = Object.entries(flags.batchAxis).map(([name, text]) => [name, number(`--batch-axis ${name}`)(text)]);
  return {
    ...plain,
    ...(target !== undefined && { target }),
    ...(output !== undefined && { output }),
    ...(said('input') && { inputs: flags.input }),
    ...(said('batchAxis') && { batchAxis: Object.fromEntries(axes) as Record<string, number> }),
  };
}

function required(what: string): never {
  throw new UsageError(`finetune needs ${what}`);
}

function collectList(value: string, earlier: string[]): string[] {
  return [...earlier, ...value.split(',')];
}

function collect(value: string, earlier: string[]): string[] {
  return [...earlier, value];
}

function collectPair(flag: string) {
  return (text: string, earlier: Record<string, string>): Record<string, string> => {
    const [name, value] = pairOf(text);
    if (!name || !value) throw new UsageError(`${flag} takes name=value, got '${text}'`);
    return { ...earlier, [name]: value };
  };
}

/** `a=b` as a and b; without `=` only a. */
function pairOf(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function number(flag: string) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || Number.isNaN(value)) throw new UsageError(`${flag} takes a number, got '${text}'`);
    return value;
  };
}

function noteStart(
  { config, examples, batch, parameters, before, notes }: FinetuneStart,
  sources: FinetuneSources,
  directory: string,
) {
  const held = examples.valid === undefined ? '' : `, ${grouped(examples.valid)} held out in ${sources.valid}`;
  note(`${sources.data}: ${grouped(examples.train)} examples${held}`);
  const how = config.iss > 0 ? `ISS λ ${config.iss}, τ ${config.threshold}` : 'dense';
  note(
    `${grouped(parameters)} weights, ${config.optimizer}, ${batch} examples a batch, ${how}; run directory ${directory}`,
  );
  for (const line of notes) note(`note: ${line}`);
  if (before) note(`before  ${scoreText('valid', before.validLoss, before.validAccuracy)}`);
}

function scoreText(what: string, loss: number, accuracy: number | undefined): string {
  return `${what} loss ${loss.toPrecision(4)}${accuracy === undefined ? '' : `  accuracy ${percent(accuracy)}`}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function resultText(result: FinetuneResult): string {
  const rows = result.models.map((m) => [
    m.name,
    m.hidden.join(', '),
    grouped(m.parameters),
    grouped(m.multiplyAdds),
    fileSize(m.bytes),
    m.file,
  ]);
  const lines = [table(['model', 'units', 'parameters', 'multiply-adds per step', 'size', 'file'], rows)];
  const { before, after } = result;
  if (before && after) {
    const accuracy =
      before.validAccuracy === undefined || after.validAccuracy === undefined
        ? ''
        : `, accuracy ${percent(before.validAccuracy)} → ${percent(after.validAccuracy)}`;
    lines.push(`held out: loss ${before.validLoss.toPrecision(4)} → ${after.validLoss.toPrecision(4)}${accuracy}`);
  }
  lines.push(`trained for ${duration(result.seconds)}`);
  if (result.verify) {
    lines.push(`verified: outputs of the slim model ${agreement(result.verify)} those of the trained one`);
  }
  return lines.join('\n');
}
