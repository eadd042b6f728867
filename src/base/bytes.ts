/**
 * Bytes in memory of their own. As TextEncoder gives them, because only TypeScript 5.7 and later can write
 * `Uint8Array<ArrayBuffer>`, which those versions take this for.
 */
export type Bytes = ReturnType<TextEncoder['encode']>;
