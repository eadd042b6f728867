import { loadWebRuntime } from 'slimrnn/browser';
import { slimModel } from './slimModel.ts';

/** What the worker tells the page. */
export interface FromWorker {
  readonly text: string;
  /** The small model as an ONNX file, in the end. */
  readonly model?: ReturnType<TextEncoder['encode']>;
}

const tell = (message: FromWorker) => self.postMessage(message);

self.onmessage = async ({ data }: MessageEvent<string>) => {
  try {
    const { units, bytes } = await slimModel(data, await loadWebRuntime(), (text) => tell({ text }));
    tell({ text: `done: ${units.join(' + ')} units of 32 + 32 are left, in ${bytes.length} bytes`, model: bytes });
  } catch (error) {
    tell({ text: `failed: ${error instanceof Error ? error.message : error}` });
  }
};
