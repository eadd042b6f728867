import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { listenForStop, stopCode } from './stopping.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('the first signal aborts, one that comes with it is the same, a later one ends the process at once', () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const onStop = vi.fn();
  const before = process.listenerCount('SIGINT');
  const stop = listenForStop(onStop);
  expect([stop.signal.aborted, stopCode()]).toEqual([false, undefined]);
  process.emit('SIGINT', 'SIGINT');
  vi.advanceTimersByTime(100);
  process.emit('SIGINT', 'SIGINT');
  expect([stop.signal.aborted, stopCode()]).toEqual([true, 130]);
  expect(onStop.mock.calls).toEqual([['SIGINT']]);
  expect(exit).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  process.emit('SIGTERM', 'SIGTERM');
  expect(exit).toHaveBeenCalledWith(130);
  stop.release();
  expect(process.listenerCount('SIGINT')).toBe(before);
});
