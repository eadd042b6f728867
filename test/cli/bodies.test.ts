import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelSummary } from '../../src/inspect/describe.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { layerInLoop, layersInBranches } from '../support/bodyModels.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';

/*
 * Recurrent operators inside branches and loops, as a user meets them.
 */

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  await saveModel(join(folder, 'branches.onnx'), layersInBranches(['lstm', 'lstm']));
  await saveModel(join(folder, 'loop.onnx'), layerInLoop());
  const rows = Array.from({ length: 24 }, (_, n) => {
    const x = Array.from({ length: 4 }, (_, t) => [Math.sin(n + t), Math.cos(n * t), (n % 3) - 1]);
    return JSON.stringify({ x, y: x.map(([a, b]) => [a! + b!, a! - b!]) });
  });
  writeFileSync(join(folder, 'data.jsonl'), `${rows.join('\n')}\n`);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await runCli(args, folder);
  return { code, stdout, stderr };
};

describe('models with recurrent operators inside branches', () => {
  it('are inspected, shrunk, and cut layer by layer', async () => {
    const { layers } = await runJson<ModelSummary>(['inspect', 'branches.onnx'], folder);
    expect(layers.map(({ name, units, removable }) => [name, units, removable])).toEqual([
      ['choice/then_branch/lstm', 6, 2],
      ['choice/else_branch/lstm', 6, 2],
    ]);
    const lossless = await run('shrink', 'branches.onnx', '--out', 'slim.onnx');
    expect(lossless).toMatchObject({ code: 0, stdout: expect.stringMatching(/choice\/else_branch\/lstm units +6 +4/) });
    const cut = await run('shrink', 'branches.onnx', '--out', 'cut.onnx', '--units', 'then_branch=2,else_branch=3');
    expect(cut.stdout).toMatch(/then_branch\/lstm units +6 +2\s+choice\/else_branch\/lstm units +6 +3/);
    const again = await runJson<ModelSummary>(['inspect', 'cut.onnx'], folder);
    expect(again.layers.map((l) => l.units)).toEqual([2, 3]);
  });

  it('cannot be made to stream, which is said with the layer and the branch', async () => {
    const { code, stderr } = await run('export', 'branches.onnx', '--streaming', '--out', 'streaming.onnx');
    expect(code).toBe(1);
    expect(stderr).toContain("layer 'lstm' lies inside If 'choice' and starts from zeros there");
  });
});

describe('models with recurrent operators inside loops', () => {
  it('are cut in half and run side by side', async () => {
    expect(await run('shrink', 'loop.onnx', '--keep', '0.5', '--out', 'half.onnx')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/step units +6 +3/),
    });
    const { code, stdout } = await run('bench', 'loop.onnx', 'half.onnx', '--rounds', '1', '--batch', '1');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/fewer/)]);
  });

  it('are trained', async () => {
    const flags = ['--loss', 'mse', '--target', 'y', '--epochs', '3', '--batch', '8', '--out', 'run'];
    const batches = ['--batch-axis', 'x=1', '--batch-axis', 'y=1'];
    const { code } = await run('finetune', 'loop.onnx', '--data', 'data.jsonl', ...flags, ...batches);
    expect(code).toBe(0);
    const lines = readFileSync(join(folder, 'run', 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const losses = lines.map((line) => (JSON.parse(line) as { train: { mse: number } }).train.mse);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
  });
});
