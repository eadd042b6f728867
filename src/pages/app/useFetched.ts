import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../shared/problem.tsx';
import type { Change } from './api.ts';

/** What a page is made of, once it is there, or why it is not. `follow` keeps it up to date and returns how to stop. */
export function useFetched<T extends object>(
  fetch: () => Promise<T>,
  follow?: (value: T, change: Change<T>) => (() => void) | undefined,
): [value: T | undefined, problem: string] {
  const [value, setValue] = useState<T>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let isGone = false;
    let stop: (() => void) | undefined;
    const change: Change<T> = (next) => {
      if (!isGone) setValue((now) => now && next(now));
    };
    fetch().then(
      (first) => {
        if (isGone) return;
        setValue(first);
        stop = follow?.(first, change);
      },
      (error: unknown) => setProblem(messageOf(error)),
    );
    return () => {
      isGone = true;
      stop?.();
    };
  }, []);
  return [value, problem];
}
