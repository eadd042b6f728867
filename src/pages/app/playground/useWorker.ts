import { useEffect, useRef } from 'preact/hooks';
import type { Failed } from './protocol.ts';

/** A worker that begins with the first request and ends with the component. */
export interface WorkerLink<Request> {
  send(request: Request): void;
  /** To the worker that runs; without one nothing happens. */
  tell(request: Request): void;
  /** Ends the worker; the next request begins a new one. */
  end(): void;
}

/** Talks to a worker whose script lies beside the page's own; `onEvent` may change from one drawing to the next. */
export function useWorker<Request, Event>(
  script: string,
  onEvent: (event: Event | Failed) => void,
): WorkerLink<Request> {
  const worker = useRef<Worker>(undefined);
  const listener = useRef(onEvent);
  listener.current = onEvent;
  const end = () => {
    worker.current?.terminate();
    worker.current = undefined;
  };
  const begin = () => {
    const begun = new Worker(new URL(script, import.meta.url), { type: 'module' });
    begun.onmessage = ({ data }) => listener.current(data);
    // What no one in the worker caught has left it in pieces.
    begun.onerror = (event) => {
      event.preventDefault();
      end();
      const message = `the worker ended: ${event.message || 'its script cannot be loaded'}`;
      listener.current({ kind: 'failed', message });
    };
    return begun;
  };
  useEffect(() => end, []);
  return {
    send(request) {
      worker.current ??= begin();
      worker.current.postMessage(request);
    },
    tell: (request) => worker.current?.postMessage(request),
    end,
  };
}
