import type { FromWorker } from './worker.ts';

/** The element with this id. */
function element<E extends HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

const button = element<HTMLButtonElement>('train');
const text = element<HTMLTextAreaElement>('text');
const log = element('log');
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
  log.append(`${data.text}\n`);
  if (data.model === undefined) return;
  const href = URL.createObjectURL(new Blob([data.model]));
  log.after(Object.assign(document.createElement('a'), { href, download: 'slim.onnx', textContent: 'slim.onnx' }));
};
worker.onerror = ({ message }) => log.append(`${message}\n`);
button.onclick = () => {
  button.disabled = true;
  worker.postMessage(text.value);
};
