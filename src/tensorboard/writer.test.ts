import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { course, eventFiles, onlyEvents } from '../../test/support/eventFile.ts';
import { makeRun } from '../../test/support/runFolder.ts';
import { SlimError, UsageError } from '../base/errors.ts';
import { logHistogram } from '../groups/logHistogram.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import { eventFileName, secondsOf } from './eventFile.ts';
import { updateTensorBoard } from './writer.ts';

const disk = vi.hoisted(() => ({ isFull: false }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  /** A full disk takes the first half of what is written. */
  const appendFileSync = (path: string, data: Buffer) => {
    fs.appendFileSync(path, disk.isFull ? data.subarray(0, data.length / 2) : data);
    if (disk.isFull) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  return { ...fs, appendFileSync };
});

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  disk.isFull = false;
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-tensorboard-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const rowOf = (epoch: number, perplexity = 100 - epoch / 3): EpochMetrics => ({
  ...{ epoch, learningRate: 1 / 3, parameters: 10, penalty: 0, seconds: 1, units: [3], alive: [2] },
  ...{ train: { perplexity: 90 }, valid: { perplexity }, itemsPerSecond: 7 },
  groupNorms: [logHistogram([0, 0.5, epoch])],
});
const rowsOf = (...epochs: number[]) => epochs.map((epoch) => rowOf(epoch));

/** Writes metrics.jsonl as a run does: all epochs so far. */
function writeMetrics(rows: readonly EpochMetrics[]): void {
  writeFileSync(at('metrics.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

const onlyName = () => eventFiles(folder)[0]!;
const content = () => readFileSync(at(onlyName()));

/** Checks that the event file has these epochs, each once and in order. */
function expectEpochs(rows: readonly EpochMetrics[]): void {
  const events = onlyEvents(folder);
  expect(events.slice(0, 2)).toMatchObject([{ fileVersion: 'brain.Event:2' }, { sessionStatus: 1 }]);
  expect(events).toHaveLength(2 + rows.length);
  const expected = rows.map((row) => [row.epoch, Math.fround(row.valid!.perplexity!)]);
  expect(course(events, 'perplexity/valid')).toEqual(expected);
}

describe('updateTensorBoard', () => {
  it('follows metrics.jsonl epoch by epoch, and only adds to the file', () => {
    updateTensorBoard(folder, ['lstm_0']);
    expectEpochs([]);
    for (const rows of [rowsOf(1), rowsOf(1, 2), rowsOf(1, 2, 3, 4)]) {
      const before = content();
      writeMetrics(rows);
      updateTensorBoard(folder, ['lstm_0']);
      expect(content().subarray(0, before.length).equals(before)).toBe(true);
      expectEpochs(rows);
      const after = content();
      updateTensorBoard(folder, ['lstm_0']);
      expect(content().equals(after)).toBe(true);
    }
    const events = onlyEvents(folder);
    expect(course(events, 'units_alive/lstm_0')).toEqual([1, 2, 3, 4].map((epoch) => [epoch, 2]));
    expect(course(events, 'group_norms_zero/lstm_0')).toEqual([1, 2, 3, 4].map((epoch) => [epoch, 1]));
    const norms = events.flatMap((e) => e.values.filter((v) => v.tag === 'group_norms/lstm_0'));
    expect(norms.map((v) => v.histogram!.counts.reduce((a, b) => a + b))).toEqual([2, 2, 2, 2]);
  });

  it.each([
    ['of this version', {}],
    ['of version 0.1', { version: 1 }],
  ] as const)('counts what a run %s says that it counts', (_, options) => {
    makeRun(folder, { epochs: 2, ...options });
    updateTensorBoard(folder);
    const events = onlyEvents(folder);
    expect(course(events, 'speed/tokens_per_second')).toEqual([1, 2].map((epoch) => [epoch, 5000]));
    expect(course(events, 'perplexity/train')).toEqual([1, 2].map((epoch) => [epoch, 200 / epoch]));
  });

  it('goes on behind the last whole epoch wherever a killed process has left the file', () => {
    writeMetrics(rowsOf(1));
    updateTensorBoard(folder);
    const first = content().length;
    writeMetrics(rowsOf(1, 2));
    updateTensorBoard(folder);
    const whole = content();
    const name = onlyName();
    for (let end = first; end <= whole.length; end += 7) {
      writeFileSync(at(name), whole.subarray(0, end));
      updateTensorBoard(folder);
      expectEpochs(rowsOf(1, 2));
      expect(onlyName()).toBe(name);
      expect(content().subarray(0, first).equals(whole.subarray(0, first))).toBe(true);
    }
  });

  it.each<[what: string, before: EpochMetrics[], layerNames?: string[]]>([
    ['other figures', [rowOf(1, 50), rowOf(2, 40)]],
    ['more epochs than the run, which began anew', rowsOf(1, 2, 3, 4)],
    ['other layers', rowsOf(1, 2), ['lstm_0']],
  ])('replaces a file that has %s', (_, before, layerNames) => {
    writeMetrics(before);
    updateTensorBoard(folder, layerNames);
    const old = onlyName();
    writeMetrics(rowsOf(1, 2, 3));
    updateTensorBoard(folder);
    expectEpochs(rowsOf(1, 2, 3));
    // A TensorBoard that looks on goes from file to file in the order of their names.
    expect(secondsOf(onlyName())).toBeGreaterThan(secondsOf(old)!);
  });

  it('replaces several files, and one that lost its beginning', () => {
    writeMetrics(rowsOf(1, 2));
    updateTensorBoard(folder);
    writeFileSync(at(eventFileName(1_600_000_000)), content());
    updateTensorBoard(folder);
    expectEpochs(rowsOf(1, 2));
    writeFileSync(at(onlyName()), content().subarray(0, 10));
    updateTensorBoard(folder);
    expectEpochs(rowsOf(1, 2));
  });

  it('leaves files of other programs, and folders, alone', () => {
    const others = ['events.out.tfevents.1600000000.host.7.v2', 'events.out.tfevents.1600000000.host.slimrnn'];
    writeFileSync(at(others[0]!), 'of another program');
    mkdirSync(at(others[1]!));
    writeMetrics(rowsOf(1));
    updateTensorBoard(folder);
    expect(readFileSync(at(others[0]!), 'utf8')).toBe('of another program');
    expect(existsSync(at(others[1]!))).toBe(true);
    expect(eventFiles(folder)).toHaveLength(3);
  });

  it('says when the disk is full, and mends the file when there is room again', () => {
    writeMetrics(rowsOf(1));
    updateTensorBoard(folder);
    writeMetrics(rowsOf(1, 2));
    disk.isFull = true;
    expect(() => updateTensorBoard(folder)).toThrow(SlimError);
    expect(() => updateTensorBoard(folder)).toThrow(`--tensorboard: cannot use ${at(onlyName())}: the disk is full`);
    disk.isFull = false;
    updateTensorBoard(folder);
    expectEpochs(rowsOf(1, 2));
  });

  it('says what is wrong with a folder that it cannot write to', () => {
    const attempt = (name: string) => () => updateTensorBoard(at(name));
    expect(attempt('absent')).toThrow(SlimError);
    expect(attempt('absent')).toThrow(`--tensorboard: cannot use ${at('absent')}: there is no such file or folder`);
    writeFileSync(at('file'), '');
    expect(attempt('file')).toThrow('a part of the path is a file, not a folder');
  });

  it.each([
    ['no JSON', '{"epoch": 1'],
    ['no epoch', '{"epoch": "one"}'],
  ])('refuses metrics that are %s, and says how to mend them', (_, line) => {
    writeFileSync(at('metrics.jsonl'), `${JSON.stringify(rowOf(1))}\n${line}\n`);
    expect(() => updateTensorBoard(folder)).toThrow(UsageError);
    expect(() => updateTensorBoard(folder)).toThrow(/metrics\.jsonl: line 2 does not hold .* delete the file/);
  });
});
