import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import { benchLatency, type Contestant, type Latency } from '../bench/latency.ts';
import type { Model } from '../graph/types.ts';
import { costsOf, uncountedOperators } from '../inspect/costs.ts';
import { loadModel } from '../onnx/file.ts';
import { withGiven } from '../passes/given.ts';
import { readGiven } from '../passes/givenText.ts';
import { type DeviceName, deviceNames, devices, parseDevices } from '../runtime/devices.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { fixedBatch } from '../slim/batchAxes.ts';
import { refuseEmpty } from '../verify/randomInputs.ts';
import { collect, whole } from './flags.ts';
import { tellModels } from './guarded.ts';
import { uncountedText } from './heldText.ts';
import { addExamples } from './helpTexts.ts';
import { modelFile } from './modelFile.ts';
import { grouped, note, print, table } from './output.ts';

interface BenchFlags {
  batch?: number[];
  steps: number;
  rounds: number;
  threads?: number;
  device: DeviceName[];
  runtime?: DeviceName[];
  set?: readonly string[];
  size?: Record<string, number>;
}

/** A model's latency in one engine, with what belongs beside it. */
export type BenchEntry = Latency & ReturnType<typeof describe>[number] & { readonly runtime: DeviceName };

/** Below this factor a difference is taken for noise. */
const NOTABLE = 1.05;

/** `slimrnn bench a.onnx b.onnx` */
export const command = new Command('bench')
  .description(
    'Times models in turn on the same kind of inputs; the first is what the others are compared with. Free dimensions ' +
      'are batch or time by their names or by where recurrent operators read them; give the sizes of others.',
  )
  .argument('<models...>', 'ONNX files, or run directories')
  .addOption(
    new Option(
      '--device <list>',
      `devices: ${deviceNames.map((name) => `${name} (${devices[name].about})`).join(', ')}`,
    )
      .argParser(parseDevices)
      .default(['cpu'], 'cpu'),
  )
  // What it was called in versions before 0.2.
  .addOption(new Option('--runtime <list>').argParser(parseDevices).hideHelp())
  .option('--batch <list>', 'batch sizes, for models that leave theirs free (default: 1,10)', (text) =>
    text.split(',').map(whole('--batch')),
  )
  .option('--steps <number>', 'time steps in one run', whole('--steps'), 30)
  .option('--rounds <number>', 'turns of each model, of 5 timed runs each', whole('--rounds'), 6)
  .option(
    '--threads <number>',
    'threads of each engine (default: one per core; wasm: half, at most 4)',
    whole('--threads'),
  )
  .option('--set <input=value>', 'give an input this value in every model that has it (repeatable)', collect)
  .option('--size <name=number>', 'size of a free dimension; may be given several times', parseSize)
  .action(benchCommand);
addExamples(command, [
  'bench model.onnx slim.onnx',
  'bench runs/dense runs/iss-small --batch 1 --threads 1',
  'bench model.onnx --device cpu,wasm --size frames=100',
]);

async function benchCommand(paths: string[], flags: BenchFlags): Promise<void> {
  const runtimes: [DeviceName, Runtime][] = [];
  for (const name of flags.runtime ?? flags.device) runtimes.push([name, await devices[name].load()]);
  const contestants: Contestant[] = [];
  for (const path of paths) contestants.push({ name: path, model: await loadModel(modelFile(path)) });
  giveValues(contestants, flags);
  for (const { model } of contestants) for (const input of model.graph.inputs) refuseEmpty(input);
  const models = describe(
    paths,
    contestants.map(({ model }) => model),
  );
  for (const { name, uncounted } of models) {
    if (uncounted.length > 0) note(`${name}: multiply-adds are counted${uncountedText(uncounted)}`);
  }
  const { steps, rounds, size: sizes = {} } = flags;
  const results: { batch: number; steps: number; models: BenchEntry[] }[] = [];
  for (const batch of batchesFor(contestants, flags.batch)) {
    const entries: BenchEntry[] = [];
    for (const [name, runtime] of runtimes) {
      tellModels(paths, runtime);
      note(`${runtime.name}, batch ${batch} × ${steps} steps`);
      const threads = flags.threads ?? devices[name].threads;
      const timed = await benchLatency(contestants, { runtime, batch, steps, rounds, threads, sizes });
      entries.push(...timed.map((latency, i) => ({ ...latency, ...models[i]!, runtime: name })));
    }
    results.push({ batch, steps, models: entries });
  }
  const document = {
    engines: Object.fromEntries(runtimes.map(([name, runtime]) => [name, runtime.name])),
    threads: flags.threads ?? null,
    rounds,
    models,
    results,
  };
  print(document, () =>
    [
      ...results.flatMap(({ batch, models: entries }) =>
        runtimes.map(([name, { name: engine }]) => {
          const own = entries.filter((entry) => entry.runtime === name);
          return benchText(`${engine}, ${threadsOf(own[0]!)}, batch ${batch} × ${steps} steps`, own);
        }),
      ),
      `medians and 90th percentiles of ${rounds} × 5 runs, models in turn; multiply-adds per step; fewer and ` +
        'faster: against the first model',
    ].join('\n\n'),
  );
}

/** Batch sizes of models without `--batch`. */
const BATCHES = [1, 10];

/**
 * The batch sizes to time: those that are asked for, or where a model fixes its own, that one. Throws a UsageError where
 * models fix different ones, or another than was asked for.
 */
function batchesFor(contestants: readonly Contestant[], asked: readonly number[] | undefined): readonly number[] {
  let batches = asked ?? BATCHES;
  for (const { name, model } of contestants) {
    const fixed = fixedBatch(model.graph);
    if (fixed === undefined || (batches.length === 1 && batches[0] === fixed)) continue;
    if (asked !== undefined || batches !== BATCHES) {
      const other = asked === undefined ? `another model at ${batches[0]}` : `--batch asks for ${asked.join(', ')}`;
      throw new UsageError(`${name} fixes its batch at ${fixed}, ${other}`);
    }
    note(`${name} fixes its batch at ${fixed}`);
    batches = [fixed];
  }
  return batches;
}

/** Gives the models their values of inputs; one that lacks an input does without, but one of them must have it. */
function giveValues(contestants: Contestant[], { set = [], size = {} }: Pick<BenchFlags, 'set' | 'size'>): void {
  const takes = ({ model }: Contestant, text: string) =>
    model.graph.inputs.some((input) => text.startsWith(`${input.name}=`));
  const stray = set.find((text) => !contestants.some((contestant) => takes(contestant, text)));
  // The first model says what is wrong.
  if (stray !== undefined) readGiven(contestants[0]!.model.graph, { set: [stray] });
  for (const [i, contestant] of contestants.entries()) {
    const { name, model } = contestant;
    const own = set.filter((text) => takes(contestant, text));
    const sizes = Object.entries(size).map(([dim, number]) => `${dim}=${number}`);
    const { values } = readGiven(model.graph, { set: own, size: sizes });
    contestants[i] = { name, model: withGiven(model, { values }) };
  }
}

/** Models named by their files or runs, by whole paths where two have one name; `path` is as the user has it. */
function describe(paths: readonly string[], models: readonly Model[]) {
  const multiplyAdds = models.map((model) => costsOf(model).multiplyAdds);
  const names = paths.map((path) => basename(path));
  const unique = new Set(names).size === names.length;
  return paths.map((path, i) => {
    const own = multiplyAdds[i]!;
    const multiplyAddRatio = own > 0 ? multiplyAdds[0]! / own : null;
    const uncounted = uncountedOperators(models[i]!.graph);
    return {
      name: unique ? names[i]! : path,
      file: modelFile(path),
      path,
      multiplyAdds: own,
      multiplyAddRatio,
      uncounted,
    };
  });
}

function parseSize(text: string, before: Record<string, number> = {}): Record<string, number> {
  const [name, value] = text.split('=');
  if (!name || value === undefined) throw new UsageError(`--size takes name=number, got '${text}'`);
  return { ...before, [name]: whole('--size')(value) };
}

/** One engine at one batch size: its models in rows, then those that are smaller but not faster. */
export function benchText(title: string, entries: readonly BenchEntry[]): string {
  const rows = entries.map((m) => [
    m.name,
    grouped(m.multiplyAdds),
    m.multiplyAddRatio === null ? '–' : `${m.multiplyAddRatio.toFixed(2)}×`,
    `${m.milliseconds.median.toFixed(2)} ms`,
    `${m.milliseconds.p90.toFixed(2)} ms`,
    `${m.speedup.toFixed(2)}×`,
  ]);
  const slow = entries.filter((m) => (m.multiplyAddRatio ?? 1) >= NOTABLE && m.speedup < NOTABLE);
  return [
    title,
    table(['model', 'multiply-adds', 'fewer', 'median', 'p90', 'faster'], rows),
    ...slow.map(
      (m) => `${m.name} is smaller but not faster here: ${m.multiplyAddRatio!.toFixed(2)}× fewer multiply-adds`,
    ),
  ].join('\n');
}

/** Threads in words. */
function threadsOf({ threads }: Latency): string {
  if (threads === undefined) return "the engine's own number of threads";
  return threads === 1 ? '1 thread' : `${threads} threads`;
}
