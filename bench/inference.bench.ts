import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { randomFeeds, timedRun } from '../src/bench/latency.ts';
import { milliseconds, type Spread, spread } from '../src/bench/statistics.ts';
import { note, table } from '../src/cli/output.ts';
import type { Model } from '../src/graph/types.ts';
import { languageModel } from '../src/models/languageModel.ts';
import { saveModel } from '../src/onnx/file.ts';
import { withoutDropout } from '../src/passes/withoutDropout.ts';
import { quantizeModel } from '../src/quantize/quantize.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { type InferencePeer, inferencePeer, type Shape } from './support/inferencePeer.ts';
import { wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';

interface Flags {
  readonly threads: number;
  readonly rounds: number;
  readonly python: string;
}

/** A model in an engine, and a turn of it. */
interface Contestant {
  readonly name: string;
  readonly turn: () => Promise<readonly number[]>;
}

/** All contestants in one shape of input. */
interface ShapeResult extends Shape {
  readonly models: readonly { readonly name: string; readonly milliseconds: Spread }[];
  /** Median of the fastest dense model of any engine / that of our fastest slim one. */
  readonly gain: {
    /** Both in float32 or bf16, both in int8, and a slim one in int8 beside dense ones in float32 or bf16. */
    readonly inFloat: number;
    readonly inInt8: number;
    readonly int8OverFloat: number;
  };
}

const VOCABULARY = 10_000;
const EMBEDDING = 1500;
const SIZES = { dense: [1500, 1500], slim: [373, 315] } as const;
const SHAPES: readonly Shape[] = [
  { batch: 10, steps: 30 },
  { batch: 1, steps: 30 },
  { batch: 1, steps: 1 },
];
/** Timed runs in a turn, behind milliseconds of untimed ones: caches fill again, and threads of other engines go to sleep. */
const [BURST, LEAD_IN] = [5, 300];
const OURS = 'ONNX Runtime';

await runScript<Flags>({
  name: 'bench:inference',
  about:
    "The ISS paper's two models in what their users would run them with: ours in ONNX Runtime (float32 and int8) beside " +
    'OpenVINO and PyTorch (float32 and bf16), all in turn in one run, on untrained weights.',
  options: [
    wholeOption('--threads', 'threads of each engine', availableParallelism()),
    wholeOption('--rounds', 'turns of each model', 6),
    new Option('--python <file>', 'a Python that has openvino and torch').default(
      process.env.SLIMRNN_PYTHON ?? 'python3',
    ),
  ],
  paths: ({ python }) => ({ [python]: 'PYTHON' }),
  async measure({ threads, rounds, python }) {
    const load = { before: loadavg(), after: loadavg() };
    const folder = mkdtempSync(join(tmpdir(), 'slimrnn-bench-'));
    const models = Object.entries(SIZES).map(([name, hidden]) => {
      const options = { vocabulary: VOCABULARY, embedding: EMBEDDING, hidden, initScale: 0.04 };
      return { name, hidden, model: withoutDropout(languageModel(options)), file: join(folder, `${name}.onnx`) };
    });
    for (const { file, model } of models) await saveModel(file, model);
    const peer = inferencePeer(python, models, { threads, vocabulary: VOCABULARY, embedding: EMBEDDING });
    try {
      const shapes: ShapeResult[] = [];
      for (const shape of SHAPES) shapes.push(await measured(models, peer, { ...shape, threads, rounds }));
      load.after = loadavg();
      const { versions } = peer;
      const figures = { threads, loadAverage: load, versions: { [OURS]: nodeRuntime.name, ...versions }, shapes };
      return { figures, text: () => text(shapes) };
    } finally {
      peer.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

async function measured(
  models: readonly { readonly name: string; readonly model: Model }[],
  peer: InferencePeer,
  { batch, steps, threads, rounds }: Shape & Pick<Flags, 'threads' | 'rounds'>,
): Promise<ShapeResult> {
  note(`batch ${batch} × ${steps} steps`);
  const forms = models.flatMap(({ name, model }) => [
    { name: `${OURS}, ${name} float32`, model },
    { name: `${OURS}, ${name} int8`, model: quantizeModel(model).model },
  ]);
  const sessions = [];
  try {
    const contestants: Contestant[] = [];
    for (const form of forms) {
      const session = await nodeRuntime.createSession(form.model, { threads, name: form.name });
      sessions.push(session);
      const run = await timedRun(session, randomFeeds(form, { batch, steps }));
      contestants.push({ name: form.name, turn: () => timesOf(run) });
    }
    for (const name of await peer.prepare({ batch, steps })) {
      contestants.push({ name, turn: () => peer.milliseconds(name, BURST, LEAD_IN) });
    }
    const found = contestants.map(({ name }) => ({ name, times: [] as number[] }));
    for (let round = 0; round < rounds; round++) {
      for (const [i, { turn }] of contestants.entries()) found[i]!.times.push(...(await turn()));
    }
    const timed = found.map(({ name, times }) => ({ name, milliseconds: spread(times) }));
    const fastest = (...has: readonly RegExp[]) => {
      const own = timed.filter(({ name }) => has.every((pattern) => pattern.test(name)));
      return Math.min(...own.map((model) => model.milliseconds.median));
    };
    const ours = new RegExp(`^${OURS}`);
    const [float, int8] = [fastest(/slim float32/, ours), fastest(/slim int8/, ours)];
    const dense = fastest(/dense (float32|bf16)/);
    const gain = { inFloat: dense / float, inInt8: fastest(/dense int8/) / int8, int8OverFloat: dense / int8 };
    return { batch, steps, models: timed, gain };
  } finally {
    for (const session of sessions) await session.release();
  }
}

async function timesOf(run: () => Promise<unknown>): Promise<number[]> {
  for (let spent = 0; spent < LEAD_IN; ) spent += await milliseconds(run);
  const times: number[] = [];
  for (let i = 0; i < BURST; i++) times.push(await milliseconds(run));
  return times;
}

function text(shapes: readonly ShapeResult[]): string {
  const names = [...new Set(shapes.flatMap(({ models }) => models.map(({ name }) => name)))];
  const rows = names.map((name) => [
    name,
    ...shapes.map(({ models }) => {
      const found = models.find((model) => model.name === name);
      return found === undefined ? '–' : `${found.milliseconds.median.toFixed(2)} ms`;
    }),
  ]);
  rows.push(
    ['fastest dense / our slim, in float32 or bf16', ...shapes.map(({ gain }) => `${gain.inFloat.toFixed(1)}×`)],
    ['fastest dense / our slim, in int8', ...shapes.map(({ gain }) => `${gain.inInt8.toFixed(1)}×`)],
    ['fastest dense in float / our slim in int8', ...shapes.map(({ gain }) => `${gain.int8OverFloat.toFixed(1)}×`)],
  );
  return table(['', ...shapes.map(({ batch, steps }) => `batch ${batch} × ${steps}`)], rows);
}
