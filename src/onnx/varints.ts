import type { Bytes } from '../base/bytes.ts';
/** Numbers of 32 bits without sign as protobuf packs integers, 7 bits a byte, one number behind the other. */
export function encodedIntegers(values: Uint32Array): Bytes {
  let length = 0;
  for (let i = 0; i < values.length; i++) length += bytesOf(values[i]!);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    let rest = values[i]!;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at++] = rest;
  }
  return bytes;
}

function bytesOf(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) bytes++;
  return bytes;
}
