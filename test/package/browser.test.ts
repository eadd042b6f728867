import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

test.each(['src/browser.ts', 'dist/browser.js'])('slimrnn/browser reaches no module of Node: %s', async (file) => {
  const reached: string[] = [];
  const bundle = await rolldown({
    input: fileURLToPath(new URL(`../../${file}`, import.meta.url)),
    platform: 'browser',
    external: ['onnxruntime-web/wasm'],
    plugins: [
      {
        name: 'of-node',
        resolveId(source, importer) {
          if (!source.startsWith('node:') && source !== 'onnxruntime-node') return null;
          reached.push(`${importer} imports ${source}`);
          return { id: source, external: true };
        },
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm' });
  await bundle.close();
  expect(reached).toEqual([]);
  expect(output[0].exports).toEqual(
    expect.arrayContaining([
      'train',
      'finetune',
      'distill',
      'finishModels',
      'resolveConfig',
      'shrinkZeros',
      'loadWebRuntime',
    ]),
  );
});
