import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { presets } from '../tasks/registry.ts';
import { planSweep, type SweepPlan } from './plan.ts';
import { readPlan, requireSamePlan, savePlan, sweepFiles } from './planFile.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-plan-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const small = { hidden: [4, 4], embedding: 4, vocabulary: 50, trainTokens: 2000 };
const plan = (overrides = {}): Promise<SweepPlan> =>
  planSweep({ base: presets['iss-small']!, overrides: { ...small, ...overrides }, varied: { iss: [0, 0.01] } });

/** sweep.json with other content. */
function rewrite(change: (content: Record<string, unknown>) => object): void {
  const path = join(folder, sweepFiles.plan);
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)));
}

it('a plan is read as it was written', async () => {
  const made = await plan({ keepWords: 0.9, fix: ['lstm_0'] });
  await savePlan(folder, made);
  const read = await readPlan(folder);
  expect(read).toEqual(made);
  requireSamePlan(read, made, folder);
});

it('a sweep is resumed with its own plan only', async () => {
  const [one, other] = [await plan(), await plan({ seed: 2 })];
  expect(() => requireSamePlan(one, other, 'x')).toThrow('x holds another sweep (run 1-iss-0 differs)');
  expect(() => requireSamePlan(one, { ...one, sources: { valid: 'v' } }, 'x')).toThrow('(--valid differs)');
  expect(() => requireSamePlan(one, { ...one, initDigest: 'd' }, 'x')).toThrow('(the model of --init differs)');
});

it('a plan of version 0.1 is refused by name', async () => {
  await savePlan(folder, await plan());
  rewrite(({ format: _, ...rest }) => rest);
  await expect(readPlan(folder)).rejects.toThrow(`${folder} was begun by version 0.1 of slimrnn`);
});

it('a plan of a later version is refused, and a damaged one', async () => {
  await savePlan(folder, await plan());
  rewrite((content) => ({ ...content, format: 3 }));
  await expect(readPlan(folder)).rejects.toThrow(/sweep\.json was written by version .* of slimrnn/);
  rewrite((content) => ({ ...content, format: 2, runs: [] }));
  await expect(readPlan(folder)).rejects.toThrow('sweep.json is damaged');
});
