/**
 * The fused passes over weights, in AssemblyScript (a TypeScript dialect that compiles to WebAssembly).
 * A matrix is row-major float32 [rows, cols] at a byte address that is a multiple of 4; every size is allowed.
 * Loops count elements, never end addresses: an array may end at 4 GiB, where a 32-bit address wraps to 0.
 */
export { update, updatePlain } from './update';
export { sumOfSquares, sumOfSquaresWithDecay } from './squares';
export { addDecay, addWeights } from './decay';
export { momentum } from './momentum';
export { adam } from './adam';
export { average } from './average';
export { addSign, applyMask, maskGradient, scale } from './sparsity';
export { dropoutMask } from './random';
