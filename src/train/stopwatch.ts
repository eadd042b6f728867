/** Seconds of training, without those of checkpoints and validation. */
export interface Stopwatch {
  /** The progress with the seconds since the last call, or since the restart. */
  addTo<P extends { readonly seconds: number }>(progress: P): P;
  restart(): void;
}

/** A stopwatch that runs from now on. */
export function stopwatch(): Stopwatch {
  let since = performance.now();
  return {
    addTo(progress) {
      const now = performance.now();
      const seconds = progress.seconds + (now - since) / 1e3;
      since = now;
      return { ...progress, seconds };
    },
    restart() {
      since = performance.now();
    },
  };
}
