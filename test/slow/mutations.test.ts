import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { randomStream } from '../../src/base/random.ts';
import type { Model } from '../../src/graph/types.ts';
import { loadModel } from '../../src/onnx/file.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { inHalf, lstmModel } from '../support/engineFaults.ts';
import { testModel } from '../support/models.ts';
import { mutate } from '../support/mutations.ts';
import { makeFolder, runCli } from '../support/runCli.ts';

/*
 * Models with a broken structure, through every command that runs them: whatever the engine makes of them, the command
 * ends as it should. SLIMRNN_MUTATIONS is their number, SLIMRNN_SEED the first of them.
 */

const COUNT = Number(process.env.SLIMRNN_MUTATIONS ?? 5000);
const FIRST = Number(process.env.SLIMRNN_SEED ?? 0);
const AT_A_TIME = 2;

const limit = ['--verify-seconds', '60'];
const commands: readonly ((model: string, out: string) => readonly string[])[] = [
  (model, out) => ['shrink', model, '--out', out, ...limit],
  (model, out) => ['shrink', model, '--out', out, '--keep', '0.5', ...limit],
  (model) => ['bench', model, '--batch', '1', '--steps', '3', '--rounds', '1', '--threads', '1'],
  (model, out) => ['export', model, '--streaming', '--out', out, ...limit],
  (model) => ['inspect', model],
];

async function originals(): Promise<Model[]> {
  const folder = fileURLToPath(new URL('../fixtures/models', import.meta.url));
  const files = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.onnx'))
        .sort()
    : [];
  const lstm = lstmModel(['time', 'batch', 3], { dead: 2 });
  const own = [lstm, inHalf(lstm), lstmModel(['batch', 'time', 3], { batchFirst: true, dead: 1 })];
  const streams = testModel({ vocabulary: 5, embedding: 3, layers: [{ hidden: 4, direction: 'bidirectional' }] });
  return [...own, streams, ...(await Promise.all(files.map((file) => loadModel(join(folder, file)))))];
}

it(`${COUNT} models with a changed structure end every command as it should`, async () => {
  const folder = makeFolder();
  const models = await originals();
  const failures: string[] = [];
  const codes = new Map<number | null, number>();
  const one = async (n: number) => {
    const random = randomStream(n + 1);
    const [file, out] = [`${n}.onnx`, `${n}.slim.onnx`];
    writeFileSync(join(folder, file), writeModel(mutate(models[n % models.length]!, random)));
    const args = commands[n % commands.length]!(file, out);
    const { code, signal, stdout, stderr } = await runCli(args, folder);
    codes.set(code, (codes.get(code) ?? 0) + 1);
    const errors = stderr.split('\n').filter((line) => line !== '').length;
    const isFine = signal === null && [0, 1, 2, 3].includes(code!) && !/unexpected error/.test(stderr) && errors <= 4;
    const left = existsSync(join(folder, out));
    if (!isFine || (code !== 0 && (left || stdout !== ''))) {
      failures.push(`${n}: slimrnn ${args.join(' ')} ended with ${code ?? signal}\n${stderr.slice(0, 1500)}`);
    }
    for (const path of [file, out]) rmSync(join(folder, path), { force: true });
  };
  try {
    const next = { n: FIRST };
    const worker = async () => {
      while (next.n < FIRST + COUNT) await one(next.n++);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.info(`exit codes: ${[...codes].map(([code, count]) => `${code}: ${count}`).join(', ')}`);
  expect(failures.join('\n\n')).toBe('');
});
