import { useEffect, useRef } from 'preact/hooks';
import type { Failed } from './protocol.ts';

/** A worker that begins with the first request and ends with the component; its script lies beside the page's own. */
export function useWorker<Request, Event>(script: string, onEvent: (event: Event | Failed) => void) {
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
    send(request: Request) {
      worker.current ??= begin();
      worker.current.postMessage(request);
    },
    /** Does nothing without a worker that runs. */
    tell: (request: Request) => worker.current?.postMessage(request),
    /** The next request begins a new worker. */
    end,
  };
}
