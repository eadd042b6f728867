import { expect, it } from 'vitest';
import { UsageError } from '../../base/errors.ts';
import { queueAddress } from './address.ts';

it('takes an address from the flag, else from the environment, and the password from either', () => {
  const env = { SLIMRNN_QUEUE: 'rediss://queue.example:6380', SLIMRNN_QUEUE_PASSWORD: 'a/b' };
  expect(queueAddress(undefined, env)).toEqual({
    kind: 'redis',
    url: 'rediss://:a%2Fb@queue.example:6380',
    shown: 'rediss://queue.example:6380',
  });
  expect(queueAddress('postgresql://me:own@db/runs', env)).toEqual({
    kind: 'postgres',
    url: 'postgresql://me:own@db/runs',
    shown: 'postgresql://db/runs',
  });
});

it.each([
  { said: undefined, message: 'name the queue with --queue or in SLIMRNN_QUEUE' },
  { said: 'queue.example', message: '--queue takes redis://' },
  { said: 'https://me:secret@host', message: "'https://' is neither" },
])('refuses $said', ({ said, message }) => {
  expect(() => queueAddress(said, {})).toThrow(UsageError);
  expect(() => queueAddress(said, {})).toThrow(message);
  expect(() => queueAddress(said, {})).not.toThrow(/secret/);
});
