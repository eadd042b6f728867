import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { course, eventFiles, onlyEvents } from '../../test/support/eventFile.ts';
import { SlimError, UsageError } from '../errors.ts';
import type { EpochRow } from '../runs/record.ts';
import { logHistogram } from '../sparsity/logHistogram.ts';
import { secondsOf } from './eventFile.ts';
import { openTensorBoard } from './writer.ts';

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-tensorboard-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const rowOf = (epoch: number, validPerplexity = 100 - epoch): EpochRow => ({
  ...{ epoch, learningRate: 1, parameters: 10, penalty: 0, seconds: 1, validPerplexity, units: [3], alive: [2] },
  groupNorms: [logHistogram([0, 0.5, epoch])],
});
const perplexities = (epochs: readonly number[]) => epochs.map((epoch) => [epoch, 100 - epoch]);

/** Writes metrics.jsonl as a run does: all epochs so far. */
function writeMetrics(rows: readonly EpochRow[]): void {
  writeFileSync(at('metrics.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** The validation perplexity epoch by epoch, as the event file has it. */
const written = () => course(onlyEvents(folder), 'perplexity/valid');

describe('openTensorBoard', () => {
  it('follows metrics.jsonl epoch by epoch, and only adds to the file', () => {
    const board = openTensorBoard(folder, ['lstm_0']);
    expect(onlyEvents(folder)).toHaveLength(2);
    const rows: EpochRow[] = [];
    for (let epoch = 1; epoch <= 3; epoch++) {
      const before = readFileSync(at(eventFiles(folder)[0]!));
      rows.push(rowOf(epoch));
      writeMetrics(rows);
      board.update();
      const after = readFileSync(at(eventFiles(folder)[0]!));
      expect(after.subarray(0, before.length).equals(before)).toBe(true);
      expect(written()).toEqual(perplexities(rows.map((r) => r.epoch)));
      board.update();
      expect(readFileSync(at(eventFiles(folder)[0]!)).equals(after)).toBe(true);
    }
    const [norms] = onlyEvents(folder)[4]!.values.filter((v) => v.tag === 'group_norms/lstm_0');
    expect(norms!.histogram).toMatchObject({
      figures: [expect.any(Number), expect.any(Number), 2, expect.any(Number), expect.any(Number)],
    });
    expect(norms!.histogram!.counts.reduce((a, b) => a + b)).toBe(2);
    expect(course(onlyEvents(folder), 'group_norms_zero/lstm_0')).toEqual([1, 2, 3].map((epoch) => [epoch, 1]));
  });

  it('begins a new file with all epochs so far, in place of its earlier ones; files of others stay', () => {
    writeMetrics([rowOf(1), rowOf(2)]);
    openTensorBoard(folder);
    const [first] = eventFiles(folder);
    const other = 'events.out.tfevents.1600000000.host.7.v2';
    writeFileSync(at(other), 'of another program');
    writeMetrics([rowOf(1), rowOf(2), rowOf(3)]);
    openTensorBoard(folder);
    expect(readFileSync(at(other), 'utf8')).toBe('of another program');
    rmSync(at(other));
    const [second] = eventFiles(folder);
    expect(written()).toEqual(perplexities([1, 2, 3]));
    // A TensorBoard that looks on goes from file to file in the order of their names.
    expect(secondsOf(second!)).toBeGreaterThan(secondsOf(first!)!);
    expect(existsSync(at(first!))).toBe(false);
  });

  it('catches up with epochs that were added without a word', () => {
    writeMetrics([rowOf(1)]);
    const board = openTensorBoard(folder);
    writeMetrics([rowOf(1), rowOf(2), rowOf(3)]);
    board.update();
    expect(written()).toEqual(perplexities([1, 2, 3]));
  });

  it('begins anew when the run did, and when its file is gone', () => {
    writeMetrics([rowOf(1, 50), rowOf(2, 40)]);
    const board = openTensorBoard(folder);
    writeMetrics([rowOf(1)]);
    board.update();
    expect(written()).toEqual(perplexities([1]));
    rmSync(at(eventFiles(folder)[0]!));
    board.update();
    expect(written()).toEqual(perplexities([1]));
  });

  it('says what is wrong with a folder that it cannot write to', () => {
    expect(() => openTensorBoard(at('absent'))).toThrow(SlimError);
    expect(() => openTensorBoard(at('absent'))).toThrow(
      `cannot write ${at('absent')} for --tensorboard: there is no such file or folder`,
    );
    writeFileSync(at('file'), '');
    expect(() => openTensorBoard(at('file'))).toThrow('a part of the path is a file, not a folder');
  });

  it.skipIf(!existsSync('/dev/full'))('says when the disk is full', () => {
    const board = openTensorBoard(folder);
    const [name] = eventFiles(folder);
    rmSync(at(name!));
    symlinkSync('/dev/full', at(name!));
    writeMetrics([rowOf(1)]);
    expect(() => board.update()).toThrow(SlimError);
    expect(() => board.update()).toThrow(`cannot write ${at(name!)} for --tensorboard: the disk is full`);
  });

  it.each([
    ['no JSON', '{"epoch": 1'],
    ['no epoch', '{"epoch": "one"}'],
  ])('refuses metrics that are %s, and says how to mend them', (_, line) => {
    writeFileSync(at('metrics.jsonl'), `${JSON.stringify(rowOf(1))}\n${line}\n`);
    expect(() => openTensorBoard(folder)).toThrow(UsageError);
    expect(() => openTensorBoard(folder)).toThrow(/metrics\.jsonl: line 2 does not hold .* delete the file/);
  });

  it('does not take a folder for one of its files', () => {
    const name = 'events.out.tfevents.1600000000.host.slimrnn';
    mkdirSync(at(name));
    writeMetrics([rowOf(1)]);
    openTensorBoard(folder);
    expect(existsSync(at(name))).toBe(true);
    expect(eventFiles(folder)).toHaveLength(2);
  });
});
