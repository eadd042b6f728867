import { describe, expect, it } from 'vitest';
import { meetingRanks } from '../../test/support/ranks.ts';
import { UsageError } from '../base/errors.ts';
import { agree, failureOf, isAgreed, NothingToDo, type Standing } from './agreement.ts';
import { single } from './collective.ts';

const ready = (configuration: string): Standing => ({ kind: 'ready', plan: { configuration, data: 'text' } });

/** What each of several processes is told that meet so; undefined where they agree. */
async function told(...standings: readonly Standing[]): Promise<unknown[]> {
  const ended = await Promise.allSettled(meetingRanks(standings.length).map((rank, i) => agree(standings[i]!, rank)));
  return ended.map((end) => (end.status === 'rejected' ? end.reason : undefined));
}

describe('processes that meet before the first update', () => {
  it('go on where all are ready for the same', async () => {
    expect(await told(ready('a'), ready('a'), ready('a'))).toEqual([undefined, undefined, undefined]);
    await agree(failureOf(new Error('alone')), single);
  });

  it('all hear where they differ', async () => {
    for (const error of await told(ready('a'), ready('a'), ready('b'))) {
      expect(error).toBeInstanceOf(UsageError);
      expect(error).toMatchObject({
        message: expect.stringMatching(/^processes 0 and 2 of 3 differ in configuration:/),
      });
      expect(isAgreed(error)).toBe(true);
    }
  });

  it('all hear what has gone wrong in one, and where', async () => {
    const failed = failureOf(new UsageError('no such größe'));
    for (const error of await told(ready('a'), failed)) {
      expect(error).toMatchObject({ name: 'UsageError', message: 'no such größe (process 1 of 2)' });
    }
    const unforeseen = await told(failureOf(new TypeError('x is not a function')), ready('a'));
    for (const error of unforeseen) expect(error).toMatchObject({ message: expect.stringMatching(/^TypeError: x is/) });
  });

  it('part where the first one has found the work done', async () => {
    for (const error of await told({ kind: 'finished' }, ready('a'))) expect(error).toBeInstanceOf(NothingToDo);
  });
});
