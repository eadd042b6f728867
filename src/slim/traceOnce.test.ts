import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { testModel, zeroSlices } from '../../test/support/models.ts';
import { command as inspect } from '../cli/inspect.ts';
import { command as shrink } from '../cli/shrink.ts';
import { traceGroups } from '../groups/trace.ts';
import { traceModel } from '../groups/traceModel.ts';
import { walk } from '../groups/tracing/walk.ts';
import { describeModel } from '../inspect/describe.ts';
import { writeModel } from '../onnx/write.ts';
import { planCut } from './cut.ts';
import { shrinkModel, shrinkZeros } from './shrink.ts';
import { groupsAfter } from './slice.ts';

vi.mock('../groups/tracing/walk.ts', async (original) => {
  const module = await original<typeof import('../groups/tracing/walk.ts')>();
  return { ...module, walk: vi.fn(module.walk) };
});

const layer = { hidden: 4, direction: 'bidirectional' } as const;
const model = testModel({ vocabulary: 5, embedding: 3, layers: [layer, layer] });

beforeEach(() => {
  vi.mocked(walk).mockClear();
});

describe('a model is traced once', () => {
  it('to lose its dead units', () => {
    const { prepared, groups } = traceModel(model);
    const dead = { ...prepared, graph: zeroSlices(prepared.graph, groups, new Set([1, 6]), ['reads']) };
    vi.mocked(walk).mockClear();
    expect([...shrinkZeros(dead).removed]).toContain(1);
    expect(walk).toHaveBeenCalledTimes(1);
  });

  it('to be cut', () => {
    const traced = traceModel(model);
    const { removed } = planCut(traced, { kind: 'keep', fraction: 0.5 });
    expect(shrinkModel(model, traced, removed).layers.map((l) => l.after)).toEqual([2, 2, 2, 2]);
    expect(walk).toHaveBeenCalledTimes(1);
  });

  it('to be described', () => {
    expect(describeModel(model, { fix: ['lstm_0'] }).layers).toHaveLength(4);
    expect(walk).toHaveBeenCalledTimes(1);
  });

  describe('by the commands', () => {
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'slimrnn-'));
      await writeFile(join(folder, 'model.onnx'), writeModel(model));
      vi.spyOn(process.stdout, 'write').mockReturnValue(true);
      vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await rm(folder, { recursive: true });
    });
    it.each([['--no-states'], ['--fix', 'lstm_0']])('inspect %s', async (...flags) => {
      await inspect.parseAsync([join(folder, 'model.onnx'), ...flags], { from: 'user' });
      expect(walk).toHaveBeenCalledTimes(1);
    });

    it.each([
      ['--keep', '0.5'],
      ['--keep', '0.5', '--fix', 'lstm_0'],
    ])('shrink %s %s %s', async (...flags) => {
      const paths = [join(folder, 'model.onnx'), '--out', join(folder, 'slim.onnx')];
      await shrink.parseAsync([...paths, ...flags], { from: 'user' });
      expect(walk).toHaveBeenCalledTimes(1);
    });
  });
});

describe('the trace that groups keep', () => {
  const groups = traceGroups(model.graph);

  it('keeps no weights alive', () => {
    const weights = new Set([...model.graph.initializers.values()].map(({ data }) => data));
    const seen = new Set<unknown>();
    const todo: unknown[] = [groups];
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      if (typeof at !== 'object' || at === null || seen.has(at)) continue;
      seen.add(at);
      expect(weights.has(at as Float32Array)).toBe(false);
      if (at instanceof Map) todo.push(...at.keys(), ...at.values());
      else if (at instanceof Set || Array.isArray(at)) todo.push(...at);
      else if (!ArrayBuffer.isView(at)) todo.push(...Object.values(at));
    }
    expect(seen.size).toBeGreaterThan(100);
  });

  it('does not go on with what is left after a removal', () => {
    expect(groupsAfter(groups, (k) => k === 0)).not.toHaveProperty('trace');
  });
});
