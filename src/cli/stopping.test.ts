import { afterEach, beforeEach, expect, it, vi } from 'vitest';

/*
 * What signals do to this process, without sending any: `process.emit` calls the listeners.
 */

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let exit: ReturnType<typeof vi.spyOn>;
let stopping: typeof import('./stopping.ts');
const before = new Map(signals.map((name) => [name, process.listeners(name)]));

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  // What came in another test is not to be remembered.
  vi.resetModules();
  stopping = await import('./stopping.ts');
});
afterEach(() => {
  for (const name of signals) {
    for (const listener of process.listeners(name)) {
      if (!before.get(name)!.includes(listener)) process.removeListener(name, listener);
    }
  }
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('the first signal aborts, one that comes with it is the same, a later one ends the process at once', () => {
  const onStop = vi.fn();
  const { signal } = stopping.stoppable(onStop);
  expect([signal.aborted, stopping.stopCode()]).toEqual([false, undefined]);
  process.emit('SIGINT', 'SIGINT');
  vi.advanceTimersByTime(100);
  process.emit('SIGINT', 'SIGINT');
  expect([signal.aborted, stopping.stopCode()]).toEqual([true, 130]);
  expect(onStop.mock.calls).toEqual([['SIGINT']]);
  expect(exit).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  process.emit('SIGTERM', 'SIGTERM');
  expect(exit).toHaveBeenCalledWith(130);
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s behind the work ends the process in order, whoever else listens', (name, code) => {
  const { signal, release } = stopping.stoppable(() => undefined);
  release();
  process.emit(name, name);
  expect(exit.mock.calls).toEqual([[code]]);
  expect(signal.aborted).toBe(false);
});

it('work that begins after the signal is stopped from the beginning, and all of it listens once', () => {
  const first = stopping.stoppable(() => undefined);
  const listeners = process.listenerCount('SIGINT');
  process.emit('SIGINT', 'SIGINT');
  first.release();
  const second = stopping.stoppable(() => undefined);
  expect([first.signal.aborted, second.signal.aborted]).toEqual([true, true]);
  expect(process.listenerCount('SIGINT')).toBe(listeners);
});
