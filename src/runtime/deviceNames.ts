/** Short names of the devices that execute models, as the command line takes them (`devices.ts`). */
export const deviceNames = ['cpu', 'wasm', 'webgpu', 'cuda'] as const;

/** One of them. */
export type DeviceName = (typeof deviceNames)[number];
