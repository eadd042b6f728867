import type { Client } from './hub.ts';

/** When a client is given up. */
export interface Patience {
  /** Bytes that may wait for it. A greeting, of at most 8 MB of epochs, must fit. */
  readonly bytes: number;
  /** Milliseconds for which something may wait. */
  readonly milliseconds: number;
}

const USUAL: Patience = { bytes: 16 << 20, milliseconds: 40_000 };

/**
 * A body that stays open and is written to by the hub; `follow` says how to leave. Bytes of one message are shared by all
 * bodies. A client that does not read is cut off: when too much waits for it, or something waits for too long. Rejects
 * with what `follow` rejects with.
 */
export async function eventStream(
  follow: (client: Client) => Promise<() => void>,
  { bytes, milliseconds }: Patience = USUAL,
): Promise<ReadableStream<Uint8Array>> {
  let leave: (() => void) | undefined;
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let waitingSince = Number.POSITIVE_INFINITY;
  const stream = new ReadableStream<Uint8Array>(
    {
      start(made) {
        controller = made;
      },
      // Asked for more: nothing waits.
      pull() {
        waitingSince = Number.POSITIVE_INFINITY;
      },
      cancel: () => leave?.(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: bytes }),
  );
  leave = await follow((message) => {
    const room = controller.desiredSize ?? 0;
    if (room === bytes) waitingSince = performance.now();
    try {
      if (room >= message.length && performance.now() - waitingSince < milliseconds) {
        controller.enqueue(message);
        return true;
      }
      // What waits is of no use to a client that has to begin anew.
      controller.error(new Error('the client does not read'));
    } catch {
      // Closed by the other side meanwhile.
    }
    return false;
  });
  return stream;
}
