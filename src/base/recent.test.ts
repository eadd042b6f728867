import { expect, it } from 'vitest';
import { Recent } from './recent.ts';

function threeAtMost() {
  const [made, gone]: [string[], string[]] = [[], []];
  const recent = new Recent<string>(3, async (value) => void gone.push(value));
  const get = (key: string) =>
    recent.get(key, async () => {
      made.push(key);
      return key.toUpperCase();
    });
  return { recent, get, made, gone };
}

it('makes a value once, and gives up the one that was asked for longest ago', async () => {
  const { get, made, gone } = threeAtMost();
  for (const key of ['a', 'b', 'c', 'a', 'd']) expect(await get(key)).toBe(key.toUpperCase());
  expect(made).toEqual(['a', 'b', 'c', 'd']);
  expect(gone).toEqual(['B']);
  for (const key of ['a', 'c', 'd', 'b']) await get(key);
  expect(made).toEqual(['a', 'b', 'c', 'd', 'b']);
  expect(gone).toEqual(['B', 'A']);
});

it('makes room before it makes the next one', async () => {
  const { recent, get, gone } = threeAtMost();
  for (const key of ['a', 'b', 'c']) await get(key);
  await recent.get('d', async () => {
    expect(gone).toEqual(['A']);
    return 'D';
  });
});

it('keeps nothing of a value that could not be made', async () => {
  const { recent, get, made } = threeAtMost();
  const failing = recent.get('a', () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await get('a')).toBe('A');
  expect(made).toEqual(['a']);
});

it('gives all back, once', async () => {
  const { recent, get, gone } = threeAtMost();
  for (const key of ['a', 'b']) await get(key);
  await recent.clear();
  await recent.clear();
  expect(gone).toEqual(['A', 'B']);
});
