import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/*
 * For tests: a reader of TensorBoard's event files that shares nothing with the code that writes them. Field numbers are
 * those of TensorBoard's event.proto, summary.proto and histogram.proto.
 */

/** An event as it was read; fields that are absent have their defaults. */
export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion: string | undefined;
  /** 1 is START. */
  readonly sessionStatus: number | undefined;
  readonly values: readonly ReadValue[];
}

/** A tag with its number or its histogram. */
export interface ReadValue {
  readonly tag: string;
  readonly number: number | undefined;
  readonly histogram: ReadHistogram | undefined;
}

/** min, max, num, sum and sum of squares, right edges and counts. */
export interface ReadHistogram {
  readonly figures: readonly number[];
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

/** Names of the event files of a folder. */
export function eventFiles(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('events.out.tfevents.'));
}

/** The events of the only event file of a folder. */
export function onlyEvents(folder: string): ReadEvent[] {
  const [name, ...others] = eventFiles(folder);
  if (name === undefined || others.length > 0)
    throw new Error(`${others.length + 1} event files in ${folder}, not one`);
  return readEvents(readFileSync(join(folder, name)));
}

/** The values of a tag as [step, value], in the order in which they stand. */
export function course(events: readonly ReadEvent[], tag: string): [step: number, value: number][] {
  return events.flatMap(({ step, values }) =>
    values.flatMap((v): [number, number][] => (v.tag === tag && v.number !== undefined ? [[step, v.number]] : [])),
  );
}

/** All events of a file; throws when a length, a checksum or the end of a record is wrong. */
export function readEvents(file: Uint8Array): ReadEvent[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const data = file.subarray(at + 12, at + 12 + length);
    if (at + 16 + length > file.length) throw new Error(`the record at ${at} ends behind the file`);
    for (const [bytes, stored] of [
      [file.subarray(at, at + 8), view.getUint32(at + 8, true)],
      [data, view.getUint32(at + 12 + length, true)],
    ] as const) {
      if (masked(crc32c(bytes)) !== stored) throw new Error(`wrong checksum in the record at ${at}`);
    }
    events.push(readEvent(data));
    at += 16 + length;
  }
  return events;
}

/** CRC-32C bit by bit: polynomial 0x1EDC6F41, reflected. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function masked(crc: number): number {
  const rotated = BigInt((crc >>> 15) | (crc << 17)) & 0xffffffffn;
  return Number((rotated + 0xa282ead8n) % 2n ** 32n);
}

/** Reads the fields of a message one after the other; `read` must take each. */
function eachField(bytes: Uint8Array, read: (field: number, reader: BinaryReader, type: WireType) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const { pos } = reader;
    read(field, reader, type);
    if (reader.pos === pos) throw new Error(`unknown field ${field}`);
  }
}

function readEvent(bytes: Uint8Array): ReadEvent {
  let event: ReadEvent = { wallTime: 0, step: 0, fileVersion: undefined, sessionStatus: undefined, values: [] };
  eachField(bytes, (field, reader) => {
    if (field === 1) event = { ...event, wallTime: reader.double() };
    if (field === 2) event = { ...event, step: Number(reader.int64()) };
    if (field === 3) event = { ...event, fileVersion: reader.string() };
    if (field === 5) event = { ...event, values: readSummary(reader.bytes()) };
    if (field === 7) {
      eachField(reader.bytes(), (inner, session) => {
        if (inner === 1) event = { ...event, sessionStatus: session.int32() };
      });
    }
  });
  return event;
}

function readSummary(bytes: Uint8Array): ReadValue[] {
  const values: ReadValue[] = [];
  eachField(bytes, (field, reader) => {
    if (field === 1) values.push(readValue(reader.bytes()));
  });
  return values;
}

function readValue(bytes: Uint8Array): ReadValue {
  let value: ReadValue = { tag: '', number: undefined, histogram: undefined };
  eachField(bytes, (field, reader) => {
    if (field === 1) value = { ...value, tag: reader.string() };
    if (field === 2) value = { ...value, number: reader.float() };
    if (field === 5) value = { ...value, histogram: readHistogram(reader.bytes()) };
  });
  return value;
}

function readHistogram(bytes: Uint8Array): ReadHistogram {
  const figures = [0, 0, 0, 0, 0];
  const lists: [number[], number[]] = [[], []];
  eachField(bytes, (field, reader, type) => {
    if (field <= 5) figures[field - 1] = reader.double();
    else if (type === WireType.LengthDelimited) {
      const packed = reader.bytes();
      const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
      for (let at = 0; at < packed.length; at += 8) lists[field - 6]!.push(view.getFloat64(at, true));
    }
  });
  return { figures, limits: lists[0], counts: lists[1] };
}
