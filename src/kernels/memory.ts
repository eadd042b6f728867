/** One WebAssembly memory for all weights and gradients, handed out piece by piece and never grown or freed. */
import { SlimError } from '../base/errors.ts';

const PAGE_BYTES = 65536;
const MAX_BYTES = 65536 * PAGE_BYTES;
/** A cache line: no two buffers share one. */
const ALIGNMENT = 64;
const FLOAT_BYTES = 4;
type ItemBytes = 1 | typeof FLOAT_BYTES;
/**
 * Added to buffers of a page or more. Without it, weights and gradient of a power-of-two size start at the same place
 * within a page, compete for the same cache sets, and the update takes up to half as long again.
 */
const SKEW_BYTES = 17 * ALIGNMENT;
const SKEW_FROM_BYTES = 4096;

/** A float32 array inside an arena: its byte offset for the kernels, its values for everything else. */
export interface Buffer32 {
  readonly offset: number;
  readonly data: Float32Array<ArrayBuffer>;
}

/** An array of bytes inside an arena, such as a mask. */
export interface Buffer8 {
  readonly offset: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

/**
 * Bytes that float32 buffers of these lengths and byte buffers of those (`bytes`) take in an arena, alignment and
 * spacing included.
 */
export function bytesFor(floats: readonly number[], bytes: readonly number[] = []): number {
  const sum = (lengths: readonly number[], size: ItemBytes) =>
    lengths.reduce((total, length) => total + bytesOf(length, size), 0);
  return sum(floats, FLOAT_BYTES) + sum(bytes, 1);
}

/**
 * A WebAssembly memory of fixed size with a bump allocator.
 * It is sized once ({@link bytesFor}) because growing a memory detaches every typed array over it.
 * The garbage collector frees it when no buffer is left. Throws SlimError when the memory cannot be had.
 */
export class Arena {
  readonly memory: WebAssembly.Memory;
  readonly #buffer: ArrayBuffer;
  #used = 0;

  constructor(bytes: number) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new SlimError(`Arena: the size must be a whole number of bytes, got ${bytes}`);
    }
    if (bytes > MAX_BYTES) {
      throw new SlimError(
        `Arena: ${bytes} bytes wanted (${gibibytes(bytes)}), but one WebAssembly memory ends at 4 GiB ` +
          `(${MAX_BYTES} bytes). Shrink the model or the batch.`,
      );
    }
    const pages = Math.ceil(bytes / PAGE_BYTES);
    try {
      this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch (cause) {
      throw new SlimError(
        `Arena: this machine refuses a WebAssembly memory of ${bytes} bytes (${gibibytes(bytes)}). ` +
          'Free memory, or shrink the model or the batch.',
        { cause },
      );
    }
    this.#buffer = this.memory.buffer;
  }

  /** Bytes in all: what was asked for, rounded up to whole pages of 64 KiB. */
  get capacity(): number {
    return this.#buffer.byteLength;
  }

  /** Bytes handed out so far, alignment and spacing included. */
  get used(): number {
    return this.#used;
  }

  /** A new buffer of `length` zeros, aligned to 64 bytes. Throws SlimError when the arena has no room for it. */
  float32(length: number): Buffer32 {
    const offset = this.#take(length, FLOAT_BYTES);
    return { offset, data: new Float32Array(this.#buffer, offset, length) };
  }

  /** A new buffer of `length` zero bytes, aligned to 64 bytes. Throws SlimError when the arena has no room for it. */
  bytes(length: number): Buffer8 {
    const offset = this.#take(length, 1);
    return { offset, data: new Uint8Array(this.#buffer, offset, length) };
  }

  /** Takes room for `length` items of so many bytes each; returns its offset. */
  #take(length: number, size: ItemBytes): number {
    const bytes = bytesOf(length, size);
    if (this.#used + bytes > this.capacity) {
      throw new SlimError(
        `Arena: ${bytes} bytes wanted for ${length} ${itemsOf(size)}, but only ${this.capacity - this.#used} of ` +
          `${this.capacity} are left. Size the arena with bytesFor() over all its buffers.`,
      );
    }
    const offset = this.#used;
    this.#used += bytes;
    return offset;
  }
}

function bytesOf(length: number, size: ItemBytes): number {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new SlimError(`Arena: a buffer's length must be a whole number of ${itemsOf(size)}, got ${length}`);
  }
  const aligned = Math.ceil((length * size) / ALIGNMENT) * ALIGNMENT;
  return aligned < SKEW_FROM_BYTES ? aligned : aligned + SKEW_BYTES;
}

function itemsOf(size: ItemBytes): string {
  return size === 1 ? 'bytes' : 'floats';
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
