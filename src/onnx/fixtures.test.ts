import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { meaning } from '../../test/support/protos.ts';
import { inlineFunctions } from '../passes/inlineFunctions.ts';
import { loadModel } from './file.ts';
import { writeModel } from './write.ts';

const root = fileURLToPath(new URL('../../test/fixtures', import.meta.url));
const files = existsSync(root) ? readdirSync(root, { recursive: true, encoding: 'utf8' }) : [];

it.each(files.filter((name) => name.endsWith('.onnx')))('%s says the same after reading and writing', async (name) => {
  const path = join(root, name);
  const model = await loadModel(path);
  const written = writeModel(model);
  expect(meaning(written)).toEqual(meaning(readFileSync(path), dirname(path)));
  expect(inlineFunctions(model).functions).toBeUndefined();
});
