import { expect, it } from 'vitest';
import { withoutSecrets } from './secrets.ts';

it.each([
  ['slimrnn sweep --queue redis://:pass@host:6379 --out x', 'slimrnn sweep --queue redis://host:6379 --out x'],
  ['rediss://user:p%40ss@host/3?tls=1', 'rediss://host/3'],
  ['at postgres://me:secret@db.example/runs?password=secret, twice', 'at postgres://db.example/runs twice'],
  ['redis://host, and https://user:kept@elsewhere', 'redis://host, and https://user:kept@elsewhere'],
])('shows no password: %s', (text, shown) => {
  expect(withoutSecrets(text)).toBe(shown);
});
