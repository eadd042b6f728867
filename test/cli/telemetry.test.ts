import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    ...['sweep', ...tiny, '--epochs', '1', '--data', 'text', '--iss', '0.01,0.02', '--workers', '1', '--out', 'runs'],
  ),
  'the library': ['library.mjs'],
  'the library in a worker thread': ['worker.mjs'],
};

let folder: string;
let made = 0;

beforeAll(async () => {
  requireBuild();
  folder = makeFolder();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
  writeFileSync(join(work, 'worker.mjs'), useWorker);
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  return { work, home, env: { ...env, HOME: home, XDG_CACHE_HOME: join(home, 'cache'), TMPDIR: home } };
}

describe('telemetry', () => {
  it.each(Object.entries(uses))('writes nothing outside the folder: %s', async (_, args) => {
    const { work, home, env } = await places();
    const { code, stderr } = await startCommand(process.execPath, args, work, env).finished;
    expect(code, stderr).toBe(0);
    expect(snapshot(home)).toEqual({});
  });

  it('would be seen', async () => {
    const { work, home, env } = await places();
    // A thread of the engine writes it when it gets to it: the process waits for that.
    const { child, finished } = startCommand(process.execPath, ['long.mjs'], work, {
      ...env,
      ORT_DISABLE_TELEMETRY: '0',
    });
    await expect
      .poll(() => readdirSync(home, { recursive: true, encoding: 'utf8' }).map((path) => basename(path)))
      .toContain('onnxruntime.db');
    child.kill();
    await finished;
  });

  it.skipIf(!canTrace).each([...Object.entries(uses), ['the library for long', ['long.mjs']] as const])(
    'opens no socket and looks up no name (strace): %s',
    async (_, args) => {
      const { work, home, env } = await places();
      const calls = join(home, 'calls');
      const trace = ['-f', '-qq', '-e', 'trace=network,openat,mkdir', '-e', 'signal=none', '-o', calls];
      const { code, stderr } = await startCommand('strace', [...trace, process.execPath, ...args], work, env).finished;
      expect(code, stderr).toBe(0);
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
    },
  );

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
