import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packageFile } from './packageFile.ts';

describe('files of the package', () => {
  it('are found from its own folder on', () => {
    expect(JSON.parse(readFileSync(packageFile('package.json'), 'utf8'))).toMatchObject({ name: 'slimrnn' });
    expect(packageFile('dist/web/').href).toBe(new URL('../../dist/web/', import.meta.url).href);
  });
});
