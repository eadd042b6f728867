import { join } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { flagName } from '../base/fields.ts';
import { namedSettings } from '../config/readSettings.ts';
import { flattened } from '../config/resolve.ts';
import { planSweep, type SweepPlan } from '../sweep/plan.ts';
import { isSweepDirectory, readPlan } from '../sweep/planFile.ts';
import type { SweepResult } from '../sweep/result.ts';
import { checkNewSweepDirectory, sweep } from '../sweep/sweep.ts';
import { tasks } from '../tasks/registry.ts';
import type { Sources } from '../tasks/task.ts';
import { number, whole } from './flags.ts';
import { addExamples } from './helpTexts.ts';
import { importedTask, refuseTeacher, withTargets } from './importedModel.ts';
import { note, print } from './output.ts';
import { presetsText } from './presetsText.ts';
import { withDisplay } from './progress.ts';
import { sweepDisplay } from './sweepDisplay.ts';
import { addSweepFields, sweepFieldNames, sweepSettings } from './sweepFlags.ts';
import { sweepText } from './sweepText.ts';

interface SweepFlags extends Sources {
  readonly count?: number;
  readonly out?: string;
  readonly workers?: number;
  readonly threads?: number;
  readonly rungs?: number[];
  readonly eta?: number;
  readonly halving: boolean;
  readonly latency: boolean;
  readonly resume?: boolean;
  /** Values of the fields of configurations. */
  readonly [field: string]: unknown;
}

/** `slimrnn sweep <preset, config.json or model.onnx> --iss 1e-3..1e-2 --count 8` */
export const command = new Command('sweep')
  .description(
    'Trains every combination of the values given, in worker processes, compares the runs on their way and stops the ' +
      'worst, and ends with a table and its Pareto fronts. A value is a number, a list (0.002,0.004; lists of sizes: ' +
      '200,200/100,100) or a range with equal ratios (1e-3..1e-2 with --count 8). An ONNX file is trained further on ' +
      `arrays, as by finetune, also with --teacher.\n\n${presetsText()}`,
  )
  .argument(
    '<config>',
    'a preset, a JSON file with fields as in config.json of a run, or an ONNX file; with --resume also a sweep',
  )
  .option('--count <number>', 'values of each range', whole('--count'))
  .option('--data <path>', 'file or folder with the data (default: what the task brings along)')
  .option('--valid <path>', 'held-out data, where they lie apart')
  .option('--test <path>', 'test data, where they lie apart')
  .option('--out <dir>', 'folder of the sweep (default: runs/sweep-<preset>)')
  .option('--init <path>', 'start every run from a trained model: an ONNX file or a run directory')
  .option('--teacher <file>', 'an ONNX file whose outputs are followed (--task distillation)')
  .option('--workers <number>', 'runs at a time (default: as many as there are cores)', whole('--workers'))
  .option('--threads <number>', 'threads of each run (default: 1)', whole('--threads'))
  .option(
    '--rungs <list>',
    'epochs after which the runs are compared; one number r: r, r·η, r·η², … (default: half of the epochs)',
    (text) => text.split(',').map(whole('--rungs')),
  )
  .option(
    '--eta <number>',
    'η: one of so many runs goes on from each rung (default: 2)',
    number('--eta', 'a number above 1', (value) => value > 1 && Number.isFinite(value)),
  )
  .option('--no-halving', 'train every run to its end')
  .option('--no-latency', 'do not time the finished models')
  .option('--resume', 'go on with the sweep in --out');
addSweepFields(command);
addExamples(command, [
  'sweep iss-small --iss 1e-3..1e-2 --count 8',
  'sweep sentiment --data reviews.csv --iss 0.0002,0.0005,0.001 --hidden 64/128',
  'sweep model.onnx --data train.npz --valid valid.npz --loss mse --target-array y --iss 0.001..0.1 --count 6',
  'sweep slim.onnx --teacher model.onnx --data inputs.npz --valid others.npz --iss 0.001,0.01,0.1',
  'sweep runs/sweep-iss-small --resume',
]);
command.action(async (name: string, flags: SweepFlags) => {
  const { plan, directory } = await planned(name, flags);
  const result = await sweepWithDisplay(plan, directory, flags);
  print(result, () => sweepText(result, plan));
});

/** The plan that a command line asks for, and the folder that it goes to. */
async function planned(name: string, flags: SweepFlags): Promise<{ plan: SweepPlan; directory: string }> {
  const { settings, varied } = sweepSettings(flags, flags.count);
  if (flags.resume && isSweepDirectory(name)) {
    refusePlanned(name, flags);
    return { plan: await readPlan(name), directory: flags.out ?? name };
  }
  if (isSweepDirectory(name)) throw new UsageError(`${name} is a sweep: add --resume to go on with it`);
  const isImported = name.endsWith('.onnx');
  const said = isImported ? withTargets(settings) : settings;
  if (isImported && flags.init) throw new UsageError(`${name} is what every run starts from: leave out --init`);
  const { base, fields, sources } = isImported
    ? {
        base: importedTask('a sweep over an ONNX file', { ...said, ...varied }, flags.teacher),
        ...{ fields: {}, sources: { init: name } },
      }
    : await namedSettings(name);
  const directory = flags.out ?? join('runs', `sweep-${name.replace(/\.(json|onnx)$/, '').replace(/[^\w.-]+/g, '-')}`);
  const { task = tasks[0]!.name } = flattened({ ...base, ...fields, ...said });
  for (const kind of varied.task ?? [task]) refuseTeacher(String(kind), flags.teacher);
  if (!flags.resume) await checkNewSweepDirectory(directory);
  const { rungs, eta, halving } = flags;
  const { data, valid, test, init, teacher } = { ...sources, ...flags };
  const plan = await planSweep({
    base,
    overrides: { ...fields, ...said, threads: flags.threads ?? 1 },
    varied,
    sources: { data, valid, test, init, teacher },
    ...{ rungs, eta, halving },
  });
  return { plan, directory };
}

/** A sweep that has its plan takes no flags that would change it. */
function refusePlanned(name: string, flags: SweepFlags): void {
  const fixed = [...sweepFieldNames, 'count', 'data', 'valid', 'test', 'init', 'teacher', 'threads', 'rungs', 'eta'];
  const given = fixed.find((flag) => flags[flag] !== undefined);
  if (given === undefined && flags.halving) return;
  const flag = given === undefined ? '--no-halving' : flagName(given);
  throw new UsageError(`${name} has its plan already; resume it without ${flag}`);
}

function sweepWithDisplay(plan: SweepPlan, directory: string, flags: SweepFlags): Promise<SweepResult> {
  const { rungs, runs } = plan;
  const { resume, workers, latency } = flags;
  const stops = rungs.length === 0 ? 'no run is stopped early' : `compared after epoch ${rungs.join(', ')}`;
  note(`${runs.length} runs, ${stops}; sweep directory ${directory}`);
  return withDisplay(0, (display, signal) =>
    sweep(plan, { directory, resume, workers, latency, onEvent: sweepDisplay(plan, display), signal }),
  );
}
