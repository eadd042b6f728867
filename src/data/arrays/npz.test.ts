import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Zippable, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../base/errors.ts';
import { loadArrays } from '../arrays.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-npz-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function refusal(bytes: Uint8Array, file = 'arrays.npz'): Promise<string> {
  const path = join(folder, file);
  writeFileSync(path, bytes);
  const error: unknown = await loadArrays(path).catch((reason: unknown) => reason);
  if (!(error instanceof UsageError)) throw new Error(`expected a UsageError, got ${String(error)}`);
  return error.message;
}

function npy(shape: string, data: Uint8Array, descr = '|u1'): Buffer {
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }\n`;
  const preamble = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, dict.length & 255, dict.length >> 8]);
  return Buffer.concat([preamble, Buffer.from(dict), data]);
}

const zip = (members: Zippable, level: 0 | 6 = 6) => Buffer.from(zipSync(members, { level }));

/** Writes a number into the only member's entry in the directory at the end of the archive. */
function patchDirectory(archive: Buffer, field: number, value: number): Buffer {
  const at = archive.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1'));
  archive.writeUInt32LE(value, at + field);
  return archive;
}
const CRC = 16;
const COMPRESSED = 20;
const UNCOMPRESSED = 24;

const zeros = npy('(100000,)', Buffer.alloc(100_000));
const deflatedSize = () => zip({ 'x.npy': zeros }).readUInt32LE(18);

describe('npz', () => {
  it('refuses members that announce more than deflate can unfold', async () => {
    const bomb = patchDirectory(zip({ 'x.npy': zeros }), UNCOMPRESSED, 0x7fff_ffff);
    expect(await refusal(bomb)).toMatch(
      `array 'x': its ${deflatedSize()} bytes announce 2147483647, but deflate unfolds them to at most`,
    );
  });

  it('stops when more comes than was announced, and when less comes', async () => {
    // The .npy header agrees with the announced size, so only the stream itself tells.
    const lying = npy('(1000,)', Buffer.alloc(100_000));
    const more = patchDirectory(zip({ 'x.npy': lying }), UNCOMPRESSED, lying.length - 99_000);
    expect(await refusal(more)).toMatch(/array 'x': more bytes come than the \d+ that were announced/);
    const short = npy('(100001,)', Buffer.alloc(100_000));
    const less = patchDirectory(zip({ 'x.npy': short }), UNCOMPRESSED, short.length + 1);
    expect(await refusal(less)).toMatch(/array 'x': it ends at byte \d+ of \d+/);
  });

  it('compares the shape with the announced size before it allocates', async () => {
    const huge = npy('(1000000000, 1000000000)', Buffer.alloc(100));
    const takes = 'uint8 [1000000000, 1000000000] takes 1000000000000000000 bytes, but 100 follow its header';
    expect(await refusal(zip({ 'x.npy': huge }))).toContain(`array 'x': ${takes}`);
    expect(await refusal(huge, 'x.npy')).toContain(takes);
  });

  it('finds damage by the checksum', async () => {
    for (const level of [0, 6] as const) {
      const archive = patchDirectory(zip({ 'x.npy': zeros }, level), CRC, 1);
      expect(await refusal(archive)).toMatch(
        /array 'x': its bytes are damaged \(CRC-32 expected 1, got \w+; offset 35\)/,
      );
    }
  });

  it('refuses members that share their bytes', async () => {
    const archive = zip({ 'x.npy': zeros, 'y.npy': zeros }, 0);
    const size = archive.length;
    const directory = archive.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1'));
    // Both entries point at the first member, whose data are cut from the archive once.
    const first = archive.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    const cut = 'x.npy'.length + 30 + zeros.length;
    const shared = Buffer.concat([archive.subarray(0, cut), archive.subarray(first)]);
    shared.writeUInt32LE(0, directory - (first - cut) + 42);
    shared.writeUInt32LE(cut, shared.length - 6);
    expect(shared.length).toBeLessThan(size);
    expect(await refusal(shared)).toMatch(/array 'y': the arrays take \d+ bytes, but the file has \d+/);
  });

  it('refuses archives whose directory lies about their number or place', async () => {
    const archive = zip({ 'x.npy': zeros });
    archive.writeUInt16LE(0xffff, archive.length - 12);
    expect(await refusal(archive)).toMatch(/it ends at byte \d+, but 46 bytes are expected at offset \d+/);
    expect(await refusal(patchDirectory(zip({ 'x.npy': zeros }), 42, 0xffff_fff0))).toMatch(/offset 4294967280/);
    expect(await refusal(patchDirectory(zip({ 'x.npy': zeros }), COMPRESSED, 90_000))).toMatch(
      /the arrays take \d+ bytes/,
    );
    expect(await refusal(Buffer.from('not an archive, but long enough'))).toMatch(
      /not a \.npz \(zip\) archive or is damaged: .* \(offset 0\)/,
    );
  });

  it('refuses a zip64 directory at an impossible place', async () => {
    const archive = zip({ 'x.npy': zeros });
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    locator.writeBigUInt64LE(2n ** 64n - 1n, 8);
    const end = archive.length - 22;
    const patched = Buffer.concat([archive.subarray(0, end), locator, archive.subarray(end)]);
    expect(await refusal(patched)).toMatch(/expected at offset 18446744073709552000/);
  });

  it('refuses members that are no arrays, arrays that occur twice, and methods it does not know', async () => {
    expect(await refusal(zip({ 'readme.txt': Buffer.from('hello') }))).toMatch(
      /its member 'readme.txt' \(offset 0\) is not an array/,
    );
    const twice = zip({ 'x.npy': zeros, 'y.npy': zeros });
    twice.write('x', twice.lastIndexOf('y.npy'));
    expect(await refusal(twice)).toMatch(/array 'x' occurs twice/);
    const renamed = zip({ 'x.npy': zeros });
    renamed.write('y', renamed.lastIndexOf('x.npy'));
    expect(await refusal(renamed)).toMatch(/array 'y': its name in the directory differs from its name at offset 0/);
    const unknown = patchDirectory(zip({ 'x.npy': zeros }), 10, 93);
    expect(await refusal(unknown)).toMatch(/array 'x': its compression method 93 is not supported/);
    const encrypted = patchDirectory(zip({ 'x.npy': zeros }), 8, 0x0008_0001);
    expect(await refusal(encrypted)).toMatch(/array 'x': it is encrypted/);
  });

  it('refuses .npy files that are none', async () => {
    const good = npy('(2,)', Uint8Array.of(1, 2));
    const damaged = (at: number, value: number) => {
      const bytes = Buffer.from(good);
      bytes[at] = value;
      return refusal(bytes, 'x.npy');
    };
    expect(await damaged(0, 0)).toMatch(/it does not start like a \.npy array \(offset 0\)/);
    expect(await damaged(6, 9)).toMatch(/\.npy version 9, expected 1, 2 or 3 \(offset 6\)/);
    expect(await damaged(9, 255)).toMatch(/it ends at byte 10 of \d+; the file is truncated or damaged/);
    expect(await damaged(10, 0)).toMatch(/expected \{ \(offset 8\)/);
    expect(await refusal(npy('(1,)', Uint8Array.of(7), '|b1'), 'x.npy')).toMatch(/bool element 0 is 7/);
    const long = Buffer.from([...good.subarray(0, 6), 2, 0, 0, 0, 1, 0]);
    expect(await refusal(long, 'x.npy')).toMatch(/its header has 65536 bytes, expected at most 65535 \(offset 8\)/);
  });
});
