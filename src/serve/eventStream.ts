import type { Client } from './hub.ts';

/** When a client is given up. */
export interface Patience {
  /** Bytes that may wait for it: a greeting must fit, which has at most 8 MB of epochs. */
  readonly bytes: number;
  /** Milliseconds for which something may wait. */
  readonly milliseconds: number;
}

const USUAL: Patience = { bytes: 16 << 20, milliseconds: 60_000 };

/**
 * A body that stays open and that the hub writes to, without copies of its messages; `follow` gives the way to leave.
 * `cutOff` is called for a client that does not read, and should close the connection.
 */
export async function eventStream(
  follow: (client: Client) => Promise<() => void>,
  cutOff: () => void,
  { bytes, milliseconds }: Patience = USUAL,
): Promise<ReadableStream<Uint8Array>> {
  let leave: (() => void) | undefined;
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>(
    {
      start(made) {
        controller = made;
      },
      cancel: () => leave?.(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: bytes }),
  );
  let waitingSince = 0;
  leave = await follow((message) => {
    // No room is left in a stream that was closed from the other side.
    const room = controller.desiredSize ?? 0;
    const now = performance.now();
    if (room === bytes) waitingSince = now;
    if (room < message.length || now - waitingSince > milliseconds) {
      cutOff();
      return false;
    }
    controller.enqueue(message);
    return true;
  });
  return stream;
}
