import { useCallback, useEffect, useRef } from 'preact/hooks';

/** A worker that begins with the first request and ends with the component. */
export interface WorkerLink<Request> {
  send(request: Request): void;
  /** To the worker that runs; without one nothing happens. */
  tell(request: Request): void;
  /** Ends the worker; the next request begins a new one. */
  end(): void;
}

/** Talks to a worker whose script lies beside the page's own; `onEvent` may change from one drawing to the next. */
export function useWorker<Request, Event>(script: string, onEvent: (event: Event) => void): WorkerLink<Request> {
  const worker = useRef<Worker>(undefined);
  const listener = useRef(onEvent);
  listener.current = onEvent;
  const end = useCallback(() => {
    worker.current?.terminate();
    worker.current = undefined;
  }, []);
  const send = useCallback(
    (request: Request) => {
      worker.current ??= begin(
        script,
        (event) => listener.current(event as Event),
        () => {
          worker.current = undefined;
        },
      );
      worker.current.postMessage(request);
    },
    [script],
  );
  const tell = useCallback((request: Request) => worker.current?.postMessage(request), []);
  useEffect(() => end, [end]);
  return { send, tell, end };
}

/** What no one in the worker caught has left it in pieces: it ends, and the next request begins another one. */
function begin(script: string, onEvent: (event: unknown) => void, onEnd: () => void): Worker {
  const worker = new Worker(new URL(script, import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }) => onEvent(data);
  worker.onerror = (event) => {
    event.preventDefault();
    worker.terminate();
    onEnd();
    onEvent({ kind: 'failed', message: `the worker ended: ${event.message || 'its script cannot be loaded'}` });
  };
  return worker;
}
