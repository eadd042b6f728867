/** The fused passes over weights, bound to one WebAssembly memory. Sources: assembly/*.ts. */
import { SlimError } from '../base/errors.ts';
import { memoryChecks } from './checks.ts';
import { type OptimizerExports, type OptimizerKernels, optimizerKernels } from './optimizerKernels.ts';
import { type SparsityExports, type SparsityKernels, sparsityKernels } from './sparsityKernels.ts';
import { type UpdateExports, type UpdateKernels, updateKernels } from './updateKernels.ts';
import { KERNELS_BASE64 } from './wasm.generated.ts';

/**
 * Passes over float32 arrays given by byte offset; lengths, rows and cols count elements and may be 0.
 * Each throws SlimError before it starts when an array does not lie inside the memory.
 */
export interface Kernels extends UpdateKernels, OptimizerKernels, SparsityKernels {
  /**
   * out[i] = 1 / keep with probability keep in (0, 1], else 0; out[i] depends on i and the seed only.
   * The seed is 64 bits in two unsigned halves.
   */
  dropoutMask(out: number, length: number, keep: number, seedLo: number, seedHi: number): void;
}

/** What the WebAssembly module exports. */
interface KernelExports extends WebAssembly.Exports, UpdateExports, OptimizerExports, SparsityExports {
  dropoutMask: Kernels['dropoutMask'];
}

/**
 * The kernels over one memory (an arena's), which must not be grown afterwards. Compiles a few kilobytes,
 * synchronously.
 */
export function instantiateKernels(memory: WebAssembly.Memory): Kernels {
  const bytes = Uint8Array.from(atob(KERNELS_BASE64), (character) => character.charCodeAt(0));
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const wasm = instance.exports as KernelExports;
  const check = memoryChecks(memory.buffer.byteLength);
  return {
    ...updateKernels(wasm, check),
    ...optimizerKernels(wasm, check),
    ...sparsityKernels(wasm, check),
    dropoutMask(out, length, keep, seedLo, seedHi) {
      if (!(keep > 0 && keep <= 1)) throw new SlimError(`Kernel dropoutMask: keep must be in (0, 1], got ${keep}`);
      check.floats('dropoutMask', 'out', out, length);
      wasm.dropoutMask(out, length, keep, seedLo, seedHi);
    },
  };
}
