import { expect, test } from 'vitest';
import { compareHref, routeOf, runHref, titleOf } from './routes.ts';

test.each(['a', 'sweep/run-1', '<img src=x> 100% ä#?&/b', ''])('the address of run %j leads to it', (id) => {
  expect(routeOf(runHref(id))).toEqual({ page: 'run', id });
});

test('the address of a comparison leads to its runs', () => {
  const ids = ['a', 'b/c', 'd&run=e#?'];
  expect(routeOf(compareHref(ids))).toEqual({ page: 'compare', ids });
});

test('other addresses', () => {
  expect(routeOf('')).toEqual({ page: 'runs' });
  expect(routeOf('#/')).toEqual({ page: 'runs' });
  expect(routeOf('#/playground')).toEqual({ page: 'playground' });
  expect(routeOf('#/elsewhere')).toEqual({ page: 'unknown' });
  expect(routeOf('#/run/%E0%A4%A')).toEqual({ page: 'unknown' });
});

test.each([
  ['#/', 'slimrnn'],
  ['#/run/sweep/a', 'sweep/a – slimrnn'],
  ['#/run/', 'Run – slimrnn'],
  ['#/compare?run=a&run=b', '2 runs – slimrnn'],
  ['#/playground', 'Playground – slimrnn'],
])('the title of %s', (hash, title) => {
  expect(titleOf(routeOf(hash))).toBe(title);
});
