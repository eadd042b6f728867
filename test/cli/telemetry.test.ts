import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { saveModel } from '../../src/onnx/file.ts';
import { testModel } from '../support/models.ts';
import { main, makeFolder, requireBuild, snapshot, startCommand, tiny, writeCorpus } from '../support/runCli.ts';

/*
 * The engine's telemetry is off: nothing is written outside the folder of the run, no name is looked up, no socket opened.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const library = pathToFileURL(join(root, 'dist/index.js')).href;
const canTrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;

/** Opens a session with the library, in the thread that imports it. */
const useLibrary = `
  import { nodeRuntime, loadModel } from ${JSON.stringify(library)};
  await (await nodeRuntime.createSession(await loadModel('model.onnx'))).release();
`;
/** The collector is looked up about 9 s after the first session. */
const useForLong = `${useLibrary} setTimeout(() => {}, 12_000);`;
/** Says how the variable stands at the moment when the engine's native code is loaded. */
const tellEngine = `
  const load = process.dlopen;
  process.dlopen = (...args) => {
    if (/onnxruntime/.test(args[1])) console.log('loaded with', process.env.ORT_DISABLE_TELEMETRY);
    return load.apply(process, args);
  };
`;
/** Milliseconds to wait for what the engine may write. */
const PATIENCE = 60_000;
const useForEver = `${useLibrary} setTimeout(() => {}, ${2 * PATIENCE});`;
const useWorker = `
  import { Worker } from 'node:worker_threads';
  new Worker(new URL('library.mjs', import.meta.url));
`;

const slimrnn = (...args: string[]) => [main, ...args];
const uses: Readonly<Record<string, readonly string[]>> = {
  shrink: slimrnn('shrink', 'model.onnx', '--keep', '0.5', '--out', 'slim.onnx'),
  bench: slimrnn('bench', 'model.onnx', '--batch', '1', '--rounds', '1', '--threads', '1'),
  'a short training': slimrnn('train', ...tiny, '--epochs', '1', '--data', 'text', '--out', 'run'),
  'a sweep with workers': slimrnn(
    ...['sweep', ...tiny, '--epochs', '1', '--data', 'text', '--iss', '0.01,0.02', '--workers', '1', '--no-latency'],
    ...['--out', 'runs'],
  ),
  'the library': ['library.mjs'],
  'the library in a worker thread': ['worker.mjs'],
};

let folder: string;
let made = 0;
/** A process with telemetry on, which lives until the engine has written something. */
let control: Promise<boolean>;
/** A process that lives long enough for whatever comes late. */
let later: Promise<void>;

beforeAll(async () => {
  requireBuild();
  folder = makeFolder();
  // They wait for clocks: meanwhile the other tests run.
  control = isWritten();
  later = canTrace ? expectQuiet(['long.mjs']) : Promise.resolve();
  // What fails does so in its own test.
  for (const waiting of [control, later]) waiting.catch(() => undefined);
});

afterAll(async () => {
  await Promise.allSettled([control, later]);
  rmSync(folder, { recursive: true, force: true });
});

/** Whether the engine writes its database with telemetry on. A thread of it does so when it gets to it. */
async function isWritten(): Promise<boolean> {
  const { work, home, env } = await places();
  const run = startCommand(process.execPath, ['ever.mjs'], work, { ...env, ORT_DISABLE_TELEMETRY: '0' });
  const written = () => readdirSync(home, { recursive: true, encoding: 'utf8' }).map((path) => basename(path));
  try {
    return await vi.waitUntil(() => written().includes('onnxruntime.db'), { timeout: PATIENCE }).catch(() => false);
  } finally {
    expect(run.child.exitCode, run.stderr()).toBeNull();
    run.child.kill();
    await run.finished;
  }
}

/** A place to work in and an empty home beside it. */
async function places() {
  const at = join(folder, String(made++));
  const [work, home] = [join(at, 'work'), join(at, 'home')];
  for (const path of [at, work, home]) mkdirSync(path);
  await saveModel(
    join(work, 'model.onnx'),
    testModel({ vocabulary: 5, embedding: 3, layers: [{ hidden: 4, direction: 'forward' }] }),
  );
  writeCorpus(join(work, 'text'));
  writeFileSync(join(work, 'library.mjs'), useLibrary);
  writeFileSync(join(work, 'long.mjs'), useForLong);
  writeFileSync(join(work, 'ever.mjs'), useForEver);
  writeFileSync(join(work, 'worker.mjs'), useWorker);
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  return { at, work, home, env: { ...env, HOME: home, XDG_CACHE_HOME: join(home, 'cache'), TMPDIR: home } };
}

/** Runs Node with arguments to its end, under strace where there is one; checks what it did. */
async function expectQuiet(args: readonly string[]): Promise<void> {
  const { at, work, home, env } = await places();
  const calls = join(at, 'calls');
  const trace = ['-f', '--seccomp-bpf', '-qq', '-e', 'trace=network,openat,mkdir', '-e', 'signal=none', '-o', calls];
  const command = [process.execPath, ...args];
  const [file, ...rest] = canTrace ? ['strace', ...trace, ...command] : command;
  const { code, stderr } = await startCommand(file!, rest, work, env).finished;
  expect(code, stderr).toBe(0);
  expect(snapshot(home)).toEqual({});
  if (!canTrace) return;
  const lines = readFileSync(calls, 'utf8').split('\n');
  // Pipes between a process and its children are sockets without a network.
  expect(
    lines.filter((line) => /AF_INET|AF_NETLINK|sendto\(|\/etc\/(?:resolv|hosts)|Microsoft|nscd/.test(line)),
  ).toEqual([]);
  const written = lines.flatMap(
    (line) => /openat\([^"]*"(?<path>[^"]*)".*O_(?:WRONLY|RDWR)/.exec(line)?.groups?.path ?? [],
  );
  expect(
    written.filter((path) => path.startsWith('/') && !path.startsWith(work) && !/^\/(?:dev|proc)\//.test(path)),
  ).toEqual([]);
}

describe('telemetry', () => {
  const quiet = canTrace
    ? 'writes nothing outside the folder, opens no socket and looks up no name: %s'
    : 'writes nothing outside the folder (strace would show more): %s';

  it.each(Object.entries(uses))(quiet, (_, args) => expectQuiet(args));

  it.runIf(canTrace)('does not do so later either (strace)', () => later);

  it('would be seen', async ({ skip }) => {
    if (await control) return;
    skip('the engine wrote nothing with its telemetry on: that it writes nothing elsewhere shows little here');
  });

  it('is off when the engine is loaded, from the files as they were built', async () => {
    const { work, env } = await places();
    writeFileSync(join(work, 'tell.mjs'), tellEngine);
    const { stdout } = await startCommand(process.execPath, ['--import', './tell.mjs', 'library.mjs'], work, env)
      .finished;
    expect(stdout).toBe('loaded with 1\n');
  });

  it('is turned off by the only module that loads the engine', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
    const loading = sources.filter(
      (path) =>
        /\.tsx?$/.test(path) &&
        /^(?:import|export) (?!type ).*'onnxruntime-node'/m.test(readFileSync(join(root, 'src', path), 'utf8')),
    );
    expect(loading).toEqual(['runtime/nodeEngine.ts']);
  });
});
