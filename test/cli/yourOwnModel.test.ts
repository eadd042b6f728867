import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeFolder, runCli } from '../support/runCli.ts';

/* Every command of docs/your-own-model.md, in order, as a reader would type them, but for shorter training and timing. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const commands = [...readFileSync(join(root, 'docs/your-own-model.md'), 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block]) => block!.trim().split('\n'))
  .map((line) => line.replace('--epochs 12', '--epochs 2 --threads 1').replace(/^slimrnn bench .*/, '$& --rounds 1'));

let folder: string;

beforeAll(() => {
  folder = makeFolder();
  for (const file of ['classifier.onnx', 'make-data.mjs']) {
    copyFileSync(join(root, 'examples/finetune', file), join(folder, file));
  }
  copyFileSync(join(root, 'test/fixtures/models/torch/lstm-2.old.onnx'), join(folder, 'tagger.onnx'));
  execFileSync(process.execPath, ['make-data.mjs'], { cwd: folder });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each(commands)('%s', async (line) => {
  const [program, ...args] = line.split(' ');
  expect(program).toBe('slimrnn');
  const { code, stdout, stderr } = await runCli(args, folder);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).not.toBe('');
});
