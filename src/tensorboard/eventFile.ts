import { hostname } from 'node:os';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import CRC32C from 'crc-32/crc32c.js';
import { type Event, EventSchema, SessionLog_SessionStatus } from './events_pb.ts';

/*
 * TensorBoard's event files: records of the form that TFRecord files have, one protobuf message each. They only ever grow,
 * because a TensorBoard that looks on keeps them open and reads what comes.
 */

const NAME = /^events\.out\.tfevents\.(\d+)\..*\.slimrnn$/;

/** Name of an event file; TensorBoard reads the files of a folder in the order of their names. */
export function eventFileName(seconds: number): string {
  const host = hostname().replace(/[^\w.-]/g, '_');
  return `events.out.tfevents.${String(seconds).padStart(10, '0')}.${host}.slimrnn`;
}

/** The seconds in the name of an event file of slimrnn; undefined for every other name. */
export function secondsOf(name: string): number | undefined {
  const [, seconds] = NAME.exec(name) ?? [];
  return seconds === undefined ? undefined : Number(seconds);
}

/** What an event can hold. */
type Content = NonNullable<MessageInitShape<typeof EventSchema>['what']>;

/** An event at a step (an epoch), made now. */
export function eventNow(step: number, what: Content): Event {
  return create(EventSchema, { wallTime: Date.now() / 1000, step: BigInt(step), what });
}

/**
 * What an event file begins with: its version, and that a session starts. The second tells a TensorBoard that has read
 * an earlier file of the run to forget it.
 */
export function openingEvents(): Event[] {
  return [
    eventNow(0, { case: 'fileVersion', value: 'brain.Event:2' }),
    eventNow(0, { case: 'sessionLog', value: { status: SessionLog_SessionStatus.START } }),
  ];
}

/**
 * An event as a record: length as uint64, its checksum, the message, its checksum; all little-endian, checksums being
 * masked CRC-32C.
 */
export function recordOf(event: Event): Uint8Array {
  const data = toBinary(EventSchema, event);
  const record = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedChecksum(data), true);
  return record;
}

/** TFRecord's mask, for data that hold checksums themselves: rotated right by 15 bits, plus a constant. */
function maskedChecksum(data: Uint8Array): number {
  const crc = CRC32C.buf(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
