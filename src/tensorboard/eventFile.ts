import { hostname } from 'node:os';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import CRC32C from 'crc-32/crc32c.js';
import { type Event, EventSchema, SessionLog_SessionStatus } from './events_pb.ts';

// Event files have the form of TFRecord files. They only ever grow: a TensorBoard that looks on reads what comes.

/** Bytes before and after the message of a record. */
const [HEAD, TAIL] = [8 + 4, 4];
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

/** An event at a step (an epoch), made now. */
export function eventNow(step: number, what: NonNullable<MessageInitShape<typeof EventSchema>['what']>): Event {
  return create(EventSchema, { wallTime: Date.now() / 1000, step: BigInt(step), what });
}

/** Version, and the start of a session, at which a TensorBoard forgets what it has read in an earlier file. */
export function openingEvents(): Event[] {
  return [
    eventNow(0, { case: 'fileVersion', value: 'brain.Event:2' }),
    eventNow(0, { case: 'sessionLog', value: { status: SessionLog_SessionStatus.START } }),
  ];
}

/** Length as uint64, its checksum, the message, its checksum; all little-endian, checksums being masked CRC-32C. */
export function recordOf(event: Event): Uint8Array {
  const data = toBinary(EventSchema, event);
  const record = new Uint8Array(HEAD + data.length + TAIL);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true);
  record.set(data, HEAD);
  view.setUint32(HEAD + data.length, maskedChecksum(data), true);
  return record;
}

/** The events of a file up to the first record that is damaged or has no end, and the bytes that they take. */
export function readRecords(file: Uint8Array): { events: Event[]; length: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const events: Event[] = [];
  let length = 0;
  while (length + HEAD + TAIL <= file.length) {
    const size = Number(view.getBigUint64(length, true));
    const end = length + HEAD + size;
    if (end + TAIL > file.length) break;
    const data = file.subarray(length + HEAD, end);
    const isWhole =
      maskedChecksum(file.subarray(length, length + 8)) === view.getUint32(length + 8, true) &&
      maskedChecksum(data) === view.getUint32(end, true);
    if (!isWhole) break;
    events.push(fromBinary(EventSchema, data));
    length = end + TAIL;
  }
  return { events, length };
}

/** TFRecord's mask, for data that hold checksums themselves: rotated right by 15 bits, plus a constant. */
function maskedChecksum(data: Uint8Array): number {
  const crc = CRC32C.buf(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
