import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveModel } from '../../src/onnx/file.ts';
import { crashingModel, lstmModel } from '../support/engineFaults.ts';
import { makeFolder, runAlone, runJson, snapshot, startCli } from '../support/runCli.ts';

/*
 * Commands that run other people's models, and models that end the process, or do not end.
 */

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  await saveModel(join(folder, 'crashing.onnx'), crashingModel());
  await saveModel(join(folder, 'small.onnx'), lstmModel(['t', 'b', 3], { dead: 1 }));
  // Hours of work in few numbers.
  await saveModel(join(folder, 'endless.onnx'), lstmModel([3_000_000, 1, 3], { units: 256, dead: 1 }));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const runs: Readonly<Record<string, (model: string) => readonly string[]>> = {
  shrink: (model) => ['shrink', model, '--out', 'out.onnx'],
  'shrink to a size': (model) => ['shrink', model, '--out', 'out.onnx', '--keep', '0.5'],
  bench: (model) => ['bench', model, '--batch', '2', '--rounds', '1', '--threads', '1'],
  export: (model) => ['export', model, '--streaming', '--out', 'out.onnx'],
};

describe('a model that crashes the engine', () => {
  it.each(Object.keys(runs))('ends %s with one line and exit code 1, and nothing is written', async (command) => {
    const before = snapshot(folder);
    const { code, signal, stdout, stderr } = await runAlone(runs[command]!('crashing.onnx'), folder);
    expect({ code, signal, stdout }, stderr).toEqual({ code: 1, signal: null, stdout: '' });
    const errors = stderr.split('\n').filter((line) => /error|terminate|abort/i.test(line));
    expect(errors).toEqual([
      expect.stringMatching(/^error: onnxruntime-node \d\S* crashed while running crashing\.onnx \(SIG(?:ABRT|SEGV)/),
    ]);
    expect(snapshot(folder)).toEqual(before);
  });

  it('ends with one line beside --json, too', async () => {
    const { code, stdout, stderr } = await runAlone([...runs.shrink!('crashing.onnx'), '--json'], folder);
    expect(code, stderr).toBe(1);
    const { error } = JSON.parse(stdout) as { error: { message: string } };
    expect(error).toMatchObject({ code: 'failed', exitCode: 1 });
    expect(stderr).toContain(`error: ${error.message}\n`);
  });

  it('is still shown by inspect', async () => {
    expect(await runJson(['inspect', 'crashing.onnx'], folder)).toMatchObject({ layers: [{ name: 'lstm', units: 4 }] });
  });
});

describe('a verification that does not end', () => {
  it('is stopped after --verify-seconds, and says what was verified', async () => {
    const before = snapshot(folder);
    const args = [...runs.shrink!('endless.onnx'), '--verify-seconds', '1'];
    const { code, stdout, stderr } = await runAlone(args, folder);
    expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^error: verifying took longer than 1 s and was stopped: .*nothing was compared; allow more/m,
    );
    expect(snapshot(folder)).toEqual(before);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('ends with %s, as the shell is used to', async (name) => {
    const { child, finished, stderr } = startCli(runs.shrink!('endless.onnx'), folder);
    await expect.poll(stderr).toContain('verifying');
    child.kill(name);
    expect(await finished).toMatchObject({ code: null, signal: name, stdout: '' });
    expect(existsSync(join(folder, 'out.onnx'))).toBe(false);
  });

  it('is refused where it takes no seconds', async () => {
    const { code, stderr } = await runAlone([...runs.shrink!('small.onnx'), '--verify-seconds', '0'], folder);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('--verify-seconds takes a number from 1'),
    });
  });
});

describe('the guard', () => {
  it('passes exit codes, output and JSON on', async () => {
    expect((await runAlone(['shrink', 'none.onnx', '--out', 'out.onnx'], folder)).code).toBe(2);
    expect((await runAlone(['shrink', '--help'], folder)).stdout).toContain('--verify-seconds');
    const { code, stdout, stderr } = await runAlone(['inspect', 'small.onnx', '--json'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toHaveProperty('layers');
  });
});
