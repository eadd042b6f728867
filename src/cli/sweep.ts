import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { createLogUpdate } from 'log-update';
import { UsageError } from '../base/errors.ts';
import { namedConfig } from '../runs/namedConfig.ts';
import { describeVaried, type Varied, valueText } from '../sweep/grid.ts';
import { isSweepDirectory, planSweep, readPlan, type SweepPlan } from '../sweep/plan.ts';
import { LATENCY_STEPS, type SweepResult, type SweepRow } from '../sweep/result.ts';
import { plannedEpochs } from '../sweep/rungs.ts';
import { leavesZeros, type RunState } from '../sweep/standings.ts';
import { checkNewSweepDirectory, type SweepEvent, sweep } from '../sweep/sweep.ts';
import { type FieldValue, fieldKind, fieldNames, isRange, parseValues } from '../sweep/values.ts';
import { flagName, type PartialConfig, trainConfigSchema } from '../train/config.ts';
import { presets } from '../train/presets.ts';
import { configFrom } from './configFlags.ts';
import { whole } from './flags.ts';
import { duration, fileSize, grouped, note, print, table } from './output.ts';

interface SweepFlags {
  count?: number;
  data?: string;
  out?: string;
  init?: string;
  workers?: number;
  threads?: number;
  rungs?: number[];
  eta?: number;
  halving: boolean;
  latency: boolean;
  resume?: boolean;
  json?: boolean;
}

/** `slimrnn sweep <preset or config.json> --iss 1e-3..1e-2 --count 8` */
export function addSweepCommand(program: Command): void {
  const command = program
    .command('sweep')
    .summary('train along a range of λ (or any other field), stop the hopeless, compare')
    .description(
      'Trains every combination of the values given, in worker processes, compares the runs on their way and stops the\n' +
        'worst, and ends with a table and its Pareto fronts. A value is a number, a list (0.002,0.004; lists of sizes:\n' +
        `200,200/100,100) or a range with equal ratios (1e-3..1e-2 with --count 8).\nPresets: ${Object.keys(presets).join(', ')}; or a JSON file.`,
    )
    .argument('<config>', 'a preset, or a JSON file with fields as in config.json of a run; with --resume also a sweep')
    .option('--count <number>', 'values of each range', whole('--count'))
    .option('--data <path>', 'folder with train/valid/test text, or one text file; default: the embedded corpus')
    .option('--out <dir>', 'folder of the sweep (default: runs/sweep-<preset>)')
    .option('--init <path>', 'start every run from a trained model: an ONNX file or a run directory')
    .option('--workers <number>', 'runs at a time (default: as many as there are cores)', whole('--workers'))
    .option('--threads <number>', 'threads of each run (default: 1)', whole('--threads'))
    .option(
      '--rungs <list>',
      'epochs after which the runs are compared; one number r: r, r·η, r·η², … (default: half of the epochs)',
      (text) => text.split(',').map(whole('--rungs')),
    )
    .option('--eta <number>', 'η: one of so many runs goes on from each rung (default: 2)', eta)
    .option('--no-halving', 'train every run to its end')
    .option('--no-latency', 'do not time the finished models')
    .option('--resume', 'go on with the sweep in --out')
    .option('--json', 'print one JSON document on stdout');
  for (const field of variableFields) {
    const about = trainConfigSchema.shape[field].description ?? '';
    const flag = flagName(field);
    if (fieldKind(field) === 'boolean') {
      command.addOption(new Option(`${flag} [values]`, `${about} (true, false or both)`));
      command.addOption(new Option(flagName(field).replace('--', '--no-'), `do not ${about}`));
    } else command.addOption(new Option(`${flag} <values>`, about));
  }
  command.action(async (name: string, flags: SweepFlags & Record<string, unknown>) => {
    const { plan, directory } = await planned(name, flags);
    const result = await sweepWithDisplay(plan, directory, flags);
    print(flags.json, result, () => resultText(result, plan));
  });
}

/** All runs have as many threads: their times and results would not compare. */
const variableFields = fieldNames.filter((field) => field !== 'threads');

/** The plan that a command line asks for, and the folder that it goes to. */
async function planned(name: string, flags: SweepFlags & Record<string, unknown>) {
  const { base, varied } = fieldsFrom(flags);
  if (flags.resume && isSweepDirectory(name)) {
    const fixed = [...Object.keys(base), ...Object.keys(varied), 'count', 'data', 'init', 'threads', 'rungs', 'eta'];
    const given = fixed.find((flag) => flags[flag] !== undefined);
    if (given !== undefined || !flags.halving) {
      const flag = given === undefined ? '--no-halving' : flagName(given);
      throw new UsageError(`${name} has its plan already; resume it without ${flag}`);
    }
    return { plan: await readPlan(name), directory: flags.out ?? name };
  }
  if (isSweepDirectory(name)) throw new UsageError(`${name} is a sweep: add --resume to go on with it`);
  const { fields, ...sources } = await namedConfig(name);
  const directory = flags.out ?? join('runs', `sweep-${name.replace(/\.json$/, '').replace(/[^\w.-]+/g, '-')}`);
  if (!flags.resume) await checkNewSweepDirectory(directory);
  const plan = await planSweep({
    base: fields,
    overrides: { ...base, threads: flags.threads ?? 1 },
    varied,
    data: flags.data ?? sources.data,
    init: flags.init ?? sources.init,
    rungs: flags.rungs,
    eta: flags.eta,
    halving: flags.halving,
  });
  return { plan, directory };
}

/** Fields with one value are those of all runs, the others make the grid. */
function fieldsFrom(flags: SweepFlags & Record<string, unknown>): { base: PartialConfig; varied: Varied } {
  const base: Record<string, FieldValue> = {};
  const varied: Record<string, FieldValue[]> = {};
  const texts = variableFields.flatMap((field): [typeof field, string][] =>
    flags[field] === undefined ? [] : [[field, String(flags[field])]],
  );
  if (flags.count !== undefined && !texts.some(([, text]) => isRange(text))) {
    throw new UsageError('--count is the number of values of a range, as in --iss 1e-3..1e-2, and there is none');
  }
  for (const [field, text] of texts) {
    const values = parseValues(field, text, flagName(field), flags.count);
    for (const value of values) configFrom({ [field]: value });
    if (values.length === 1) base[field] = values[0]!;
    else varied[field] = values;
  }
  return { base: configFrom(base), varied };
}

function eta(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 1 && Number.isFinite(value)) return value;
  throw new UsageError(`--eta takes a number above 1, got '${text}'`);
}

async function sweepWithDisplay(plan: SweepPlan, directory: string, flags: SweepFlags): Promise<SweepResult> {
  const { rungs, runs } = plan;
  const stops = rungs.length === 0 ? 'no run is stopped early' : `compared after epoch ${rungs.join(', ')}`;
  note(`${runs.length} runs, ${stops}; sweep directory ${directory}`);
  const display = sweepDisplay(plan);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const { resume, workers, latency } = flags;
    return await sweep(plan, { directory, resume, workers, latency, onEvent: display.event, signal: stop.signal });
  } finally {
    display.done();
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
  }
}

/** A line for every change of a run, and one that says how far the sweep is: live in a terminal, else now and then. */
function sweepDisplay(plan: SweepPlan) {
  const logUpdate = createLogUpdate(process.stderr);
  const live = process.stderr.isTTY === true;
  const total = plannedEpochs(
    plan.runs.map(({ config }) => config.epochs),
    plan,
  );
  const longest = Math.max(...plan.runs.map(({ name }) => name.length));
  const phases = new Map<number, string>();
  const epochs = new Map<number, number>();
  const started = performance.now();
  let trained = 0;
  let shown = started;
  const line = (text: string) => {
    if (live) logUpdate.clear();
    note(text);
  };
  const change = (run: number, text: string) => line(`${plan.runs[run]!.name.padEnd(longest)}  ${text}`);
  const status = () => {
    if (!live && performance.now() - shown < 15_000) return;
    shown = performance.now();
    const counts = new Map<string, number>();
    for (const phase of phases.values()) counts.set(phase, (counts.get(phase) ?? 0) + 1);
    const done = [...epochs.values()].reduce((a, b) => a + b, 0);
    const left = (Math.max(total - done, 0) * (shown - started)) / 1e3 / trained;
    const text = `${[...counts].map(([phase, n]) => `${n} ${phase}`).join(', ')}; epoch ${done} of ${total}; ${duration(left)} left`;
    if (live) logUpdate(text);
    else note(text);
  };
  const event = (e: SweepEvent) => {
    switch (e.kind) {
      case 'unbound':
        line(`workers are not bound to cores: ${e.reason}`);
        break;
      case 'timing':
        line(`timing the models of ${e.models} finished runs in turn`);
        break;
      case 'start':
        phases.set(e.run, 'training');
        change(e.run, `trains to epoch ${e.until}`);
        break;
      case 'restart':
        change(e.run, `its worker ended (${e.error}); started again (${e.restart})`);
        break;
      case 'epoch':
        trained++;
        epochs.set(e.run, e.metrics.epoch);
        break;
      case 'state':
        phases.set(e.run, e.state.kind);
        epochs.set(e.run, 'entry' in e.state ? e.state.entry.epoch : (epochs.get(e.run) ?? 0));
        change(e.run, stateText(e.state));
    }
    status();
  };
  return { event, done: () => live && logUpdate.done() };
}

function stateText(state: RunState): string {
  switch (state.kind) {
    case 'open':
      return `to be trained to epoch ${state.until}`;
    case 'diverged':
    case 'failed':
      return `${state.kind} after epoch ${state.epochs}: ${state.reason}`;
    default: {
      const { epoch, validPerplexity, hidden, parameters } = state.entry;
      const standing = `valid ${validPerplexity.toFixed(2)}, units ${hidden.join(' ')}, ${grouped(parameters)} parameters`;
      return `${state.kind === 'waiting' ? 'stands' : state.kind} after epoch ${epoch}: ${standing}`;
    }
  }
}

function resultText(result: SweepResult, plan: SweepPlan): string {
  const { rows, rungs } = result;
  const withZeros = plan.runs.some(({ config }) => leavesZeros(config));
  const timed = rows.some(({ latency }) => latency !== undefined);
  const cell = <T>(value: T | undefined, text: (value: T) => string) => (value === undefined ? '–' : text(value));
  const ppl = (value: number) => value.toFixed(2);
  const columns: [head: string, text: (row: SweepRow) => string][] = [
    ...Object.keys(plan.runs[0]!.varied).map((field): [string, (row: SweepRow) => string] => [
      field === 'iss' ? 'λ' : flagName(field).slice(2),
      ({ varied }) => valueText(varied[field]!),
    ]),
    ['state', ({ state }) => state],
    ['epochs', ({ epochs }) => String(epochs)],
    ['valid ppl', (row) => cell(row.validPerplexity, ppl)],
    ['test ppl', (row) => cell(row.testPerplexity, ppl)],
    ['units', (row) => cell(row.hidden, (units) => units.join(' '))],
    ['parameters', (row) => cell(row.parameters, grouped)],
  ];
  if (withZeros) columns.push(['not zero', (row) => cell(row.nonzero, grouped)]);
  columns.push(['size', (row) => cell(row.bytes, fileSize)]);
  if (timed) {
    columns.push(
      ['batch 1', (row) => cell(row.latency, (l) => `${l.batch1.toFixed(2)} ms (${l.speedup1.toFixed(1)}×)`)],
      ['batch 10', (row) => cell(row.latency, (l) => `${l.batch10.toFixed(2)} ms (${l.speedup10.toFixed(1)}×)`)],
    );
  }
  columns.push(['front', ({ front }) => `${front.size ? 'S' : ''}${front.latency ? 'L' : ''}`]);
  const heads = columns.map(([head]) => head);
  const cells = rows.map((row) => columns.map(([, text]) => text(row)));
  const reference = rows.find(({ run }) => run === result.reference);
  const legend = [
    `S: on the Pareto front of validation perplexity and ${withZeros ? 'weights that are not zero' : 'parameters'}`,
    ...(timed ? ['L: on that of validation perplexity and latency at batch 1'] : []),
  ];
  return [
    '',
    table(heads, cells),
    '',
    `${legend.join('; ')}; finished runs only.`,
    ...(timed && reference
      ? [
          `Latency: medians of runs of ${LATENCY_STEPS} steps, models in turn, against ${describeVaried(reference.varied)}.`,
        ]
      : []),
    ...(rungs.length > 0
      ? [`Stopped runs show how they stood at their last rung (after epoch ${rungs.join(', ')}).`]
      : []),
    ...rows.flatMap(({ run, reason }) => (reason === undefined ? [] : [`${run}: ${reason}`])),
    `Runs, models and sweep-result.json are in ${result.directory}.`,
  ].join('\n');
}
