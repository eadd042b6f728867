import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dim, Model } from '../../src/graph/types.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { inHalf, lstmModel } from '../support/engineFaults.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli } from '../support/runCli.ts';

/*
 * What the engine itself does wrong, or would do for hours.
 */

let folder: string;

beforeAll(() => {
  folder = makeFolder();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function saved(name: string, model: Model): Promise<string> {
  await saveModel(join(folder, name), model);
  return name;
}

/** The commands that run one model. */
const runs: Readonly<Record<string, (model: string) => readonly string[]>> = {
  shrink: (model) => ['shrink', model, '--out', 'slim.onnx', '--force'],
  bench: (model) => ['bench', model, '--batch', '2', '--rounds', '1', '--threads', '1'],
  export: (model) => ['export', model, '--streaming', '--out', 'stream.onnx', '--force'],
};

describe('half precision', () => {
  it.each(Object.keys(runs))('%s runs it', async (command) => {
    const model = await saved('half.onnx', inHalf(lstmModel(['b', 't', 3], { batchFirst: true, dead: 2 })));
    const { code, signal, stderr } = await runCli(runs[command]!(model), folder);
    expect({ code, signal }, stderr).toEqual({ code: 0, signal: null });
  });
});

describe('declared sizes that cannot be', () => {
  const shapes: [string, Dim[], string][] = [
    ['no sequences', ['t', 0, 3], "input 'x' declares 0 for axis 1 ([t, 0, 3])"],
    ['no steps', [0, 'b', 3], "input 'x' declares 0 for axis 0 ([0, b, 3])"],
    ['2^31 sequences', ['t', 2 ** 31, 3], "the model declares [t, 2147483648, 3] for input 'x', which is too much"],
  ];
  const cases = shapes.flatMap((shape) => Object.keys(runs).map((command) => [command, ...shape] as const));
  it.each(cases)('%s refuses %s', async (command, _, shape, message) => {
    const model = await saved('sizes.onnx', lstmModel(shape));
    await expectRefused(folder, runs[command]!(model), message);
  });

  it('are shown by inspect', async () => {
    const model = await saved('sizes.onnx', lstmModel(['t', 0, 3]));
    expect((await runCli(['inspect', model], folder)).code).toBe(0);
  });
});
