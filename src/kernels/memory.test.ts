import { describe, expect, test } from 'vitest';
import { SlimError } from '../base/errors.ts';
import { Arena, bytesFor } from './memory.ts';

describe('Arena', () => {
  test('hands out aligned, zeroed, separate buffers over one memory', () => {
    const lengths = [1, 16, 17, 0, 33];
    const arena = new Arena(bytesFor(lengths));
    const buffers = lengths.map((length) => arena.float32(length));
    expect(buffers.map(({ offset }) => offset)).toEqual([0, 64, 128, 256, 256]);
    expect(arena.used).toBe(bytesFor(lengths));
    buffers.forEach(({ offset, data }, index) => {
      expect(data.buffer).toBe(arena.memory.buffer);
      expect(data.byteOffset).toBe(offset);
      expect(data.length).toBe(lengths[index]);
      expect(data.every((value) => value === 0)).toBe(true);
      data.fill(index + 1);
    });
    buffers.forEach(({ data }, index) => {
      expect(data.every((value) => value === index + 1)).toBe(true);
    });
  });

  test('hands out bytes beside floats, accounted for by bytesFor', () => {
    const lengths = [1, 64, 65, 0, 5000];
    const arena = new Arena(bytesFor([3], lengths));
    const before = arena.float32(3);
    const masks = lengths.map((length) => arena.bytes(length));
    expect(arena.used).toBe(bytesFor([3], lengths));
    expect(masks.map(({ data }) => data.length)).toEqual(lengths);
    for (const { offset, data } of masks) {
      expect([data.buffer, data.byteOffset, offset % 64]).toEqual([arena.memory.buffer, offset, 0]);
      data.fill(255);
    }
    expect([...before.data]).toEqual([0, 0, 0]);
    expect(masks.flatMap(({ data }) => [...data]).every((value) => value === 255)).toBe(true);
    expect(() => arena.bytes(2 ** 16)).toThrow('66624 bytes wanted for 65536 bytes, but only');
  });

  test('has just the pages it needs and cannot grow', () => {
    expect(new Arena(1).capacity).toBe(65536);
    expect(new Arena(65536).capacity).toBe(65536);
    expect(new Arena(65537).capacity).toBe(131072);
    expect(() => new Arena(1).memory.grow(1)).toThrow(RangeError);
  });

  test('says what is missing when it is full', () => {
    const arena = new Arena(65536);
    arena.float32(16000 - 17 * 16);
    expect(() => arena.float32(385)).toThrow(SlimError);
    expect(() => arena.float32(385)).toThrow('1600 bytes wanted for 385 floats, but only 1536 of 65536 are left');
    expect(arena.float32(384).offset).toBe(64000);
    expect(arena.used).toBe(arena.capacity);
  });

  test('refuses more than 4 GiB and names the wish and the limit', () => {
    expect(() => new Arena(2 ** 32 + 1)).toThrow(SlimError);
    expect(() => new Arena(2 ** 32 + 1)).toThrow(/4294967297 bytes wanted \(4\.00 GiB\).*ends at 4 GiB.*Shrink/);
  });

  test('refuses sizes that are not whole numbers', () => {
    expect(() => new Arena(-1)).toThrow(/whole number of bytes, got -1/);
    expect(() => new Arena(Number.NaN)).toThrow(SlimError);
    expect(() => new Arena(64).float32(1.5)).toThrow(/whole number of floats, got 1.5/);
    expect(() => bytesFor([4, -1])).toThrow(/got -1/);
    expect(() => bytesFor([], [0.5])).toThrow(/whole number of bytes, got 0.5/);
  });
});

test('large buffers of equal size start at different places within a page', () => {
  const lengths = [4096, 4096, 4096, 4096];
  const arena = new Arena(bytesFor(lengths));
  const places = lengths.map((length) => arena.float32(length).offset % 4096);
  expect(new Set(places).size).toBe(4);
  expect(places.every((place) => place % 64 === 0)).toBe(true);
});

test('bytesFor rounds every buffer up to 64 bytes', () => {
  expect(bytesFor([])).toBe(0);
  expect(bytesFor([1, 16, 17])).toBe(64 + 64 + 128);
});
