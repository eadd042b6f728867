import { describe, expect, it } from 'vitest';
import { readDamaged } from '../../test/support/damage.ts';
import { UsageError } from '../base/errors.ts';
import { readFrom, readModel } from './read.ts';
import { startReading } from './reading.ts';
import { Writer } from './writer.ts';

describe('damaged models', () => {
  it('are refused or read, and nothing worse', () => {
    const { refused, read, failures } = readDamaged(500, 1);
    expect(failures).toEqual([]);
    expect(refused + read).toBe(500);
    expect(refused).toBeGreaterThan(100);
    expect(read).toBeGreaterThan(50);
  });
});

/** A model around a graph that `fill` writes. */
function model(fill: (graph: Writer) => void): Uint8Array {
  const writer = new Writer();
  writer.bytes(8, Uint8Array.of(0x10, 17));
  writer.message(7, fill);
  return Uint8Array.from([0x08, 8, ...writer.joined()]);
}

/** A long run of the same bytes. */
function repeated(bytes: readonly number[], count: number): Uint8Array {
  const run = new Uint8Array(bytes.length * count);
  for (let i = 0; i < run.length; i++) run[i] = bytes[i % bytes.length]!;
  return run;
}

/** A graph with one initializer of the given TensorProto. */
const tensor = (...parts: readonly number[]) =>
  model((graph) => graph.bytes(5, Uint8Array.of(0x42, 1, 0x77, ...parts)));

/** Bytes in arrays and beside the heap: what a bomb would blow up. */
const memory = () => process.memoryUsage().arrayBuffers;
/** Far more than any of the files, far less than what they promise. */
const MUCH = 64e6;

describe('bombs', () => {
  const huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
  let nested = new Uint8Array();
  for (let i = 0; i < 3000; i++) {
    const graph = new Writer();
    graph.message(1, (node) => {
      node.text(4, 'If');
      node.message(5, (attribute) => {
        attribute.text(1, 'a');
        attribute.int(20, 5);
        attribute.bytes(6, nested);
      });
    });
    nested = graph.joined();
  }
  it.each<[string, Uint8Array, string]>([
    ['2^40 floats in 10 bytes', tensor(0x08, ...huge, 0x10, 1, 0x4a, 2, 0, 0), 'has 2 bytes of raw_data'],
    [
      '2^40 floats in 8 bytes',
      tensor(0x08, ...huge, 0x10, 1, 0x4a, 8, 0, 0, 0, 0, 0, 0, 0, 0),
      "initializer 'w' of graph '' has 2 values, expected 1099511627776",
    ],
    ['2^40 floats in a list', tensor(0x08, ...huge, 0x10, 1, 0x22, 4, 0, 0, 0, 0), "'w' of graph '' has 1 values"],
    ['2^40 int64 in a list', tensor(0x08, ...huge, 0x10, 7, 0x3a, 1, 0), "'w' of graph '' has 1 values"],
    [
      'sizes whose product overflows',
      tensor(...[1, 2, 3, 4].flatMap(() => [0x08, ...huge]), 0x10, 1),
      "'w' of graph '' has 0 values",
    ],
    [
      'a list that claims 2^31 bytes',
      tensor(0x10, 7, 0x3a, 0xff, 0xff, 0xff, 0xff, 7),
      'field 7 has 2147483647 bytes, but only 0 are left',
    ],
    [
      'a list that ends within a number',
      tensor(0x08, 1, 0x10, 7, 0x3a, 2, 0, 0x80),
      'an integer in field 7 is cut off',
    ],
    [
      'a negative size',
      tensor(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0x10, 1),
      "a dimension of initializer 'w' of graph '' is -1",
    ],
    [
      'a message longer than the one around it',
      model((graph) => graph.encoded(Uint8Array.of(0x0a, 5))),
      'field 1 has 5 bytes, but only 0 are left',
    ],
    [
      'a name that is not UTF-8',
      model((graph) => graph.message(1, (node) => node.bytes(4, Uint8Array.of(0xff)))),
      'a name holds bytes that are not UTF-8 text (byte 12)',
    ],
    [
      '3000 subgraphs in each other',
      model((graph) => graph.encoded(nested)),
      'subgraphs more than 40 deep in each other',
    ],
    ['an integer of 11 bytes', tensor(0x08, ...Array<number>(10).fill(0x80), 0), 'the value of field 1 is cut off'],
    ['a length of 11 bytes', tensor(0x4a, ...Array<number>(10).fill(0x80), 0), 'the value of field 9 is cut off'],
    ['a length that 32 bits do not hold', tensor(0x4a, ...huge), 'field 9 has 1099511627776 bytes'],
    ['a field with number 0', tensor(0x00, 1), 'no field starts there'],
    ['a field number that 32 bits do not hold', tensor(...huge, 1), 'no field starts there'],
    ['a kind of field that there is not', tensor(0x0e, 1), 'no field starts there'],
    ['the end of a group', tensor(0x0c), 'field 1 is a group'],
    ['a million groups in each other', repeated([0x0b], 1_000_000), 'field 1 is a group'],
    [
      'millions of empty inputs',
      model((graph) => graph.bytes(1, repeated([0x0a, 0], 2_100_000))),
      'it has more than 2000000 fields',
    ],
    [
      'a long name',
      model((graph) => graph.message(1, (node) => node.bytes(3, repeated([97], 5_000_000)))),
      `'${'a'.repeat(80)}…'`,
    ],
  ])('%s', (_, bytes, message) => {
    const before = memory();
    let refusal: unknown;
    try {
      readModel(bytes, 'bomb.onnx');
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(UsageError);
    expect(String(refusal)).toContain(message);
    expect(String(refusal).length).toBeLessThan(1000);
    expect(memory() - before).toBeLessThan(bytes.length + MUCH);
  });

  it('that are none: a name with a zero byte, thousands of types of one value', () => {
    const zero = model((graph) => graph.message(1, (node) => node.text(4, 'A\0B')));
    expect(readModel(zero).graph.nodes[0]?.op).toBe('A\0B');
    // Each with an open dimension, for which a name must be found.
    const type = [0x12, 8, 0x0a, 6, 0x08, 1, 0x12, 2, 0x0a, 0];
    const many = model((graph) => {
      for (let i = 0; i < 20_000; i++) graph.bytes(11, Uint8Array.of(0x0a, 1, 120, ...type));
    });
    const reading = startReading(many, 'many.onnx');
    expect(readFrom(reading).graph.inputs.at(-1)?.type.shape).toEqual(['?x_0_20000']);
    // Each name is found at once, and not by trying all before it.
    expect(reading.fields).toBeLessThan(12 * 20_000);
    expect(Math.max(...reading.openDims.values())).toBe(20_000);
  });
});
