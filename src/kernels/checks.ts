import { SlimError } from '../base/errors.ts';

/** Checks of a kernel's operands; each throws SlimError unless they lie inside the memory. */
export interface MemoryChecks {
  /** `length` floats at byte `offset`, a multiple of 4. */
  floats(kernel: string, operand: string, offset: number, length: number): void;
  /** Weights of `rows` times `cols` floats, both whole numbers. */
  matrix(kernel: string, weights: number, rows: number, cols: number): void;
  /** `length` bytes at byte `offset`. */
  bytes(kernel: string, operand: string, offset: number, length: number): void;
}

/** The checks for a memory of so many bytes. */
export function memoryChecks(memoryBytes: number): MemoryChecks {
  const check = (kernel: string, operand: string, offset: number, length: number, size: 1 | 4) => {
    const items = size === 4 ? 'floats' : 'bytes';
    if (!Number.isInteger(length) || length < 0) {
      throw new SlimError(`Kernel ${kernel}: ${operand} needs a whole number of ${items}, got ${length}`);
    }
    if (!Number.isInteger(offset) || offset < 0 || offset % size !== 0 || offset + size * length > memoryBytes) {
      throw new SlimError(
        `Kernel ${kernel}: ${operand} is ${length} ${items} at byte ${offset}, expected ` +
          `${size === 4 ? 'a multiple of 4' : 'a place'} inside a memory of ${memoryBytes} bytes. ` +
          'Allocate it in the arena whose memory the kernels were made with.',
      );
    }
  };
  const floats: MemoryChecks['floats'] = (kernel, operand, offset, length) => check(kernel, operand, offset, length, 4);
  return {
    floats,
    matrix(kernel, weights, rows, cols) {
      floats(kernel, 'a column', 0, rows);
      floats(kernel, 'a row', 0, cols);
      floats(kernel, 'weights', weights, rows * cols);
    },
    bytes: (kernel, operand, offset, length) => check(kernel, operand, offset, length, 1),
  };
}
