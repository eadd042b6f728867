import { describe, expect, it } from 'vitest';
import { crc32c, readEvents } from '../../test/support/eventFile.ts';
import { eventFileName, eventNow, openingEvents, recordOf, secondsOf } from './eventFile.ts';

describe('records', () => {
  it('hold events that an independent reader reads, checksums and all', () => {
    const values = [
      { tag: 'loss', value: { case: 'simpleValue' as const, value: 1.5 } },
      { tag: 'größe', value: { case: 'simpleValue' as const, value: -3e-9 } },
    ];
    const events = [...openingEvents(), eventNow(300, { case: 'summary', value: { value: values } })];
    const before = Date.now() / 1000;
    const read = readEvents(Buffer.concat(events.map(recordOf)));
    expect(read).toHaveLength(3);
    expect(read[0]).toMatchObject({ step: 0, fileVersion: 'brain.Event:2' });
    expect(read[1]).toMatchObject({ step: 0, sessionStatus: 1 });
    expect(read[2]).toMatchObject({ step: 300 });
    expect(read[2]!.values).toEqual([
      { tag: 'loss', number: 1.5, histogram: undefined },
      { tag: 'größe', number: Math.fround(-3e-9), histogram: undefined },
    ]);
    for (const { wallTime } of read) expect(Math.abs(wallTime - before)).toBeLessThan(60);
  });

  it('show every flipped bit to that reader', () => {
    const record = recordOf(openingEvents()[0]!);
    for (let bit = 0; bit < 8 * record.length; bit++) {
      const damaged = record.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => readEvents(damaged), `bit ${bit}`).toThrow(/checksum|ends behind/);
    }
  });

  it('are those that other writers make of the same bytes', () => {
    // RFC 3720, B.4: checksums of 32 zeros and of 32 ones.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  });
});

describe('names', () => {
  it('tell seconds and are recognized', () => {
    const name = eventFileName(1_700_000_000);
    expect(name).toMatch(/^events\.out\.tfevents\.1700000000\.[\w.-]+\.slimrnn$/);
    expect(secondsOf(name)).toBe(1_700_000_000);
  });

  it.each([
    'events.out.tfevents.1700000000.host',
    'events.out.tfevents.1700000000.host.123.0.v2',
    'events.out.tfevents.x.host.slimrnn',
    'my.events.out.tfevents.1700000000.host.slimrnn',
    'events.out.tfevents.1700000000.host.slimrnn.txt',
    'metrics.jsonl',
  ])('of others are not: %s', (name) => {
    expect(secondsOf(name)).toBeUndefined();
  });
});
