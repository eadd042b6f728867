import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../src/base/random.ts';
import type { SweepResult } from '../../src/sweep/result.ts';
import { makeFolder, runJson, type Started, startCli, tiny, writeCorpus } from '../support/runCli.ts';
import { isShort } from '../support/scale.ts';
import { freePort, type Server, serverKinds } from '../support/servers.ts';

/*
 * A sweep over workers that a queue connects, on servers that the tests start themselves.
 */

let folder: string;
let reference: SweepResult;
const at = (...path: string[]) => join(folder, ...path);
const COUNT = isShort ? 3 : 12;
const sweep = [
  ...['sweep', ...tiny, '--epochs', '2', '--data', 'text', '--checkpoint-every', '20', '--no-latency'],
  ...['--iss', '0.001..0.05', '--count', String(COUNT)],
];
const started: Started[] = [];
const begin = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const run = startCli(args, folder, { _: '', ...env });
  started.push(run);
  return run;
};
const worker = (url: string, ...args: string[]) =>
  begin(['worker', '--workers', '1', '--lease', '5s', ...args], { SLIMRNN_QUEUE: url });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  reference = await runJson<SweepResult>([...sweep, '--workers', '2', '--out', 'reference'], folder);
});

afterEach(async () => {
  for (const { child } of started) if (child.exitCode === null) child.kill('SIGKILL');
  await Promise.all(started.splice(0).map(({ finished }) => finished));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const resultOf = (out: string) => JSON.parse(readFileSync(at(out, 'sweep-result.json'), 'utf8')) as SweepResult;

/** No run has stood twice at a rung, nor is a password in any file. */
function expectOnce(out: string): void {
  for (const { run } of reference.rows) {
    const rungs = JSON.parse(readFileSync(at(out, run, 'rungs.json'), 'utf8')) as { epoch: number }[];
    expect(new Set(rungs.map(({ epoch }) => epoch)).size).toBe(rungs.length);
  }
  const files = readdirSync(at(out), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
  for (const name of files) expect(readFileSync(at(out, name), 'utf8')).not.toContain('s3cret');
}

describe.each(serverKinds)('a sweep over workers through $name', ({ name, isThere, start }) => {
  let server: Server | undefined;
  beforeAll(async () => {
    if (!isThere) return;
    mkdirSync(at(name));
    server = await start(at(name));
  });
  afterAll(() => server?.stop());

  it.skipIf(!isThere)('brings results and models from workers that share no folder', async () => {
    const own = ['--apart', '--data', at('text')];
    const workers = [1, 2].map((i) =>
      worker(server!.url, ...own, '--folder', at(`${name}-worker-${i}`), '--idle', '10s'),
    );
    const out = `${name}-apart`;
    const run = begin([...sweep, '--collect', '--queue', '--out', out], { SLIMRNN_QUEUE: server!.url });
    expect(await run.finished).toMatchObject({ code: 0 });
    expect(resultOf(out).rows).toEqual(reference.rows);
    expectOnce(out);
    for (const each of workers) expect(await each.finished).toMatchObject({ code: 0 });
  });

  it.skipIf(!isThere || isShort)(
    'ends as the local one, whatever is killed, with the server restarted once',
    async () => {
      const out = `${name}-killed`;
      const random = randomStream(7);
      let workers = [1, 2, 3].map(() => worker(server!.url));
      const coordinate = (...more: string[]) =>
        begin([...(more.length > 0 ? ['sweep', out, '--no-latency'] : [...sweep, '--out', out]), ...more, '--queue'], {
          SLIMRNN_QUEUE: server!.url,
        });
      let coordinator = coordinate();
      for (let i = 0; i < 8; i++) {
        await pause(1000 + 4000 * random());
        if (i === 3) await server!.restart();
        else if (i % 3 === 2 && coordinator.child.exitCode === null && readdirSync(folder).includes(out)) {
          coordinator.child.kill('SIGKILL');
          await coordinator.finished;
          coordinator = coordinate('--resume');
        } else {
          const [victim, ...others] = workers;
          victim!.child.kill('SIGKILL');
          workers = [...others, worker(server!.url)];
        }
      }
      const { code, stderr } = await coordinator.finished;
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      expect(resultOf(out).rows).toEqual(reference.rows);
      expectOnce(out);
    },
  );

  it.skipIf(!isThere)(
    'refuses a wrong password and a server of another kind, without showing the password',
    async () => {
      const other = server!.url.startsWith('redis')
        ? server!.url.replace('redis:', 'postgres:')
        : server!.url.replace('postgres:', 'redis:');
      for (const [url, message] of [
        [server!.wrong, /the user or the password is wrong/],
        [other, /cannot use the queue/],
      ] as const) {
        const { code, stderr } = await worker(url).finished;
        expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(message) });
        expect(stderr).not.toMatch(/s3cret|wrong@/);
      }
    },
  );
});

it.each(['redis', 'postgres'])('a %s queue that nobody serves is refused at once', async (kind) => {
  const url = `${kind}://user:s3cret@127.0.0.1:${await freePort()}/x`;
  const begun = performance.now();
  const { code, stderr } = await begin([...sweep, '--queue', url, '--out', 'nowhere']).finished;
  expect({ code, stderr: stderr.trim() }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^error: cannot use the queue \w+:\/\/127[^@]*: nobody listens there$/),
  });
  expect(readdirSync(folder)).not.toContain('nowhere');
  expect(performance.now() - begun).toBeLessThan(30_000);
});
