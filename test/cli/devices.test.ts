import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type DeviceName, devices } from '../../src/runtime/devices.ts';
import { makeFolder, runCli, tiny, writeCorpus } from '../support/runCli.ts';

/*
 * Where a command runs. What a GPU does is in test/scale.
 */

let folder: string;
beforeAll(() => {
  folder = makeFolder();
  writeCorpus(join(folder, 'text'));
});

const train = (...args: string[]) => runCli(['train', ...tiny, '--data', 'text', ...args], folder);

describe('--device', () => {
  it('names the device that was probably meant', async () => {
    const { code, stderr } = await train('--device', 'webgup', '--out', 'unknown');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /--device: expected cpu or wasm or webgpu or cuda, got "webgup" \(did you mean 'webgpu'\?\)/,
    );
    expect(existsSync(join(folder, 'unknown'))).toBe(false);
  });

  it('trains in WebAssembly as natively', async () => {
    const [native, wasm] = await Promise.all([
      train('--epochs', '1', '--out', 'native'),
      train('--epochs', '1', '--out', 'wasm', '--device', 'wasm', '--threads', '1'),
    ]);
    expect([native.code, wasm.code]).toEqual([0, 0]);
    const perplexity = (run: string) => {
      const line = readFileSync(join(folder, run, 'metrics.jsonl'), 'utf8');
      return (JSON.parse(line) as { valid: { perplexity: number } }).valid.perplexity;
    };
    expect(perplexity('wasm') / perplexity('native')).toBeCloseTo(1, 4);
  });
});

const absent: DeviceName[] = [];
for (const name of ['webgpu', 'cuda'] as const) {
  await devices[name].load().catch(() => absent.push(name));
}

describe.runIf(absent.length > 0).each(absent)('the device %s, which is not there,', (name) => {
  it.each([
    ['train', ['train', ...tiny, '--data', 'text', '--out', 'absent']],
    ['report', ['report', '.', '--out', 'absent.html']],
  ])('is refused by %s before anything is done', async (_command, args) => {
    const { code, stderr } = await runCli([...args, '--device', name], folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`error: the device ${name} (needs|is there on)`));
    for (const made of ['absent', 'absent.html']) expect(existsSync(join(folder, made))).toBe(false);
  });
});
