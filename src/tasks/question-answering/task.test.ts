import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readSettings } from '../../config/readSettings.ts';
import { presets } from '../registry.ts';
import { questionAnsweringTask } from './task.ts';

const folder = mkdtempSync(join(tmpdir(), 'slimrnn-questions-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('tells word vectors of other values apart, so that nobody goes on with others', async () => {
  const vectors = join(folder, 'vectors.txt');
  const config = readSettings('tiny', { vectors }, presets['bidaf-tiny']);
  const digestWith = async (text: string) => {
    writeFileSync(vectors, text);
    return (await questionAnsweringTask.load(config, {})).problem.digest;
  };
  const first = await digestWith('was 1 2\nthe 3 4\n');
  expect(await digestWith('the 3 4\nwas 1 2\n')).toBe(first);
  expect(await digestWith('was 1 2\nthe 3 5\n')).not.toBe(first);
});
